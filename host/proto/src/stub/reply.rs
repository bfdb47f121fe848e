//! Writing what a client gets.

use alloc::{string::String, vec::Vec};

use super::query::Edns;
use crate::message::HEADER;

/// Octets of a datagram that every client takes (RFC 1035 section 2.3.4).
const SMALLEST: usize = 512;
/// Octets of a datagram that passes without fragments, and what this stub takes itself (RFC 9715 section 3).
pub(super) const PAYLOAD: u16 = 1_232;
/// The code of an Extended DNS Error (RFC 8914 section 2).
const EDE: u16 = 15;
/// Octets of an Extended DNS Error's text at most: it must not make an answer larger than a datagram.
const EDE_TEXT: usize = 240;
/// Response and recursion available.
const QR_RA: u16 = 0x8080;
/// Truncated.
const TC: u16 = 0x0200;

/// What every reply has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The query's identifier.
    pub id: u16,
    /// Flags that are taken over, opcode included.
    pub flags: u16,
    /// The response code, of up to twelve bits.
    pub code: u16,
    /// The question section as it came; empty when there was none.
    pub question: &'a [u8],
    /// The client's EDNS: without it, it gets none.
    pub edns: Option<Edns>,
}

/// An Extended DNS Error (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedError {
    /// The INFO-CODE (RFC 8914 section 4).
    pub code: u16,
    /// The EXTRA-TEXT.
    pub text: String,
}

impl ExtendedError {
    /// An error whose text has printable characters of ASCII alone, and not too many: the rest is cut.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        let printable = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        let text = text.chars().take(EDE_TEXT).map(printable).collect();
        Self { code, text }
    }
}

/// A reply without records.
#[must_use]
pub fn reply(head: &Head<'_>, errors: &[ExtendedError]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADER + head.question.len() + 64);
    begin(&mut octets, head, [0; 3], 0);
    end(&mut octets, head, errors);
    octets
}

/// A reply with these records, whose sections have these counts. `flags` are set besides the head's own.
pub(super) fn with_records(
    head: &Head<'_>,
    flags: u16,
    counts: [u16; 3],
    records: &[u8],
    errors: &[ExtendedError],
) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADER + head.question.len() + records.len() + 64);
    begin(&mut octets, head, counts, flags);
    octets.extend(records);
    end(&mut octets, head, errors);
    octets
}

/// The same reply as it may go in a datagram: whole when it fits, else cut so that the client asks again over TCP (RFC 2181
/// section 9).
#[must_use]
pub fn datagram(octets: Vec<u8>, head: &Head<'_>) -> Vec<u8> {
    let takes = head.edns.map_or(SMALLEST, |edns| {
        usize::from(edns.payload.min(PAYLOAD)).max(SMALLEST)
    });
    if octets.len() <= takes {
        return octets;
    }
    let flags = Head {
        flags: head.flags | TC,
        ..*head
    };
    reply(&flags, &[])
}

fn begin(octets: &mut Vec<u8>, head: &Head<'_>, counts: [u16; 3], flags: u16) {
    let [answers, authorities, additionals] = counts;
    let questions = u16::from(!head.question.is_empty());
    let additionals = additionals.saturating_add(u16::from(head.edns.is_some()));
    for number in [
        head.id,
        QR_RA | head.flags | flags | (head.code & 0xF),
        questions,
        answers,
        authorities,
        additionals,
    ] {
        octets.extend(number.to_be_bytes());
    }
    octets.extend(head.question);
}

/// The OPT record of this hop, where the client has one.
fn end(octets: &mut Vec<u8>, head: &Head<'_>, errors: &[ExtendedError]) {
    let Some(edns) = head.edns else { return };
    let mut options = Vec::new();
    for error in errors {
        let length = u16::try_from(error.text.len() + 2).unwrap_or(2);
        options.extend(EDE.to_be_bytes());
        options.extend(length.to_be_bytes());
        options.extend(error.code.to_be_bytes());
        options.extend(error.text.as_bytes());
    }
    octets.extend([0, 0, 41]);
    octets.extend(PAYLOAD.to_be_bytes());
    let high = u8::try_from(head.code >> 4).unwrap_or(u8::MAX);
    octets.extend([high, 0, if edns.dnssec_ok { 0x80 } else { 0 }, 0]);
    let length = u16::try_from(options.len()).unwrap_or_default();
    octets.extend(length.to_be_bytes());
    octets.extend(options);
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;

    fn head(payload: Option<u16>) -> Head<'static> {
        Head {
            id: 9,
            flags: 0x0100,
            code: 2,
            question: b"\x01a\x00\x00\x01\x00\x01",
            edns: payload.map(|payload| Edns {
                payload,
                dnssec_ok: true,
            }),
        }
    }

    #[test]
    fn errors_are_told_in_printable_text_to_those_who_have_edns() {
        let error = ExtendedError::new(0, "no \u{1b}[31mserver\n é");
        assert_eq!(error.text, "no ?[31mserver? ?");
        let read = |payload| {
            Message::from_vec(&reply(&head(payload), core::slice::from_ref(&error))).unwrap()
        };
        let message = read(Some(4_096));
        let edns = message.edns.unwrap();
        assert!(edns.flags().dnssec_ok);
        assert_eq!(edns.max_payload(), PAYLOAD);
        assert_eq!(edns.options().as_ref().len(), 1);
        assert!(read(None).edns.is_none());
    }

    #[test]
    fn what_a_datagram_does_not_hold_is_cut() {
        let records: Vec<u8> = [
            b"\x00\x00\x10\x00\x01\x00\x00\x00\x05\x02\x58".as_slice(),
            &[0; 600],
        ]
        .concat();
        for (payload, cut) in [
            (None, true),
            (Some(512), true),
            (Some(100), true),
            (Some(4_096), false),
        ] {
            let head = head(payload);
            let whole = with_records(&head, 0, [1, 0, 0], &records, &[]);
            let sent = datagram(whole, &head);
            assert_eq!(sent[2] & 0x02 != 0, cut, "{payload:?}");
            assert_eq!(sent.len() < 600, cut, "{payload:?}");
        }
    }
}
