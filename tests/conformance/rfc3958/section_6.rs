//! The formal definition of the application: flags (6.4), service parameters (6.5), valid rules (6.6).

use resolvet_proto::discovery::NoteCode;

use crate::zone::{Zone, lines, naptr, notes};

fn good() -> Zone {
    Zone::new()
        .naptr(
            "example.net.",
            (9, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1)
        .a("bad.example.net.", 2)
}

const GOOD: [&str; 1] = ["dot 192.0.2.1 853"];

#[test]
fn flags_have_no_case() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "s",
            "DPRIVE:dns.tls",
            "_domain-s._tcp.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "a",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .srv("_domain-s._tcp.example.net.", 0, 0, 853, "a.example.net.")
        .a("a.example.net.", 1)
        .a("b.example.net.", 2);
    assert_eq!(
        lines(&zone.discover()),
        ["dot 192.0.2.1 853", "dot 192.0.2.2 853"]
    );
}

#[test]
fn other_flags_are_ignored() {
    for flags in ["U", "P", "SA", "AA", "1"] {
        let mut zone = good().naptr(
            "example.net.",
            (1, 0),
            flags,
            "DPRIVE:dns.tls",
            "bad.example.net.",
        );
        let discovered = zone.discover();
        assert_eq!(lines(&discovered), GOOD, "`{flags}`");
        assert_eq!(
            notes(&discovered, "example.net."),
            [NoteCode::UnknownFlag],
            "`{flags}`"
        );
    }
}

#[test]
fn tags_have_no_case() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "dPrIvE:DNS.tls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "dprive:Dns.Dtls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (3, 0),
            "A",
            "DPRIVE:DNSHTTPS",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    let expected = [
        "dot 192.0.2.1 853",
        "dtls 192.0.2.1 853",
        "doh 192.0.2.1 443",
    ];
    assert_eq!(lines(&zone.discover()), expected);
}

#[test]
fn a_regular_expression_is_never_used() {
    let rule = naptr((1, 0), "A", "DPRIVE:dns.tls", "!.*!bad.example.net!", ".");
    let discovered = good().add("example.net.", rule).discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(
        notes(&discovered, "example.net."),
        [NoteCode::RegexpNotEmpty]
    );
    let both = naptr(
        (1, 0),
        "A",
        "DPRIVE:dns.tls",
        "!.*!bad.example.net!",
        "bad.example.net.",
    );
    let discovered = good().add("example.net.", both).discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(
        notes(&discovered, "example.net."),
        [NoteCode::RegexpNotEmpty]
    );
}

#[test]
fn a_replacement_must_be_a_name_that_can_be_asked() {
    for replacement in [".", "a b.example.net.", "-a.example.net.", "*.example.net."] {
        let mut zone = good().naptr("example.net.", (1, 0), "A", "DPRIVE:dns.tls", replacement);
        let discovered = zone.discover();
        assert_eq!(lines(&discovered), GOOD, "`{replacement}`");
        assert_eq!(
            notes(&discovered, "example.net."),
            [NoteCode::UnusableName],
            "`{replacement}`"
        );
    }
}
