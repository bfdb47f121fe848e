//! Address hints.

use resolvet_proto::discovery::svcb::{Params, Svcb};

use crate::zone::{Zone, lines, svcb_plan};

const HINTED: &[u8] = b"\0\x01\x01a\x07example\x03net\0\0\x01\0\x04\x03dot\0\x04\0\x04\xc0\0\x02\x09\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09";

#[test]
fn hints_are_used_where_there_is_no_address() {
    assert_eq!(Svcb::parse(HINTED).unwrap().params.hints().len(), 2);
    let mut zone = Zone::new().raw("_dns.example.net.", 64, HINTED);
    assert_eq!(
        lines(&zone.resolve(svcb_plan())),
        ["dot 2001:db8::9 853", "dot 192.0.2.9 853"]
    );
    assert!(
        zone.asked.contains(&"a.example.net. AAAA".to_owned()),
        "they are asked for first"
    );
}

#[test]
fn addresses_win() {
    let mut zone = Zone::new()
        .raw("_dns.example.net.", 64, HINTED)
        .a("a.example.net.", 1);
    assert_eq!(lines(&zone.resolve(svcb_plan())), ["dot 192.0.2.1 853"]);
    assert!(Params::new().hints().is_empty());
}
