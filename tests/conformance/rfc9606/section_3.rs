//! Retrieving it.

use hickory_proto::{
    op::{Message, OpCode, Query},
    rr::{Name, RData, Record, RecordType, rdata::NULL},
};
use resolvet_proto::discovery::{
    AnswerError, DomainName,
    resinfo::{ResinfoError, read},
};

fn message(authoritative: bool, owner: &str, rdata: &[&[u8]]) -> Vec<u8> {
    let code = RecordType::from(261);
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.authoritative = authoritative;
    message.add_query(Query::query(name("dns.example.net."), code));
    for rdata in rdata {
        let rdata = NULL::with(rdata.to_vec());
        message.add_answer(Record::from_rdata(
            name(owner),
            60,
            RData::Unknown { code, rdata },
        ));
    }
    message.to_vec().unwrap()
}

fn name() -> DomainName {
    DomainName::parse("dns.example.net").unwrap()
}

const OWN: &str = "dns.example.net.";

#[test]
fn one_record_with_authority() {
    let info = read(&message(true, OWN, &[b"\x08qnamemin"]), &name(), None).unwrap();
    assert_eq!(&*info, b"\x08qnamemin");
}

#[test]
fn what_another_resolver_may_have_said_is_discarded() {
    let read = |message: Vec<u8>| read(&message, &name(), None).unwrap_err();
    assert_eq!(
        read(message(false, OWN, &[b"\x08qnamemin"])),
        ResinfoError::NotAuthoritative
    );
    assert_eq!(
        read(message(true, OWN, &[])),
        ResinfoError::None { name: name() }
    );
    assert_eq!(
        read(message(true, "dns.example.org.", &[b"\x08qnamemin"])),
        ResinfoError::None { name: name() }
    );
    assert_eq!(
        read(message(true, OWN, &[b"\x01a", b"\x01b"])),
        ResinfoError::Several { came: 2 }
    );
    assert_eq!(
        read(message(true, OWN, &[b"\x09qnamemin"])),
        ResinfoError::Malformed { at: 0 }
    );
    assert!(matches!(
        read(vec![0; 12]),
        ResinfoError::Answer(AnswerError::NoResponse)
    ));
}
