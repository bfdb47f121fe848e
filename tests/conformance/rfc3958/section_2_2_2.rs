//! Matching and non-matching NAPTR records.

use resolvet_proto::discovery::NoteCode;

use crate::zone::{Zone, lines, notes};

#[test]
fn records_of_other_services_are_not_pursued() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "S",
            "SIP+D2T",
            "_sip._tcp.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "EM:dns.tls",
            "mail.example.net.",
        )
        .naptr(
            "example.net.",
            (3, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(
        zone.asked,
        [
            "example.net. NAPTR",
            "a.example.net. AAAA",
            "a.example.net. A"
        ]
    );
    assert!(
        discovered.notes.is_empty(),
        "what is not for us is no fault: {:?}",
        discovered.notes
    );
}

#[test]
fn the_service_without_a_known_protocol_is_told() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tsl",
            "a.example.net.",
        )
        .naptr("example.net.", (1, 0), "A", "DPRIVE", "a.example.net.")
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    let expected = [NoteCode::UnknownProtocol, NoteCode::NoMatchingRecord];
    assert_eq!(notes(&discovered, "example.net."), expected);
}

#[test]
fn a_record_may_name_several_protocols() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls:quic:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(
        lines(&discovered),
        ["dtls 192.0.2.1 853", "dot 192.0.2.1 853"]
    );
}
