//! Clients that support several protocols.

use resolvet_proto::discovery::NoteCode;

use crate::zone::{Zone, lines, notes};

#[test]
fn a_protocol_that_the_first_set_does_not_name_is_never_pursued() {
    let mut zone = Zone::new()
        .naptr("example.net.", (1, 0), "", "DPRIVE:dns.tls", "isp.example.")
        .naptr(
            "isp.example.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "dtls.isp.example.",
        )
        .naptr(
            "isp.example.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "dot.isp.example.",
        )
        .a("dot.isp.example.", 1)
        .a("dtls.isp.example.", 2);
    assert_eq!(lines(&zone.discover()), ["dot 192.0.2.1 853"]);
    assert!(
        !zone
            .asked
            .iter()
            .any(|question| question.starts_with("dtls.")),
        "{:?}",
        zone.asked
    );
}

#[test]
fn a_set_for_another_protocol_alone_is_a_failure() {
    let mut zone = Zone::new()
        .naptr("example.net.", (1, 0), "", "DPRIVE:dns.tls", "isp.example.")
        .naptr(
            "isp.example.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "dtls.isp.example.",
        )
        .a("dtls.isp.example.", 2);
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    assert_eq!(
        notes(&discovered, "isp.example."),
        [NoteCode::NoMatchingRecord]
    );
}

#[test]
fn one_protocol_is_pursued_completely_before_another() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .naptr(
            "example.net.",
            (3, 0),
            "A",
            "DPRIVE:dns.dtls",
            "c.example.net.",
        )
        .naptr(
            "example.net.",
            (4, 0),
            "A",
            "DPRIVE:dns.tls",
            "d.example.net.",
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 2)
        .a("c.example.net.", 3)
        .a("d.example.net.", 4);
    let expected = [
        "dtls 192.0.2.1 853",
        "dtls 192.0.2.3 853",
        "dot 192.0.2.2 853",
        "dot 192.0.2.4 853",
    ];
    assert_eq!(
        lines(&zone.discover()),
        expected,
        "the first set ranks the protocols"
    );
}

#[test]
fn each_protocol_is_pursued_by_itself() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "",
            "DPRIVE:dns.tls:dns.dtls",
            "next.example.net.",
        )
        .naptr(
            "next.example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    let expected = ["dot 192.0.2.1 853", "dtls 192.0.2.1 853"];
    assert_eq!(
        lines(&zone.discover()),
        expected,
        "one visit of a name does not count for the other"
    );
}
