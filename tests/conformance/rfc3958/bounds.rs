//! What the RFC leaves without a limit and a hostile resolver would not.

use std::time::Instant;

use resolvet_proto::discovery::{NoteCode, limits};

use crate::zone::{NOW, Zone, lines, notes};

#[test]
fn a_chain_ends() {
    let mut zone = Zone::new().naptr(
        "example.net.",
        (1, 0),
        "",
        "DPRIVE:dns.tls",
        "n0.example.net.",
    );
    for n in 0..100 {
        let (owner, next) = (
            format!("n{n}.example.net."),
            format!("n{}.example.net.", n + 1),
        );
        zone = zone.naptr(&owner, (1, 0), "", "DPRIVE:dns.tls", &next);
    }
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    assert_eq!(zone.asked.len(), limits::DEPTH);
    let last = format!("n{}.example.net.", limits::DEPTH - 2);
    assert_eq!(notes(&discovered, &last), [NoteCode::TooDeep]);
}

#[test]
fn a_chain_of_the_longest_length_is_followed() {
    let mut zone = Zone::new().naptr(
        "example.net.",
        (1, 0),
        "",
        "DPRIVE:dns.tls",
        "n2.example.net.",
    );
    for n in 2..limits::DEPTH {
        let (owner, next) = (
            format!("n{n}.example.net."),
            format!("n{}.example.net.", n + 1),
        );
        zone = zone.naptr(&owner, (1, 0), "", "DPRIVE:dns.tls", &next);
    }
    let last = format!("n{}.example.net.", limits::DEPTH);
    let mut zone = zone
        .naptr(&last, (1, 0), "A", "DPRIVE:dns.tls", "a.example.net.")
        .a("a.example.net.", 1);
    assert_eq!(lines(&zone.discover()), ["dot 192.0.2.1 853"]);
}

#[test]
fn a_set_fans_out_so_far_and_no_further() {
    let mut zone = Zone::new();
    for n in 0..100 {
        let host = format!("n{n}.example.net.");
        zone = zone
            .naptr("example.net.", (n, 0), "A", "DPRIVE:dns.tls", &host)
            .a(&host, n as u8);
    }
    let discovered = zone.discover();
    assert_eq!(discovered.candidates.len(), limits::MATCHES);
    assert_eq!(notes(&discovered, "example.net."), [NoteCode::FanOut]);
}

#[test]
fn names_that_all_lead_to_all_are_bounded_by_lookups() {
    let begun = Instant::now();
    let all: Vec<String> = (0..16).map(|n| format!("n{n}.example.net.")).collect();
    let mut zone = Zone::new();
    for owner in all.iter().map(String::as_str).chain(["example.net."]) {
        for next in &all {
            zone = zone.naptr(owner, (1, 0), "", "DPRIVE:dns.tls:dns.dtls:dns.https", next);
        }
    }
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    assert_eq!(zone.asked.len(), 17, "each name once");
    assert!(discovered.notes.len() <= limits::NOTES);
    assert!(
        begun.elapsed().as_secs() < 20,
        "the walk visits each name once for a protocol"
    );
}

#[test]
fn lookups_are_bounded() {
    let mut zone = Zone::new();
    let service = "_domain-s._tcp.example.net.";
    for n in 0..16 {
        let service = format!("s{n}.{service}");
        zone = zone.naptr("example.net.", (n, 0), "S", "DPRIVE:dns.tls", &service);
        for m in 0..16 {
            zone = zone.srv(&service, m, 0, 853, &format!("h{n}-{m}.example.net."));
        }
    }
    let discovered = zone.discover();
    assert_eq!(zone.asked.len(), limits::LOOKUPS);
    assert!(
        discovered
            .notes
            .iter()
            .any(|note| note.code == NoteCode::TooManyLookups)
    );
}

#[test]
fn candidates_and_addresses_are_bounded() {
    let mut zone = Zone::new();
    for n in 0..16_u8 {
        let host = format!("h{n}.example.net.");
        zone = zone.naptr(
            "example.net.",
            (u16::from(n), 0),
            "A",
            "DPRIVE:dns.tls",
            &host,
        );
        for m in 0..12_u8 {
            zone = zone.a(&host, n * 12 + m);
        }
    }
    let discovered = zone.discover();
    assert_eq!(discovered.candidates.len(), limits::CANDIDATES);
    assert_eq!(
        notes(&discovered, "h0.example.net."),
        [NoteCode::TooManyAddresses]
    );
    assert_eq!(
        notes(&discovered, "example.net."),
        [NoteCode::TooManyCandidates]
    );
}

#[test]
fn a_set_of_600_records_is_not_read() {
    let mut zone = Zone::new();
    for n in 0..600 {
        zone = zone.naptr(
            "example.net.",
            (n, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        );
    }
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    let note = &discovered.notes[0];
    assert_eq!(note.code, NoteCode::LookupFailed);
    let expected = "the lookup of NAPTR records failed: response announces 600 answer records, at most 256 are read";
    assert_eq!(note.message, expected);
}

#[test]
fn ten_thousand_records_over_many_answers_are_bounded_work() {
    let begun = Instant::now();
    let mut zone = Zone::new();
    for host in 0..24 {
        for n in 0..250 {
            zone = zone
                .a(&format!("h{host}.example.net."), n)
                .aaaa(&format!("h{host}.example.net."), n.into());
        }
    }
    for service in 0..16 {
        let owner = format!("s{service}.example.net.");
        zone = zone.naptr("example.net.", (service, 0), "S", "DPRIVE:dns.tls", &owner);
        for n in 0..250 {
            zone = zone.srv(
                &owner,
                n,
                0,
                853,
                &format!("h{}.example.net.", (service + n) % 24),
            );
        }
    }
    let discovered = zone.discover();
    assert_eq!(
        zone.asked.len(),
        limits::LOOKUPS,
        "1 + 16 + 47 answers of 250 records"
    );
    assert_eq!(
        discovered.candidates.len(),
        2 * limits::ADDRESSES,
        "all hosts have the same"
    );
    assert!(discovered.records.len() <= limits::RECORDS);
    assert!(
        begun.elapsed().as_secs() < 20,
        "the walk over known answers is short"
    );
}

#[test]
fn a_replacement_of_255_octets_is_asked_for() {
    // 63 + 63 + 63 + 61 octets in four labels, each with its length, and the root: 255.
    let labels = [63, 63, 63, 61].map(|length| "a".repeat(length));
    let longest = format!("{}.", labels.join("."));
    let mut zone = Zone::new()
        .naptr("example.net.", (1, 0), "A", "DPRIVE:dns.tls", &longest)
        .a(&longest, 1);
    assert_eq!(lines(&zone.discover()), ["dot 192.0.2.1 853"]);
}

#[test]
fn addresses_that_no_server_has_are_ignored() {
    use hickory_proto::rr::{
        RData,
        rdata::{A, AAAA},
    };
    let forbidden = [
        RData::A(A::new(0, 0, 0, 0)),
        RData::A(A::new(255, 255, 255, 255)),
        RData::A(A::new(224, 0, 0, 251)),
        RData::AAAA(AAAA::new(0, 0, 0, 0, 0, 0, 0, 0)),
        RData::AAAA(AAAA::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
        RData::AAAA(AAAA::new(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201)),
    ];
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .add("a.example.net.", RData::A(A::new(127, 0, 0, 1)));
    for data in forbidden {
        zone = zone.add("a.example.net.", data);
    }
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 127.0.0.1 853"]);
    assert_eq!(
        notes(&discovered, "a.example.net."),
        [NoteCode::ForbiddenAddress; 6]
    );
}

#[test]
fn a_choice_ends_with_the_first_of_its_records() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    assert_eq!(
        zone.discover().ends,
        [NOW.after_seconds(u64::from(crate::zone::TTL))]
    );
}
