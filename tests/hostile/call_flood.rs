use resolvet_engine::{Engine, Limits};
use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{faults_of, guest, none, options, rule};

#[test]
fn octets_that_cross_end_at_their_budget() {
    let engine = Engine::new(options()).unwrap();
    let mut rule = rule(engine.admit(&guest("call_flood")).unwrap(), none());
    rule.limits = Some(Limits {
        call_octets: 100_000,
        ..engine.options().limits
    });
    let ((kind, message), _) = faults_of(&engine, rule);
    assert_eq!(kind, FaultKind::CallOctets);
    // 98 calls of 1,016 octets each, and the settings before them.
    let expected =
        "octets crossed between host and guest, at most 100000 are allowed (`limits.call-octets`)";
    assert!(message.ends_with(expected), "{message}");
}
