//! Section 6: discovery, with the zone of Figure 2.

use crate::zone::{Zone, lines};

fn figure_2() -> Zone {
    Zone::new()
        .naptr(
            "example.net.",
            (100, 10),
            "",
            "DPRIVE:dns.tls",
            "dns1.example.net.",
        )
        .naptr(
            "example.net.",
            (200, 10),
            "",
            "DPRIVE:dns.dtls",
            "dns2.example.net.",
        )
        .naptr(
            "dns1.example.net.",
            (100, 10),
            "S",
            "DPRIVE:dns.tls",
            "_domain-s._tcp.example.net.",
        )
        .naptr(
            "dns2.example.net.",
            (100, 10),
            "S",
            "DPRIVE:dns.dtls",
            "_domain-s._udp.example.net.",
        )
        .srv("_domain-s._tcp.example.net.", 0, 0, 853, "a.example.net.")
        .srv("_domain-s._udp.example.net.", 0, 0, 853, "a.example.net.")
        .a("a.example.net.", 1)
        .aaaa("a.example.net.", 2)
}

#[test]
fn figure_2_yields_dot_and_then_dtls() {
    let mut zone = figure_2();
    let discovered = zone.discover();
    let expected = [
        "dot 2001:db8::2 853",
        "dot 192.0.2.1 853",
        "dtls 2001:db8::2 853",
        "dtls 192.0.2.1 853",
    ];
    assert_eq!(lines(&discovered), expected);
    assert!(discovered.notes.is_empty(), "{:?}", discovered.notes);
    assert_eq!(zone.asked.len(), 7);
}

#[test]
fn every_candidate_rests_on_the_records_that_led_to_it() {
    let discovered = figure_2().discover();
    let dtls = &discovered.candidates[3];
    let evidence: Vec<_> = dtls
        .evidence
        .iter()
        .map(|index| &discovered.records[*index as usize])
        .map(|record| (record.owner.as_str(), record.rtype))
        .collect();
    let expected = [
        ("example.net.", 35),
        ("dns2.example.net.", 35),
        ("_domain-s._udp.example.net.", 33),
        ("a.example.net.", 1),
    ];
    assert_eq!(evidence, expected);
}

#[test]
fn the_records_are_given_as_they_came_without_compression() {
    let discovered = figure_2().discover();
    let srv = discovered
        .records
        .iter()
        .find(|record| record.rtype == 33)
        .unwrap();
    assert_eq!(&srv.rdata[..], b"\0\0\0\0\x03\x55\x01a\x07example\x03net\0");
    let naptr = &discovered.records[0];
    assert_eq!(
        &naptr.rdata[..],
        b"\0\x64\0\x0a\0\x0eDPRIVE:dns.tls\0\x04dns1\x07example\x03net\0"
    );
    assert!(
        discovered
            .records
            .iter()
            .all(|record| record.dnssec.as_str() == "indeterminate")
    );
}

#[test]
fn both_spellings_of_the_https_tag_are_one_protocol() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "",
            "DPRIVE:dnshttps",
            "next.example.net.",
        )
        .naptr(
            "next.example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.https",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    assert_eq!(lines(&zone.discover()), ["doh 192.0.2.1 443"]);
}
