use resolvet_engine::Engine;
use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{component, faults_of, guest, none, options, rule, text_guest};

/// What each line costs beside its texts.
const LINE: usize = 48;

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
        .map(|line| line.level.len() + line.message.len() + LINE)
        .sum();
    assert!((16_000..=16_384).contains(&octets), "{octets}");
}

#[test]
fn lines_without_text_end_at_the_budget_too() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&component(text_guest("empty_lines"))).unwrap();
    let ((kind, message), log) = faults_of(&engine, rule(policy, none()));
    assert_eq!(kind, FaultKind::LogOctets, "{message}");
    assert_eq!(log.len(), 16_384 / LINE);
}
