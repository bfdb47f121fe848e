//! Aliases and services.

use resolvet_proto::discovery::{NoteCode, limits::ALIASES, svcb::Params};

use crate::zone::{Zone, lines, notes, svcb_plan};

fn dot() -> Params {
    Params::new().with_alpn(&["dot"])
}

#[test]
fn an_alias_leads_to_the_records_of_its_target() {
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 0, "pool.example.org.", &Params::new())
        .svcb("pool.example.org.", 1, "a.example.org.", &dot())
        .a("a.example.org.", 1);
    assert_eq!(lines(&zone.resolve(svcb_plan())), ["dot 192.0.2.1 853"]);
    assert!(!zone.asked.contains(&"pool.example.org. A".to_owned()));
}

#[test]
fn an_alias_beside_services_wins_and_its_parameters_do_not_count() {
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 1, "a.example.net.", &dot())
        .svcb(
            "_dns.example.net.",
            0,
            "b.example.net.",
            &dot().with_port(25),
        )
        .svcb("b.example.net.", 1, ".", &dot())
        .a("a.example.net.", 1)
        .a("b.example.net.", 2);
    assert_eq!(lines(&zone.resolve(svcb_plan())), ["dot 192.0.2.2 853"]);
}

#[test]
fn a_chain_of_aliases_has_an_end() {
    let mut zone = Zone::new();
    let mut owner = "_dns.example.net.".to_owned();
    for n in 0..=ALIASES {
        let target = format!("a{n}.example.net.");
        zone = zone.svcb(&owner, 0, &target, &Params::new());
        owner = target;
    }
    let discovered = zone
        .svcb(&owner, 1, ".", &dot())
        .a(&owner, 1)
        .resolve(svcb_plan());
    assert_eq!(lines(&discovered), [""; 0]);
    let last = format!("a{}.example.net.", ALIASES - 1);
    assert_eq!(notes(&discovered, &last), [NoteCode::AliasChain]);

    let mut zone = Zone::new().svcb("_dns.example.net.", 0, "_dns.example.net.", &Params::new());
    assert_eq!(lines(&zone.resolve(svcb_plan())), [""; 0]);
}

/// Section 2.5.1.
#[test]
fn an_alias_to_the_root_says_that_there_is_no_service() {
    let mut zone = Zone::new().svcb("_dns.example.net.", 0, ".", &Params::new());
    let discovered = zone.resolve(svcb_plan());
    assert_eq!(
        notes(&discovered, "_dns.example.net."),
        [NoteCode::ServiceNotAvailable]
    );
}

/// Section 2.5.2.
#[test]
fn a_service_at_the_root_is_at_the_owner() {
    let mut zone = Zone::new()
        .svcb("_dns.example.net.", 1, ".", &dot())
        .a("_dns.example.net.", 1);
    let discovered = zone.resolve(svcb_plan());
    assert_eq!(discovered.candidates[0].target, "_dns.example.net");
}

#[test]
fn services_are_ordered_by_priority_and_drawn_within_one() {
    let mut firsts = std::collections::BTreeSet::new();
    for seed in 0..16 {
        let mut zone = Zone::new()
            .seed(seed)
            .svcb("_dns.example.net.", 2, "c.example.net.", &dot())
            .svcb("_dns.example.net.", 1, "a.example.net.", &dot())
            .svcb("_dns.example.net.", 1, "b.example.net.", &dot())
            .a("a.example.net.", 1)
            .a("b.example.net.", 2)
            .a("c.example.net.", 3);
        let discovered = zone.resolve(svcb_plan());
        let ranks: Vec<_> = discovered
            .candidates
            .iter()
            .map(|c| c.ranks.as_slice())
            .collect();
        assert_eq!(ranks, [[1], [1], [2]]);
        firsts.insert(discovered.candidates[0].address);
    }
    assert_eq!(firsts.len(), 2, "both were first at some time");
}
