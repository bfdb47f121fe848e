//! Where an instance is: its SRV record (RFC 2782).

use hickory_proto::rr::{Name, RData, rdata::PTR};
use resolvet_proto::discovery::NoteCode;

use super::{SERVICE, at, browse, codes, name, places, pointer};

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
