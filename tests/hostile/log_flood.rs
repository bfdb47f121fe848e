use resolvet_engine::Engine;
use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{faults_of, guest, none, options, rule};

#[test]
fn a_log_ends_at_its_budget_and_what_was_said_is_kept() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest("log_flood")).unwrap();
    let ((kind, message), log) = faults_of(&engine, rule(policy, none()));
    assert_eq!(kind, FaultKind::LogOctets);
    let expected = "octets of log lines, at most 16384 are allowed (`limits.log-octets`)";
    assert!(message.ends_with(expected), "{message}");
    let octets: usize = log
        .iter()
        .map(|line| line.level.len() + line.message.len())
        .sum();
    assert!((16_000..=16_384).contains(&octets), "{octets}");
}
