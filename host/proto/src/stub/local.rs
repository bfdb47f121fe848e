//! Names that no server is asked for.

use alloc::{vec, vec::Vec};

use super::{
    query::Asked,
    reply::{reply, with_records},
};

const NXDOMAIN: u16 = 3;
const A: u16 = 1;
const AAAA: u16 = 28;
/// Seconds that the address of this machine holds.
const TTL: u32 = 86_400;

/// The answer to a question that concerns this machine alone.
#[must_use]
pub fn answer(asked: &Asked<'_>) -> Option<Vec<u8>> {
    let name = asked.name().to_ascii_lowercase();
    if is_or_is_below(&name, b"\x09localhost\x00") {
        return Some(localhost(asked));
    }
    // RFC 6761 section 6.4: it cannot exist, and nobody is to be told of it.
    if is_or_is_below(&name, b"\x07invalid\x00") {
        return Some(reply(&asked.head(NXDOMAIN), &[]));
    }
    // RFC 9462 section 4: designations are of one hop; those of the upstream are not this stub's.
    if is_or_is_below(&name, b"\x08resolver\x04arpa\x00") {
        return Some(reply(&asked.head(0), &[]));
    }
    None
}

/// The loopback address (RFC 6761 section 6.3).
fn localhost(asked: &Asked<'_>) -> Vec<u8> {
    let data: &[u8] = match asked.rtype {
        A => &[127, 0, 0, 1],
        AAAA => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        _ => return reply(&asked.head(0), &[]),
    };
    // A pointer to the question's name.
    let mut record = vec![0xC0, 12];
    record.extend(asked.rtype.to_be_bytes());
    record.extend([0, 1]);
    record.extend(TTL.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    record.extend(data);
    with_records(&asked.head(0), 0, [1, 0, 0], &record, &[])
}

/// Whether a name ends with these labels, and a label begins there.
fn is_or_is_below(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    while let Some((&length, after)) = rest.split_first() {
        if rest == zone {
            return true;
        }
        rest = after.get(usize::from(length)..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::Message, rr::RecordType};

    use super::{
        super::query::{Incoming, read},
        *,
    };
    use crate::stub::tests::query;

    fn asked(name: &str, rtype: RecordType) -> Option<Message> {
        let query = query(name, rtype.into());
        let Incoming::Ask(asked) = read(&query) else {
            panic!()
        };
        answer(&asked).map(|octets| Message::from_vec(&octets).unwrap())
    }

    #[test]
    fn names_of_this_machine_are_answered_here() {
        let reply = asked("a.LOCALHOST.", RecordType::AAAA).unwrap();
        assert_eq!(
            reply.answers[0].data.ip_addr(),
            Some("::1".parse().unwrap())
        );
        assert_eq!(reply.answers[0].name.to_ascii(), "a.LOCALHOST.");
        assert!(
            asked("localhost.", RecordType::MX)
                .unwrap()
                .answers
                .is_empty()
        );
        let reply = asked("x.invalid.", RecordType::A).unwrap();
        assert_eq!(u16::from(reply.metadata.response_code), NXDOMAIN);
        assert!(asked("_dns.resolver.arpa.", RecordType::SVCB).is_some());
        for elsewhere in ["notlocalhost.", "localhost.example.", "arpa."] {
            assert!(asked(elsewhere, RecordType::A).is_none(), "{elsewhere}");
        }
    }
}
