//! Successive resolution: a branch that fails is left for the next.

use resolvet_proto::discovery::NoteCode;

use crate::zone::{Zone, lines, notes};

/// The branch under test comes first, a good one second.
fn beside_a_good_branch(flags: &str, replacement: &str) -> Zone {
    Zone::new()
        .naptr("example.net.", (1, 0), flags, "DPRIVE:dns.tls", replacement)
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "good.example.net.",
        )
        .a("good.example.net.", 1)
}

const GOOD: [&str; 1] = ["dot 192.0.2.1 853"];

#[test]
fn no_address_for_the_flag_a() {
    let discovered = beside_a_good_branch("A", "bad.example.net.").discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(
        notes(&discovered, "bad.example.net."),
        [NoteCode::NoRecords]
    );
}

#[test]
fn no_srv_record_for_the_flag_s() {
    let mut zone = beside_a_good_branch("S", "bad.example.net.").a("bad.example.net.", 9);
    let discovered = zone.discover();
    assert_eq!(
        lines(&discovered),
        GOOD,
        "an address record is no substitute"
    );
    assert_eq!(
        notes(&discovered, "bad.example.net."),
        [NoteCode::NoRecords]
    );
}

#[test]
fn no_naptr_record_for_an_empty_flag() {
    let discovered = beside_a_good_branch("", "bad.example.net.").discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(
        notes(&discovered, "bad.example.net."),
        [NoteCode::NameDoesNotExist]
    );
}

#[test]
fn no_matching_naptr_record_for_an_empty_flag() {
    let mut zone = beside_a_good_branch("", "bad.example.net.").naptr(
        "bad.example.net.",
        (1, 0),
        "A",
        "EM:ProtA",
        "mail.example.net.",
    );
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(
        notes(&discovered, "bad.example.net."),
        [NoteCode::NoMatchingRecord]
    );
}

#[test]
fn all_targets_of_a_branch_come_before_the_next_branch() {
    let mut zone = beside_a_good_branch("S", "_domain-s._tcp.example.net.")
        .srv("_domain-s._tcp.example.net.", 2, 0, 853, "c.example.net.")
        .srv("_domain-s._tcp.example.net.", 1, 0, 853, "b.example.net.")
        .a("b.example.net.", 2)
        .a("c.example.net.", 3);
    let expected = [
        "dot 192.0.2.2 853",
        "dot 192.0.2.3 853",
        "dot 192.0.2.1 853",
    ];
    assert_eq!(lines(&zone.discover()), expected);
}

#[test]
fn a_name_that_leads_back_is_not_followed() {
    let mut zone = beside_a_good_branch("", "b.example.net.")
        .naptr(
            "b.example.net.",
            (1, 0),
            "",
            "DPRIVE:dns.tls",
            "c.example.net.",
        )
        .naptr(
            "c.example.net.",
            (1, 0),
            "",
            "DPRIVE:dns.tls",
            "EXAMPLE.net.",
        );
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(notes(&discovered, "c.example.net."), [NoteCode::Loop]);
    let naptrs = zone
        .asked
        .iter()
        .filter(|question| question.ends_with("NAPTR"))
        .count();
    assert_eq!(naptrs, 3, "{:?}", zone.asked);
}

#[test]
fn a_name_that_leads_to_itself_is_not_followed() {
    let discovered = beside_a_good_branch("", "example.net.").discover();
    assert_eq!(lines(&discovered), GOOD);
    assert_eq!(notes(&discovered, "example.net."), [NoteCode::Loop]);
}

#[test]
fn a_name_that_two_branches_share_is_pursued_once() {
    let mut zone = beside_a_good_branch("", "b.example.net.")
        .naptr(
            "example.net.",
            (3, 0),
            "",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .naptr(
            "b.example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .a("b.example.net.", 2);
    let discovered = zone.discover();
    assert_eq!(
        lines(&discovered),
        ["dot 192.0.2.2 853", "dot 192.0.2.1 853"]
    );
    assert_eq!(notes(&discovered, "example.net."), [NoteCode::Duplicate]);
}
