//! Discovery by a resolver's address.

use resolvet_proto::{
    discovery::{NoteCode, Plan, svcb::Params},
    judgement::{ReferenceId, Source},
};

use crate::zone::{Zone, lines, notes};

pub(crate) fn plan() -> Plan {
    Plan {
        methods: vec![Source::Ddr],
        resolver: Some([192, 0, 2, 53].into()),
        ..Plan::nothing()
    }
}

fn dot() -> Params {
    Params::new().with_alpn(&["dot"])
}

#[test]
fn one_query_finds_what_the_resolver_designates() {
    let mut zone = Zone::new()
        .svcb("_dns.resolver.arpa.", 1, "dns.example.net.", &dot())
        .a("dns.example.net.", 1);
    let discovered = zone.resolve(plan());
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    let candidate = &discovered.candidates[0];
    assert_eq!(candidate.source, Source::Ddr);
    assert_eq!(
        candidate.identity,
        Some(ReferenceId::IpId([192, 0, 2, 53].into()))
    );
    assert_eq!(zone.asked[0], "_dns.resolver.arpa. SVCB");
}

#[test]
fn the_target_is_a_name_of_its_own() {
    for (priority, target) in [
        (1, "."),
        (1, "resolver.arpa."),
        (1, "dns.resolver.arpa."),
        (0, "resolver.arpa."),
        (0, "_dns.resolver.arpa."),
    ] {
        let mut zone = Zone::new()
            .svcb("_dns.resolver.arpa.", priority, target, &dot())
            .a("resolver.arpa.", 1)
            .a("dns.resolver.arpa.", 1);
        let discovered = zone.resolve(plan());
        assert_eq!(lines(&discovered), [""; 0], "{target}");
        assert_eq!(
            notes(&discovered, "_dns.resolver.arpa."),
            [NoteCode::ForbiddenTarget]
        );
        assert_eq!(
            zone.asked,
            ["_dns.resolver.arpa. SVCB"],
            "nobody has addresses for it"
        );
    }
}

/// RFC 9460 section 2.5.2: behind an alias the owner of the record is a name of its own, and `.` stands for it.
#[test]
fn behind_an_alias_the_target_may_be_the_owner() {
    let mut zone = Zone::new()
        .svcb(
            "_dns.resolver.arpa.",
            0,
            "_dns.example.net.",
            &Params::new(),
        )
        .svcb("_dns.example.net.", 1, ".", &dot())
        .a("_dns.example.net.", 1);
    let discovered = zone.resolve(plan());
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(discovered.candidates[0].target, "_dns.example.net");
}

#[test]
fn nothing_is_designated_where_nothing_is_said() {
    let discovered = Zone::new().resolve(plan());
    assert_eq!(lines(&discovered), [""; 0]);
    assert_eq!(
        notes(&discovered, "_dns.resolver.arpa."),
        [NoteCode::NameDoesNotExist]
    );
}

/// Section 6.3: the host of the URI is the resolver's address, whatever the target's name.
#[test]
fn the_host_of_a_doh_server_is_the_address() {
    let params = Params::new()
        .with_alpn(&["h2"])
        .with_path(&"/q{?dns}".parse().unwrap());
    let mut zone = Zone::new()
        .svcb("_dns.resolver.arpa.", 1, "dns.example.net.", &params)
        .a("dns.example.net.", 1);
    let discovered = zone.resolve(plan());
    let candidate = &discovered.candidates[0];
    assert_eq!(candidate.server().path.as_deref(), Some("/q{?dns}"));
    assert_eq!(
        candidate.identity,
        Some(ReferenceId::IpId([192, 0, 2, 53].into()))
    );
}
