use alloc::{string::String, vec, vec::Vec};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{
        RData, Record, RecordType,
        rdata::{CNAME, PTR, SRV},
    },
};

use super::*;

const SERVICE: &str = "_est._tcp.example.net.";

fn domain() -> DomainName {
    DomainName::parse("example.net").unwrap()
}

/// A name; `~` is a blank in it.
fn name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(|label| label.replace('~', " ").into_bytes())).unwrap()
}

/// An answer as it comes from the wire.
fn answer(lookup: &Lookup, records: Vec<(Name, RData)>) -> Answer {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    let rtype = RecordType::from(lookup.kind.number());
    message.add_query(Query::query(lookup.name.clone(), rtype));
    for (owner, data) in records {
        message.add_answer(Record::from_rdata(owner, 300, data));
    }
    Answer::parse(&message.to_vec().unwrap(), &lookup.question()).unwrap()
}

/// A browse that was told of these instances and servers: what came of it.
fn browse(ptr: Vec<(Name, RData)>, srv: impl Fn(&Name) -> Vec<(Name, RData)>) -> Browse {
    let mut browse = Browse::new("_est._tcp", &domain()).unwrap();
    let first = browse.next_lookup().unwrap();
    assert_eq!((first.name.clone(), first.kind), (name(SERVICE), Kind::Ptr));
    browse.answered(&first, answer(&first, ptr));
    while let Some(lookup) = browse.next_lookup() {
        browse.answered(&lookup, answer(&lookup, srv(&lookup.name)));
    }
    browse
}

fn pointer(to: &Name) -> (Name, RData) {
    (name(SERVICE), RData::PTR(PTR(to.clone())))
}

fn at(owner: &Name, priority: u16, port: u16, host: &str) -> (Name, RData) {
    let data = SRV::new(priority, 0, port, name(host));
    (owner.clone(), RData::SRV(data))
}

fn places(browse: &Browse) -> Vec<(String, u16)> {
    let instances = browse.instances(1).into_iter();
    instances
        .map(|instance| (instance.srv.target.without_dot().into(), instance.srv.port))
        .collect()
}

fn codes(browse: &Browse) -> Vec<NoteCode> {
    browse.notes().iter().map(|note| note.code).collect()
}

#[test]
fn instances_have_any_octets_and_come_by_priority() {
    let odd = name(SERVICE)
        .prepend_label(b"Lab \xc3\xbc\xff v1.0\0".as_slice())
        .unwrap();
    let plain = name("EST._est._tcp.example.net.");
    let found = browse(
        vec![pointer(&odd), pointer(&plain), pointer(&odd)],
        |owner| {
            let (priority, host) = match *owner == odd {
                true => (20, "b.example.net."),
                false => (10, "a.example.net."),
            };
            vec![at(owner, priority, 8443, host)]
        },
    );
    assert_eq!(found.instances(0)[1].name, odd);
    assert_eq!(
        places(&found),
        [
            ("a.example.net".into(), 8443),
            ("b.example.net".into(), 8443)
        ]
    );
    assert_eq!(codes(&found), []);
}

#[test]
fn an_alias_of_the_service_is_followed() {
    let other = name("_est._tcp.example.org.");
    let instance = name("EST._est._tcp.example.org.");
    let alias = (name(SERVICE), RData::CNAME(CNAME(other.clone())));
    let found = browse(vec![alias, (other, RData::PTR(PTR(instance)))], |owner| {
        vec![at(owner, 0, 443, "est.example.org.")]
    });
    assert_eq!(places(&found), [("est.example.org".into(), 443)]);
}

#[test]
fn what_is_no_instance_or_no_place_is_left_out() {
    let instance = name("EST._est._tcp.example.net.");
    let ptr = vec![
        (
            name("_ipp._tcp.example.net."),
            RData::PTR(PTR(instance.clone())),
        ),
        pointer(&name("EST._ipp._tcp.example.net.")),
        pointer(&name(SERVICE)),
        pointer(&name("_est._tcp.")),
        pointer(&Name::root()),
        pointer(&instance),
    ];
    let found = browse(ptr, |owner| {
        vec![
            at(&name("other.example.net."), 0, 443, "a.example.net."),
            at(owner, 0, 443, "."),
            at(owner, 0, 0, "b.example.net."),
            at(owner, 0, 443, "c~d.example.net."),
            at(owner, 7, 443, "e.example.net."),
            at(owner, 9, 443, "E.example.net."),
        ]
    });
    assert_eq!(places(&found), [("e.example.net".into(), 443)]);
    let came = codes(&found);
    for code in [
        NoteCode::OtherName,
        NoteCode::ServiceNotAvailable,
        NoteCode::ForbiddenPort,
        NoteCode::UnusableName,
    ] {
        assert!(came.contains(&code), "{came:?}");
    }
}

#[test]
fn hundreds_of_instances_are_a_few_lookups() {
    let many = (0..200).map(|n| pointer(&name(&format!("n{n}._est._tcp.example.net."))));
    let mut browse = Browse::new("_est._tcp", &domain()).unwrap();
    let first = browse.next_lookup().unwrap();
    browse.answered(&first, answer(&first, many.collect()));
    let mut lookups = 0;
    while let Some(lookup) = browse.next_lookup() {
        lookups += 1;
        let hosts = (0..100).map(|n| at(&lookup.name, n, 443, &format!("h{n}.example.net.")));
        browse.answered(&lookup, answer(&lookup, hosts.collect()));
    }
    assert_eq!(lookups, INSTANCES);
    assert_eq!(browse.instances(0).len(), INSTANCES);
    assert_eq!(browse.notes().len(), NOTES);
    assert!(codes(&browse).iter().all(|code| *code == NoteCode::FanOut));
}

#[test]
fn answers_to_what_was_not_asked_say_nothing() {
    let mut browse = Browse::new("_est._tcp", &domain()).unwrap();
    for kind in [Kind::Ptr, Kind::Srv] {
        let lookup = Lookup {
            name: name("x._est._tcp.example.org."),
            kind,
        };
        let records = vec![
            at(&lookup.name, 0, 443, "a.example.net."),
            (
                lookup.name.clone(),
                RData::PTR(PTR(name("y._est._tcp.example.org."))),
            ),
        ];
        browse.answered(&lookup, answer(&lookup, records));
    }
    assert_eq!(browse.instances(0), []);
}

#[test]
fn domains_to_browse_are_proposed() {
    let lookup = browse_domains(&domain()).unwrap();
    assert_eq!(lookup.name, name("b._dns-sd._udp.example.net."));
    let to = |text| (lookup.name.clone(), RData::PTR(PTR(name(text))));
    let mut records = vec![
        to("Corp.example."),
        to("corp.example."),
        to("."),
        to("local."),
        to("my.local."),
        to("a~b.example."),
    ];
    assert_eq!(
        domains(&answer(&lookup, records.clone())),
        [DomainName::parse("corp.example").unwrap()]
    );
    let more: Vec<_> = (0..50).map(|n| format!("d{n}.example.")).collect();
    records.extend(more.iter().map(|text| to(text)));
    assert_eq!(domains(&answer(&lookup, records)).len(), DOMAINS);
}

#[test]
fn a_network_has_a_name_in_the_reverse_tree() {
    for (address, prefix, expected) in [
        (
            [192, 168, 1, 77],
            24,
            "b._dns-sd._udp.0.1.168.192.in-addr.arpa.",
        ),
        (
            [10, 20, 30, 40],
            12,
            "b._dns-sd._udp.0.0.16.10.in-addr.arpa.",
        ),
        (
            [10, 20, 30, 40],
            32,
            "b._dns-sd._udp.40.30.20.10.in-addr.arpa.",
        ),
        ([10, 20, 30, 40], 0, "b._dns-sd._udp.0.0.0.0.in-addr.arpa."),
    ] {
        let lookup = browse_domains_of_network(address.into(), prefix).unwrap();
        assert_eq!(lookup.name, name(expected));
    }
    assert_eq!(browse_domains_of_network([10, 0, 0, 1].into(), 33), None);
}

#[test]
fn a_domain_that_leaves_no_room_is_refused() {
    let domain = DomainName::parse(&"a.".repeat(124)).unwrap();
    let error = Browse::new("_brski-registrar._tcp", &domain).unwrap_err();
    assert!(error.to_string().ends_with("(RFC 1035 2.3.4)"), "{error}");
}
