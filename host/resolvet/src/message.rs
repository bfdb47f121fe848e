//! Queries as they go out, and the part of a message that tells what was asked.

use std::str::FromStr as _;

use hickory_proto::{
    ProtoError,
    op::{Edns, Message, Query},
    rr::{Name, RecordType},
};
use resolvet_proto::{discovery::Kind, message::pad};

/// Octets of the header of a message.
const HEADER: usize = 12;

/// A query with recursion desired, padded for an encrypted transport (RFC 7830, RFC 8467).
///
/// # Errors
/// The name is no domain name.
pub fn query(name: &str, rtype: RecordType) -> Result<Vec<u8>, ProtoError> {
    padded(name, rtype, true, false)
}

/// A query for what a resolver says about itself: without recursion, for nobody else can say it (RFC 9606 section 3).
pub(crate) fn resolver_info(name: &str, signatures: bool) -> Result<Vec<u8>, ProtoError> {
    let rtype = RecordType::from(Kind::Resinfo.number());
    padded(name, rtype, false, signatures)
}

fn padded(
    name: &str,
    rtype: RecordType,
    recursion: bool,
    signatures: bool,
) -> Result<Vec<u8>, ProtoError> {
    let mut name = Name::from_str(name)?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = recursion;
    message.add_query(Query::query(name, rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232).set_version(0);
    edns.set_dnssec_ok(signatures);
    message.set_edns(edns);
    let mut query = message.to_vec()?;
    pad(&mut query);
    Ok(query)
}

/// What a message asks: the one entry of its question section, the name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question(Vec<u8>);

impl Question {
    /// The question of a query. `None` when it is no message with exactly one question.
    pub(crate) fn of(message: &[u8]) -> Option<Self> {
        let counts = message.get(4..6)?;
        if counts != [0, 1] {
            return None;
        }
        let mut rest = message.get(HEADER..)?;
        let mut question = Vec::new();
        // The first name of a message cannot be compressed: there is nothing before it to point at.
        loop {
            let (&length, after) = rest.split_first()?;
            question.push(length);
            if length == 0 {
                let (tail, _) = after.split_at_checked(4)?;
                question.extend_from_slice(tail);
                return Some(Self(question));
            }
            if length > 63 || question.len() > 255 {
                return None;
            }
            let (label, after) = after.split_at_checked(usize::from(length))?;
            question.extend(label.iter().map(u8::to_ascii_lowercase));
            rest = after;
        }
    }

    /// The question of a response; `None` for what is no response.
    pub(crate) fn of_response(message: &[u8]) -> Option<Self> {
        let response = message.get(2)? & 0x80 != 0;
        response.then(|| Self::of(message))?
    }
}

#[cfg(test)]
mod tests {
    use resolvet_proto::message::QUERY_BLOCK;

    use super::*;

    #[test]
    fn queries_are_padded_to_blocks() {
        for name in [
            "a.",
            "dns.example.net.",
            "a-rather-long-label-of-a-name.example.net.",
        ] {
            assert_eq!(
                query(name, RecordType::A).unwrap().len() % QUERY_BLOCK,
                0,
                "{name}"
            );
        }
    }

    #[test]
    fn the_question_disregards_case_of_the_name_only() {
        let lower = Question::of(&query("a.example.", RecordType::HTTPS).unwrap()).unwrap();
        let upper = Question::of(&query("A.EXAMPLE.", RecordType::HTTPS).unwrap()).unwrap();
        assert_eq!(lower, upper);
        // 65 and 97 are `A` and `a`.
        let other = query("a.example.", RecordType::from(97)).unwrap();
        assert_ne!(Question::of(&other).unwrap(), lower);
    }

    #[test]
    fn no_prefix_of_a_query_has_a_question() {
        let message = query("a.example.", RecordType::A).unwrap();
        let end = HEADER + "a.example.".len() + 1 + 4;
        for length in 0..end {
            assert_eq!(Question::of(&message[..length]), None, "{length} octets");
        }
        assert!(Question::of(&message[..end]).is_some());
    }
}
