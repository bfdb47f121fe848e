use resolvet_engine::Engine;
use resolvet_proto::judgement::{FaultKind, Mode, Outcome};

use crate::sandbox::{faults_of, guest, judge, none, options, request, rule};

#[test]
fn a_panics_text_is_in_the_fault_and_in_the_log() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest("trap")).unwrap();
    let ((kind, message), log) = faults_of(&engine, rule(policy, none()));
    assert_eq!(kind, FaultKind::Trap);
    assert!(
        message.starts_with("the policy trapped: panic at "),
        "{message}"
    );
    assert!(
        message.ends_with("src/lib.rs:7:5: expected a certificate, 1 came"),
        "{message}"
    );
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].level, "error");
}

#[test]
fn a_fault_of_a_policy_that_monitors_binds_nobody() {
    let engine = Engine::new(options()).unwrap();
    let mut monitor = rule(engine.admit(&guest("trap")).unwrap(), none());
    monitor.mode = Mode::Monitor;
    let friendly = engine.admit(&guest("well_behaved")).unwrap();
    let friendly = rule(
        friendly,
        serde_json::json!({"decision": "accept", "lifetime": 60}),
    );
    let judgement = judge(&engine, vec![monitor, friendly]).validate(&request());
    assert_eq!(
        (judgement.outcome, judgement.lifetime),
        (Outcome::Accepted, Some(60))
    );
    assert_eq!(
        judgement.evaluations[0].result.as_ref().unwrap_err().kind,
        FaultKind::Trap
    );
}
