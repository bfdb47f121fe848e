//! Discovery by a resolver's name: the records of the name itself, and the name is what authenticates.

use resolvet_proto::{discovery::svcb::Params, judgement::Source};

use crate::zone::{Zone, lines, svcb_plan};

#[test]
fn a_name_designates_without_the_resolver_that_is_asked() {
    let mut plan = svcb_plan();
    plan.methods.push(Source::Ddr);
    plan.resolver = Some([192, 0, 2, 53].into());
    let mut zone = Zone::new()
        .svcb(
            "_dns.example.net.",
            1,
            "a.example.net.",
            &Params::new().with_alpn(&["dot"]),
        )
        .a("a.example.net.", 1);
    let discovered = zone.resolve(plan);
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(discovered.candidates[0].identity, None);
    assert!(
        !zone
            .asked
            .iter()
            .any(|question| question.contains("resolver.arpa")),
        "{:?}",
        zone.asked
    );
}
