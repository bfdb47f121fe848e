//! The Information-request of DHCPv6 and its reply (RFC 8415).

use alloc::vec::Vec;

use super::{MESSAGE, Parameters};
use crate::discovery::{
    dnr::{Carrier, DHCP_V6_CODE},
    search_list,
};

const INFORMATION_REQUEST: u8 = 11;
const REPLY: u8 = 7;

const CLIENT: u16 = 1;
const SERVER: u16 = 2;
const REQUESTED: u16 = 6;
const ELAPSED: u16 = 8;
const STATUS: u16 = 13;
const SEARCH_LIST: u16 = 24;
const REFRESH: u16 = 32;
const LONGEST_RETRY: u16 = 83;

/// An Information-request (section 18.2.6) without an identifier of the client, which nothing that is asked for depends on
/// (RFC 7844 section 4.3.1). The transaction's lower 24 bits count; `elapsed` is in hundredths of a second.
#[must_use]
pub fn information_request(transaction: u32, elapsed: u16) -> Vec<u8> {
    let [_, a, b, c] = transaction.to_be_bytes();
    let mut message = Vec::from([INFORMATION_REQUEST, a, b, c]);
    let requested = [SEARCH_LIST, REFRESH, LONGEST_RETRY, DHCP_V6_CODE];
    option(&mut message, ELAPSED, &elapsed.to_be_bytes());
    option(
        &mut message,
        REQUESTED,
        &requested.map(u16::to_be_bytes).concat(),
    );
    message
}

fn option(message: &mut Vec<u8>, code: u16, data: &[u8]) {
    message.extend_from_slice(&code.to_be_bytes());
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(data);
}

/// What a message says, if it replies to the Information-request of this transaction; `None` otherwise, and when it cannot
/// be read. A reply names its server and, since the question named no client, no client (section 16.10).
#[must_use]
pub fn reply(message: &[u8], transaction: u32) -> Option<Parameters> {
    let [_, a, b, c] = transaction.to_be_bytes();
    let mut rest = message.strip_prefix(&[REPLY, a, b, c])?;
    if message.len() > MESSAGE {
        return None;
    }
    let mut parameters = Parameters::default();
    let (mut has_server, mut lifetime) = (false, None);
    while !rest.is_empty() {
        let (head, after) = rest.split_first_chunk::<4>()?;
        let [c1, c2, l1, l2] = *head;
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let (data, after) = after.split_at_checked(length)?;
        rest = after;
        match u16::from_be_bytes([c1, c2]) {
            SERVER => has_server = true,
            CLIENT => return None,
            // Anything but success.
            STATUS if data.first_chunk() != Some(&[0, 0]) => return None,
            SEARCH_LIST => {
                let domains = search_list::parse(data).unwrap_or_default();
                domains
                    .into_iter()
                    .for_each(|domain| parameters.add(domain));
            }
            REFRESH => lifetime = Some(data),
            DHCP_V6_CODE => parameters.designate(Carrier::DhcpV6, data),
            _ => {}
        }
    }
    parameters.hold(lifetime);
    has_server.then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = Vec::from([REPLY, 1, 2, 3]);
        for (code, data) in options {
            option(&mut message, *code, data);
        }
        message
    }

    const OURS: u32 = 0xff01_0203;

    #[test]
    fn a_question_asks_for_what_is_read() {
        assert_eq!(
            information_request(OURS, 5),
            [
                11, 1, 2, 3, 0, 8, 0, 2, 0, 5, 0, 6, 0, 8, 0, 24, 0, 32, 0, 83, 0, 144
            ]
        );
    }

    #[test]
    fn each_designation_is_an_option_of_its_own() {
        let search = b"\x01a\x04test\0\x01b\x04test\0";
        let found = message(&[
            (SERVER, &[0, 1]),
            (DHCP_V6_CODE, &[1]),
            (SEARCH_LIST, search),
            (99, &[1, 2, 3]),
            (DHCP_V6_CODE, &[2, 2]),
            (REFRESH, &[0, 0, 2, 88]),
        ]);
        let parameters = reply(&found, OURS).unwrap();
        let options = parameters.options.iter();
        let options: Vec<_> = options
            .map(|option| (&*option.data, option.lifetime))
            .collect();
        assert_eq!(options, [([1].as_slice(), Some(600)), (&[2, 2], Some(600))]);
        assert_eq!(parameters.domains.len(), 2);
    }

    #[test]
    fn what_is_no_reply_says_nothing() {
        let good = message(&[(SERVER, &[0, 1]), (STATUS, &[0, 0, b'o', b'k'])]);
        assert!(reply(&good, OURS).is_some());
        assert_eq!(reply(&good, 1), None);
        for options in [
            [(DHCP_V6_CODE, [1].as_slice()), (99, &[])],
            [(SERVER, &[0, 1]), (STATUS, &[0, 1])],
            [(SERVER, &[0, 1]), (CLIENT, &[0, 1])],
        ] {
            assert_eq!(reply(&message(&options), OURS), None, "{options:?}");
        }
        for length in 0..good.len() {
            // Where an option ends the message may end too.
            if length != 10 {
                assert_eq!(reply(&good[..length], OURS), None, "{length}");
            }
        }
        let many: Vec<(u16, &[u8])> = (0..200).map(|_| (DHCP_V6_CODE, [7].as_slice())).collect();
        let many = [message(&[(SERVER, &[1])]), message(&many).split_off(4)].concat();
        let options = reply(&many, OURS).unwrap().options;
        assert_eq!(options.len(), super::super::OPTIONS);
    }
}
