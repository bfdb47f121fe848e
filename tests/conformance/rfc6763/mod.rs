//! DNS-Based Service Discovery.

mod bounds;
mod section_11;
mod section_4_1;
mod section_5;

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{PTR, SRV},
    },
};
use resolvet_proto::discovery::{
    Answer, DomainName, Kind, NoteCode,
    dns_sd::{Browse, Lookup},
};

/// What is browsed for in these tests.
pub(crate) const SERVICE: &str = "_est._tcp.example.net.";

pub(crate) fn domain() -> DomainName {
    DomainName::parse("example.net").unwrap()
}

/// A name; `~` is a blank in it.
pub(crate) fn name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(|label| label.replace('~', " ").into_bytes())).unwrap()
}

/// An answer as it comes from the wire.
pub(crate) fn answer(lookup: &Lookup, records: Vec<(Name, RData)>) -> Answer {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    let rtype = RecordType::from(lookup.kind.number());
    message.add_query(Query::query(lookup.name.clone(), rtype));
    for (owner, data) in records {
        message.add_answer(Record::from_rdata(owner, 300, data));
    }
    Answer::parse(&message.to_vec().unwrap(), &lookup.question()).unwrap()
}

/// A browse that was told of these instances and servers: what came of it.
pub(crate) fn browse(ptr: Vec<(Name, RData)>, srv: impl Fn(&Name) -> Vec<(Name, RData)>) -> Browse {
    let mut browse = Browse::new("_est._tcp", &domain()).unwrap();
    let first = browse.next_lookup().unwrap();
    assert_eq!((first.name.clone(), first.kind), (name(SERVICE), Kind::Ptr));
    browse.answered(&first, answer(&first, ptr));
    while let Some(lookup) = browse.next_lookup() {
        browse.answered(&lookup, answer(&lookup, srv(&lookup.name)));
    }
    browse
}

pub(crate) fn pointer(to: &Name) -> (Name, RData) {
    (name(SERVICE), RData::PTR(PTR(to.clone())))
}

pub(crate) fn at(owner: &Name, priority: u16, port: u16, host: &str) -> (Name, RData) {
    let data = SRV::new(priority, 0, port, name(host));
    (owner.clone(), RData::SRV(data))
}

pub(crate) fn places(browse: &Browse) -> Vec<(String, u16)> {
    let instances = browse.instances(1).into_iter();
    instances
        .map(|instance| (instance.srv.target.without_dot().into(), instance.srv.port))
        .collect()
}

pub(crate) fn codes(browse: &Browse) -> Vec<NoteCode> {
    browse.notes().iter().map(|note| note.code).collect()
}
