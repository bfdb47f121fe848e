//! DHCPINFORM and its acknowledgement (RFC 2131, RFC 2132, RFC 3396).

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::Ipv4Addr;

use super::{MESSAGE, Parameters};
use crate::discovery::{
    DomainName,
    dnr::{Carrier, DHCP_V4_CODE},
    search_list,
};

/// Octets before the fields `sname` and `file`, their lengths, and the cookie that begins the options.
const FIXED: usize = 44;
const SNAME: usize = 64;
const FILE: usize = 128;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;
const ACK: u8 = 5;
const INFORM: u8 = 8;

const PAD: u8 = 0;
const DOMAIN_NAME: u8 = 15;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const PARAMETERS: u8 = 55;
const MAXIMUM_SIZE: u8 = 57;
const SEARCH_LIST: u8 = 119;
const END: u8 = 255;

/// A DHCPINFORM (RFC 2131 section 4.4.3) of the host at this address, whose hardware address is one of Ethernet.
#[must_use]
pub fn inform(transaction: u32, address: Ipv4Addr, hardware: [u8; 6]) -> Vec<u8> {
    let mut message = Vec::from([REQUEST, ETHERNET, 6, 0]);
    message.extend_from_slice(&transaction.to_be_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&[0; 12]);
    message.extend_from_slice(&hardware);
    message.resize(FIXED + SNAME + FILE, 0);
    message.extend_from_slice(&COOKIE);
    message.extend_from_slice(&[MESSAGE_TYPE, 1, INFORM]);
    message.extend_from_slice(&[PARAMETERS, 3, DOMAIN_NAME, SEARCH_LIST, DHCP_V4_CODE]);
    // What fits into a packet of Ethernet with headers of IP and UDP; without it 576 octets are sent (section 2).
    message.extend_from_slice(&[MAXIMUM_SIZE, 2, 0x05, 0xc0, END]);
    message
}

/// What a message says, if it acknowledges the DHCPINFORM of this transaction and hardware address; `None` otherwise, and
/// when it cannot be read.
#[must_use]
pub fn acknowledgement(message: &[u8], transaction: u32, hardware: [u8; 6]) -> Option<Parameters> {
    let (fixed, rest) = message.split_at_checked(FIXED)?;
    let (sname, rest) = rest.split_at_checked(SNAME)?;
    let (file, rest) = rest.split_at_checked(FILE)?;
    let options = rest.strip_prefix(&COOKIE)?;
    let is_ours = message.len() <= MESSAGE
        && fixed.first() == Some(&REPLY)
        && fixed.get(4..8) == Some(&transaction.to_be_bytes())
        && fixed.get(28..34) == Some(&hardware);
    if !is_ours {
        return None;
    }
    let mut found = BTreeMap::new();
    collect(options, &mut found)?;
    // The two fields carry options where they are not used otherwise, `file` first (RFC 3396 section 5).
    let overload = found.get(&OVERLOAD).and_then(|data| data.first().copied());
    if matches!(overload, Some(1 | 3)) {
        collect(file, &mut found)?;
    }
    if matches!(overload, Some(2 | 3)) {
        collect(sname, &mut found)?;
    }
    if found.get(&MESSAGE_TYPE).map(Vec::as_slice) != Some(&[ACK]) {
        return None;
    }
    let mut parameters = Parameters::default();
    if let Some(domain) = found.get(&DOMAIN_NAME) {
        // Some servers end it with a zero octet.
        let text = core::str::from_utf8(domain).unwrap_or_default();
        let domain = DomainName::parse(text.trim_end_matches('\0')).ok();
        parameters.domains.extend(domain);
    }
    let search = found.get(&SEARCH_LIST);
    let search = search.and_then(|option| search_list::parse(option).ok());
    search
        .into_iter()
        .flatten()
        .for_each(|domain| parameters.add(domain));
    if let Some(option) = found.get(&DHCP_V4_CODE) {
        parameters.designate(Carrier::DhcpV4, option);
    }
    parameters.hold(found.get(&LEASE_TIME).map(Vec::as_slice));
    Some(parameters)
}

/// The options of an area, the parts of one that comes several times joined. `None`: one ends beyond the area.
pub(in crate::discovery) fn collect(area: &[u8], found: &mut BTreeMap<u8, Vec<u8>>) -> Option<()> {
    let mut rest = area;
    while let Some((code, after)) = rest.split_first() {
        rest = after;
        match *code {
            PAD => continue,
            END => break,
            code => {
                let (length, after) = rest.split_first()?;
                let (data, after) = after.split_at_checked((*length).into())?;
                found.entry(code).or_default().extend_from_slice(data);
                rest = after;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;

    const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn answer(kind: u8, options: &[u8], file: &[u8]) -> Vec<u8> {
        let mut message = inform(7, Ipv4Addr::new(192, 0, 2, 2), HARDWARE);
        message[0] = REPLY;
        message[FIXED + SNAME..][..file.len()].copy_from_slice(file);
        message.truncate(FIXED + SNAME + FILE + COOKIE.len());
        message.extend_from_slice(&[MESSAGE_TYPE, 1, kind]);
        message.extend_from_slice(options);
        message.push(END);
        message
    }

    #[test]
    fn a_question_has_the_form_that_servers_expect() {
        let message = inform(0x0102_0304, Ipv4Addr::new(192, 0, 2, 2), HARDWARE);
        assert_eq!(message[..8], [1, 1, 6, 0, 1, 2, 3, 4]);
        assert_eq!(message[12..16], [192, 0, 2, 2]);
        assert_eq!(message[28..34], HARDWARE);
        assert_eq!(message[236..243], [99, 130, 83, 99, 53, 1, 8]);
        assert_eq!(message.last(), Some(&END));
    }

    #[test]
    fn domains_and_resolvers_are_read_and_parts_joined() {
        let options = [
            [15, 7].as_slice(),
            b"a.test\0",
            &[162, 2, 1, 2, 119, 3],
            b"\x01b\0",
            &[162, 1, 3, 52, 1, 1, 51, 4, 0, 0, 14, 16],
        ];
        let message = answer(
            ACK,
            &options.concat(),
            &[119, 3, 1, b'c', 0, END, 162, 1, 9],
        );
        let parameters = acknowledgement(&message, 7, HARDWARE).unwrap();
        let domains = parameters.domains.iter();
        let domains: Vec<_> = domains.map(|domain| domain.to_string()).collect();
        assert_eq!(domains, ["a.test.", "b.", "c."]);
        let [option] = parameters.options.as_slice() else {
            panic!("{parameters:?}")
        };
        assert_eq!(
            (option.carrier, option.lifetime),
            (Carrier::DhcpV4, Some(3_600))
        );
        assert_eq!(*option.data, [1, 2, 3]);
    }

    #[test]
    fn answers_to_others_and_refusals_say_nothing() {
        let good = answer(ACK, &[], &[]);
        assert_eq!(
            acknowledgement(&good, 7, HARDWARE),
            Some(Parameters::default())
        );
        assert_eq!(acknowledgement(&good, 8, HARDWARE), None);
        assert_eq!(acknowledgement(&good, 7, [3; 6]), None);
        assert_eq!(acknowledgement(&answer(6, &[], &[]), 7, HARDWARE), None);
        assert_eq!(
            acknowledgement(&answer(ACK, &[162, 9, 1], &[]), 7, HARDWARE),
            None
        );
        let question = inform(7, Ipv4Addr::LOCALHOST, HARDWARE);
        assert_eq!(acknowledgement(&question, 7, HARDWARE), None);
        let long = answer(ACK, &vec![0; MESSAGE], &[]);
        assert_eq!(acknowledgement(&long, 7, HARDWARE), None);
        for length in 0..good.len() - 1 {
            let cut = acknowledgement(&good[..length], 7, HARDWARE);
            assert_eq!(cut, None, "{length}");
        }
    }
}
