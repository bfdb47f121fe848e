//! Terminal and non-terminal NAPTR records.

use crate::zone::{Zone, lines};

#[test]
fn an_empty_flag_leads_to_naptr_records() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "",
            "DPRIVE:dns.tls",
            "next.example.net.",
        )
        .a("next.example.net.", 1)
        .srv("next.example.net.", 0, 0, 853, "next.example.net.");
    assert!(zone.discover().candidates.is_empty());
    assert_eq!(
        zone.asked,
        ["example.net. NAPTR", "next.example.net. NAPTR"]
    );
}

#[test]
fn the_flag_s_leads_to_srv_records_and_their_port() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "S",
            "DPRIVE:dns.tls",
            "_domain-s._tcp.example.net.",
        )
        .srv("_domain-s._tcp.example.net.", 7, 5, 8_530, "a.example.net.")
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 8530"]);
    let candidate = &discovered.candidates[0];
    assert_eq!(
        (candidate.ranks.as_slice(), candidate.weight),
        ([1, 0, 7].as_slice(), Some(5))
    );
    assert_eq!(candidate.target, "a.example.net");
}

#[test]
fn the_flag_a_leads_to_addresses_and_the_default_port() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "DPRIVE:dns.dtls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (3, 0),
            "A",
            "DPRIVE:dns.https",
            "a.example.net.",
        )
        .a("a.example.net.", 1)
        .aaaa("a.example.net.", 1);
    let expected = [
        "dot 2001:db8::1 853",
        "dot 192.0.2.1 853",
        "dtls 2001:db8::1 853",
        "dtls 192.0.2.1 853",
        "doh 2001:db8::1 443",
        "doh 192.0.2.1 443",
    ];
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), expected);
    assert_eq!(discovered.candidates[0].weight, None);
}

#[test]
fn a_host_of_the_flag_a_may_be_an_alias() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .cname("a.example.net.", "b.example.net.")
        .a("b.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    let owners: Vec<_> = discovered
        .records
        .iter()
        .map(|r| (r.owner.as_str(), r.rtype))
        .collect();
    assert_eq!(
        owners,
        [
            ("example.net.", 35),
            ("a.example.net.", 5),
            ("b.example.net.", 1)
        ]
    );
}
