//! The data of a record.

use resolvet_proto::discovery::{
    NoteCode,
    svcb::{Params, Svcb, SvcbError},
};

use crate::zone::{Zone, lines, notes, svcb_plan};

fn dot() -> Params {
    Params::new().with_alpn(&["dot"])
}

#[test]
fn one_malformed_record_refuses_its_whole_set() {
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 1, "a.example.net.", &dot())
        .raw("_dns.example.net.", 64, b"\0\x02\x01b\0\0\x03\0\x01\x35")
        .a("a.example.net.", 1);
    let discovered = zone.resolve(svcb_plan());
    assert_eq!(lines(&discovered), [""; 0]);
    assert_eq!(
        notes(&discovered, "_dns.example.net."),
        [NoteCode::MalformedRecord, NoteCode::NoRecords]
    );
}

#[test]
fn the_target_is_not_compressed() {
    for rdata in [
        &b"\0\x01\xc0\x0c"[..],
        b"\0\x01\x40a",
        b"\0\x01",
        b"\0\x01\x03abc",
    ] {
        assert_eq!(Svcb::parse(rdata), Err(SvcbError::Target));
    }
    assert_eq!(
        Svcb::parse(b"\0"),
        Err(SvcbError::Truncated { place: "priority" })
    );
}

#[test]
fn keys_increase() {
    let octets = b"\0\x03\0\x02\x03\x55\0\x01\0\x04\x03dot";
    assert_eq!(
        Params::parse(octets),
        Err(SvcbError::Order { before: 3, key: 1 })
    );
}

#[test]
fn values_end_where_they_say() {
    for (octets, place) in [
        (&b"\0"[..], "key of a parameter"),
        (b"\0\x03\0", "length of a parameter"),
        (b"\0\x03\0\x02\x03", "value of a parameter"),
    ] {
        assert_eq!(Params::parse(octets), Err(SvcbError::Truncated { place }));
    }
    for (octets, key) in [
        (&b"\0\x01\0\x04\x04dot"[..], 1),
        (b"\0\x01\0\x05\x03dot\0", 1),
        (b"\0\x03\0\x03\x03\x55\0", 3),
        (b"\0\x04\0\x05\xc0\0\x02\x01\0", 4),
        (b"\0\x06\0\x04\x20\x01\x0d\xb8", 6),
        (b"\0\x07\0\x02/\xff", 7),
        (b"\0\0\0\x03\0\x01\0", 0),
        (b"\0\0\0\x04\0\x03\0\x01", 0),
    ] {
        let error = Params::parse(octets).unwrap_err();
        assert!(
            matches!(error, SvcbError::Value { key: k, .. } if k == key),
            "{error}"
        );
    }
}
