//! A DNS RR for specifying the location of services. The RFC's sections have no numbers.

use resolvet_proto::discovery::NoteCode;

use crate::zone::{Zone, lines, notes};

const SERVICE: &str = "_domain-s._tcp.example.net.";

fn zone() -> Zone {
    Zone::new().naptr("example.net.", (1, 0), "S", "DPRIVE:dns.tls", SERVICE)
}

#[test]
fn a_client_must_try_the_lowest_priority_first() {
    let mut zone = zone()
        .srv(SERVICE, 20, 65_535, 853, "b.example.net.")
        .srv(SERVICE, 10, 0, 853, "a.example.net.")
        .a("a.example.net.", 1)
        .a("b.example.net.", 2);
    assert_eq!(
        lines(&zone.discover()),
        ["dot 192.0.2.1 853", "dot 192.0.2.2 853"]
    );
}

#[test]
fn weights_share_the_first_place() {
    let mut firsts = 0;
    for seed in 0..400 {
        let mut zone = zone()
            .seed(seed)
            .srv(SERVICE, 0, 300, 853, "a.example.net.")
            .srv(SERVICE, 0, 100, 853, "b.example.net.")
            .a("a.example.net.", 1)
            .a("b.example.net.", 2);
        let discovered = zone.discover();
        assert_eq!(discovered.candidates.len(), 2);
        firsts += usize::from(lines(&discovered)[0] == "dot 192.0.2.1 853");
    }
    assert!(
        (260..340).contains(&firsts),
        "three of four, came {firsts} of 400"
    );
}

#[test]
fn the_root_as_target_means_that_the_service_is_not_available() {
    let mut zone = zone().srv(SERVICE, 0, 0, 0, ".").a("example.net.", 1);
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    assert_eq!(notes(&discovered, SERVICE), [NoteCode::ServiceNotAvailable]);
    assert_eq!(
        zone.asked,
        ["example.net. NAPTR", "_domain-s._tcp.example.net. SRV"]
    );
}

#[test]
fn a_target_must_not_be_an_alias() {
    let mut zone = zone()
        .srv(SERVICE, 0, 0, 853, "alias.example.net.")
        .srv(SERVICE, 1, 0, 853, "a.example.net.")
        .cname("alias.example.net.", "b.example.net.")
        .a("b.example.net.", 2)
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(
        notes(&discovered, "alias.example.net."),
        [NoteCode::TargetIsAlias]
    );
}

#[test]
fn the_service_itself_may_be_an_alias() {
    let mut zone = zone()
        .cname(SERVICE, "_domain-s._tcp.isp.example.")
        .srv("_domain-s._tcp.isp.example.", 0, 0, 853, "a.isp.example.")
        .a("a.isp.example.", 1);
    assert_eq!(lines(&zone.discover()), ["dot 192.0.2.1 853"]);
}

#[test]
fn the_same_record_twice_counts_once() {
    let mut zone = zone()
        .srv(SERVICE, 0, 1, 853, "a.example.net.")
        .srv(SERVICE, 0, 1, 853, "A.example.net.")
        .a("a.example.net.", 1);
    let discovered = zone.discover();
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(notes(&discovered, SERVICE), [NoteCode::Duplicate]);
}

#[test]
fn ports_that_no_server_may_have_are_ignored() {
    // RFC 7858 section 3.1, RFC 9461 section 6.
    for port in [0, 53, 25, 6_667] {
        let mut zone = zone()
            .srv(SERVICE, 0, 0, port, "a.example.net.")
            .a("a.example.net.", 1);
        let discovered = zone.discover();
        assert!(discovered.candidates.is_empty(), "port {port}");
        assert_eq!(
            notes(&discovered, "a.example.net."),
            [NoteCode::ForbiddenPort],
            "port {port}"
        );
    }
}

#[test]
fn targets_are_bounded() {
    let mut zone = zone();
    for n in 0..100 {
        let host = format!("h{n}.example.net.");
        zone = zone.srv(SERVICE, n, 0, 853, &host).a(&host, n as u8);
    }
    let discovered = zone.discover();
    assert_eq!(
        discovered.candidates.len(),
        resolvet_proto::discovery::limits::TARGETS
    );
    assert_eq!(notes(&discovered, SERVICE), [NoteCode::FanOut]);
}
