//! What a client asks, or what it is told at once.

use alloc::vec::Vec;

use super::{
    reply::{Head, reply},
    wire::{self, Malformed, Message, Section},
};
use crate::message::{QUERY_BLOCK, number, pad};

/// Response codes that are said at once (RFC 1035 section 4.1.1, RFC 6891 section 9).
const FORMERR: u16 = 1;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;
const BADVERS: u16 = 16;

/// The class IN.
const IN: u16 = 1;
/// Types that no query of a stub may have: OPT, TKEY, TSIG, IXFR, AXFR, MAILB, MAILA (RFC 6895 section 3.1).
const NOT_ASKED: [u16; 7] = [41, 249, 250, 251, 252, 253, 254];

/// Bits of the flags.
const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const RD: u16 = 0x0100;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;

/// What a client understands of EDNS (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Octets of a datagram that it takes.
    pub payload: u16,
    /// Whether it wants DNSSEC's records.
    pub dnssec_ok: bool,
}

/// A question that is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The identifier.
    pub id: u16,
    /// The question section as it came.
    pub question: &'a [u8],
    /// The type that is asked for.
    pub rtype: u16,
    /// EDNS, where the client has it.
    pub edns: Option<Edns>,
    /// Whether the client wants to know that the data was validated (RFC 6840 section 5.7).
    pub authentic_data: bool,
    /// Whether data is wanted that no validator has checked (RFC 4035 section 3.2.2).
    pub checking_disabled: bool,
}

/// What is done with octets that came.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Nothing: a response, or less than a header.
    Ignore,
    /// This is said at once.
    Reply(Vec<u8>),
    /// It is answered.
    Ask(Asked<'a>),
}

impl<'a> Asked<'a> {
    /// The head of a reply with this response code.
    #[must_use]
    pub fn head(&self, code: u16) -> Head<'a> {
        Head {
            id: self.id,
            flags: RD | if self.checking_disabled { CD } else { 0 },
            code,
            question: self.question,
            edns: self.edns,
        }
    }

    /// What an answer depends on: the question without regard to case, DO and CD.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = lower(self.question);
        let dnssec_ok = self.edns.is_some_and(|edns| edns.dnssec_ok);
        key.push(u8::from(dnssec_ok) | (u8::from(self.checking_disabled) << 1));
        key
    }

    /// A query as it goes to a vetted server: the same question in lower case, recursion desired, EDNS of this hop with
    /// padding (RFC 8467), and nothing else of what the client sent. Its identifier is zero.
    #[must_use]
    pub fn upstream(&self) -> Vec<u8> {
        upstream(self)
    }

    /// The name, as labels behind their lengths.
    pub(super) fn name(&self) -> &'a [u8] {
        let end = self.question.len().saturating_sub(4);
        self.question.get(..end).unwrap_or_default()
    }
}

/// Reads what a client sent: any octets.
#[must_use]
pub fn read(octets: &[u8]) -> Incoming<'_> {
    let Some((id, flags)) = wire::head(octets) else {
        return Incoming::Ignore;
    };
    if flags & QR != 0 {
        return Incoming::Ignore;
    }
    let head = |code, question, edns| Head {
        id,
        flags: flags & (OPCODE | RD | CD),
        code,
        question,
        edns,
    };
    let say = |code, question, edns| Incoming::Reply(reply(&head(code, question, edns), &[]));
    if flags & OPCODE != 0 {
        return say(NOTIMP, &[], None);
    }
    let Ok(message) = Message::read(octets) else {
        return say(FORMERR, &[], None);
    };
    let question = message.question();
    let Ok(edns) = edns(&message) else {
        return say(FORMERR, question, None);
    };
    let understood = edns.map(|(edns, _)| edns);
    if edns.is_some_and(|(_, version)| version != 0) {
        return say(BADVERS, question, understood);
    }
    if message
        .records
        .iter()
        .any(|record| record.section != Section::Additional)
    {
        return say(FORMERR, question, understood);
    }
    let at = question.len().saturating_sub(4);
    let (Some(rtype), Some(class)) = (number(question, at), number(question, at + 2)) else {
        return say(FORMERR, &[], understood);
    };
    // Only IN is resolved; a question without recursion would look into what others asked for.
    if class != IN || flags & RD == 0 {
        return say(REFUSED, question, understood);
    }
    if NOT_ASKED.contains(&rtype) {
        return say(NOTIMP, question, understood);
    }
    Incoming::Ask(Asked {
        id,
        question,
        rtype,
        edns: understood,
        authentic_data: flags & AD != 0 || understood.is_some_and(|edns| edns.dnssec_ok),
        checking_disabled: flags & CD != 0,
    })
}

/// What the client understands, and the version of it.
fn edns(message: &Message<'_>) -> Result<Option<(Edns, u8)>, Malformed> {
    Ok(message.opt()?.map(|opt| {
        let [_, version, flags, _] = opt.ttl.to_be_bytes();
        let edns = Edns {
            payload: opt.class,
            dnssec_ok: flags & 0x80 != 0,
        };
        (edns, version)
    }))
}

fn upstream(asked: &Asked<'_>) -> Vec<u8> {
    let checking = if asked.checking_disabled { CD } else { 0 };
    let dnssec_ok = asked.edns.is_some_and(|edns| edns.dnssec_ok);
    let mut query = Vec::with_capacity(2 * QUERY_BLOCK);
    // The connection gives an identifier of its own.
    query.extend([0, 0]);
    query.extend((RD | AD | checking).to_be_bytes());
    query.extend([0, 1, 0, 0, 0, 0, 0, 1]);
    query.extend(lower(asked.question));
    query.extend([0, 0, 41]);
    query.extend(1_232_u16.to_be_bytes());
    query.extend([0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
    pad(&mut query);
    query
}

/// A question whose name is in lower case (RFC 4343): lengths are below `A`, and type and class stay as they are.
pub(super) fn lower(question: &[u8]) -> Vec<u8> {
    let (name, rest) = question.split_at(question.len().saturating_sub(4));
    let name = name.iter().map(u8::to_ascii_lowercase);
    name.chain(rest.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use hickory_proto::{
        op::{Edns as HickoryEdns, Message as Hickory, MessageType, OpCode, Query},
        rr::{Name, RecordType},
    };

    use super::*;

    fn hickory(name: &str, rtype: RecordType) -> Hickory {
        let mut message = Hickory::new(77, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        let name = Name::from_ascii(name).unwrap();
        message.add_query(Query::query(name, rtype));
        message
    }

    fn code(incoming: Incoming<'_>) -> u16 {
        match incoming {
            Incoming::Reply(octets) => {
                let message = Hickory::from_vec(&octets).unwrap();
                assert_eq!(message.metadata.id, 77);
                assert_eq!(message.metadata.message_type, MessageType::Response);
                message.metadata.response_code.into()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_stub_does_not_do_is_said_at_once() {
        let mut notify = hickory("example.net.", RecordType::SOA);
        notify.metadata.op_code = OpCode::Notify;
        assert_eq!(code(read(&notify.to_vec().unwrap())), NOTIMP);
        let transfer = hickory("example.net.", RecordType::AXFR);
        assert_eq!(code(read(&transfer.to_vec().unwrap())), NOTIMP);
        let mut snoop = hickory("example.net.", RecordType::A);
        snoop.metadata.recursion_desired = false;
        assert_eq!(code(read(&snoop.to_vec().unwrap())), REFUSED);
        let mut two = hickory("example.net.", RecordType::A);
        two.add_query(Query::query(Name::root(), RecordType::A));
        assert_eq!(code(read(&two.to_vec().unwrap())), FORMERR);
        let mut later = hickory("example.net.", RecordType::A);
        let mut edns = HickoryEdns::new();
        edns.set_version(1);
        later.set_edns(edns);
        assert_eq!(code(read(&later.to_vec().unwrap())), BADVERS);
        let mut response = hickory("example.net.", RecordType::A);
        response.metadata.message_type = MessageType::Response;
        assert_eq!(read(&response.to_vec().unwrap()), Incoming::Ignore);
        assert_eq!(read(&[0; 11]), Incoming::Ignore);
    }

    #[test]
    fn upstream_queries_are_padded_and_carry_nothing_of_the_client() {
        let mut query = hickory("WWW.Example.net.", RecordType::HTTPS);
        let mut edns = HickoryEdns::new();
        edns.set_dnssec_ok(true);
        edns.options_mut()
            .insert(hickory_proto::rr::rdata::opt::EdnsOption::Unknown(
                10,
                vec![7; 8],
            ));
        query.set_edns(edns);
        let octets = query.to_vec().unwrap();
        let Incoming::Ask(asked) = read(&octets) else {
            panic!()
        };
        let sent = upstream(&asked);
        assert_eq!(sent.len() % 128, 0);
        let sent = Hickory::from_vec(&sent).unwrap();
        assert_eq!(sent.queries[0].name().to_ascii(), "www.example.net.");
        assert!(sent.metadata.recursion_desired && sent.metadata.authentic_data);
        let edns = sent.edns.unwrap();
        assert!(edns.flags().dnssec_ok);
        let codes: Vec<u16> = edns
            .options()
            .as_ref()
            .iter()
            .map(|(code, _)| (*code).into())
            .collect();
        assert_eq!(codes, [12], "padding alone");
    }
}
