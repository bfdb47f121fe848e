//! Protocols and ports.

use resolvet_proto::{
    discovery::{NoteCode, svcb::Params},
    judgement::Source,
};

use crate::zone::{Zone, lines, notes, svcb_plan};

#[test]
fn one_record_offers_several_transports() {
    let params = Params::new()
        .with_alpn(&["doq", "dot", "h3", "h2", "http/1.1"])
        .with_path(&"/q{?dns}".parse().unwrap());
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 1, "a.example.net.", &params)
        .a("a.example.net.", 1);
    let discovered = zone.resolve(svcb_plan());
    assert_eq!(
        lines(&discovered),
        [
            "doq 192.0.2.1 853",
            "dot 192.0.2.1 853",
            "doh3 192.0.2.1 443",
            "doh 192.0.2.1 443",
        ]
    );
    for candidate in &discovered.candidates {
        assert_eq!(candidate.source, Source::Svcb);
        assert_eq!(
            candidate.identity, None,
            "the reference identifier is the domain"
        );
        assert_eq!(candidate.ranks, [1]);
        assert_eq!(
            candidate.evidence.len(),
            2,
            "the SVCB record and the address"
        );
    }
}

#[test]
fn there_is_no_default_protocol() {
    for params in [Params::new(), Params::new().with_alpn(&["http/1.1", "h2c"])] {
        let mut zone = Zone::new()
            .svcb("_dns.example.net.", 1, "a.example.net.", &params)
            .a("a.example.net.", 1);
        let discovered = zone.resolve(svcb_plan());
        assert_eq!(lines(&discovered), [""; 0]);
        assert_eq!(
            notes(&discovered, "_dns.example.net."),
            [NoteCode::UnusableService]
        );
    }
}

#[test]
fn a_port_replaces_every_default() {
    let params = Params::new()
        .with_alpn(&["dot", "h2"])
        .with_port(8_443)
        .with_path(&"/q{?dns}".parse().unwrap());
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 1, "a.example.net.", &params)
        .a("a.example.net.", 1);
    assert_eq!(
        lines(&zone.resolve(svcb_plan())),
        ["dot 192.0.2.1 8443", "doh 192.0.2.1 8443"]
    );
}

/// A server that S-NAPTR and SVCB both name is one candidate.
#[test]
fn several_ways_to_one_server() {
    let mut plan = svcb_plan();
    plan.methods.push(Source::SNaptr);
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .svcb(
            "_dns.example.net.",
            1,
            "b.example.net.",
            &Params::new().with_alpn(&["dot"]),
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 1);
    let discovered = zone.resolve(plan);
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    let candidate = &discovered.candidates[0];
    assert_eq!(
        (&candidate.source, candidate.also.as_slice()),
        (&Source::SNaptr, &[Source::Svcb][..])
    );
    assert_eq!(candidate.evidence.len(), 4, "the records of both ways");
    assert_eq!(candidate.target, "a.example.net");
}
