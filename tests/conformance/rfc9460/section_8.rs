//! Mandatory keys.

use resolvet_proto::discovery::{
    NoteCode,
    svcb::{Params, Unusable},
};

use crate::zone::{Zone, lines, notes, svcb_plan};

fn mandatory(keys: &[u16], more: &[u8]) -> Vec<u8> {
    let length = u16::try_from(keys.len() * 2).unwrap();
    let mut octets = [&[0, 0][..], &length.to_be_bytes()].concat();
    octets.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
    octets.extend_from_slice(b"\0\x01\0\x04\x03dot");
    octets.extend_from_slice(more);
    octets
}

#[test]
fn known_keys_may_be_mandatory() {
    let params = Params::parse(&mandatory(&[1, 3], b"\0\x03\0\x02\x22\xb5")).unwrap();
    assert_eq!(params.offers().unwrap().0[0].port, 8_885);
}

#[test]
fn what_is_not_understood_or_not_there_makes_the_record_unusable() {
    let unknown = Params::parse(&mandatory(&[1, 99], b"\0\x63\0\0")).unwrap();
    assert_eq!(unknown.offers(), Err(Unusable::UnknownKey { key: 99 }));
    let missing = Params::parse(&mandatory(&[1, 3], b"")).unwrap();
    assert_eq!(missing.offers(), Err(Unusable::MissingKey { key: 3 }));
    let ignored = Params::parse(&mandatory(&[1], b"\0\x63\0\0")).unwrap();
    assert_eq!(ignored.offers().unwrap().0.len(), 1, "it is not mandatory");
}

#[test]
fn its_neighbours_are_used() {
    let rdata = [
        b"\0\x01\x01a\x07example\x03net\0",
        &mandatory(&[1, 99], b"\0\x63\0\0")[..],
    ]
    .concat();
    let mut zone = Zone::new()
        .raw("_dns.example.net.", 64, &rdata)
        .svcb(
            "_dns.example.net.",
            2,
            "b.example.net.",
            &Params::new().with_alpn(&["dot"]),
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 2);
    let discovered = zone.resolve(svcb_plan());
    assert_eq!(lines(&discovered), ["dot 192.0.2.2 853"]);
    assert_eq!(
        notes(&discovered, "_dns.example.net."),
        [NoteCode::UnusableService]
    );
}
