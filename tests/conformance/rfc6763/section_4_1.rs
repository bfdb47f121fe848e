//! Names of instances.

use hickory_proto::rr::{
    RData,
    rdata::{CNAME, PTR},
};
use resolvet_proto::discovery::{
    DomainName, Kind,
    dns_sd::{Browse, Lookup},
};

use super::{SERVICE, answer, at, browse, codes, domain, name, places, pointer};

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
fn a_domain_that_leaves_no_room_is_refused() {
    let domain = DomainName::parse(&"a.".repeat(124)).unwrap();
    let error = Browse::new("_brski-registrar._tcp", &domain).unwrap_err();
    assert!(error.to_string().ends_with("(RFC 1035 2.3.4)"), "{error}");
}
