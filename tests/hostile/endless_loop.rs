use resolvet_engine::{Engine, Limits};
use resolvet_proto::judgement::{FaultKind, Mode, Outcome};

use crate::sandbox::{expect_accepted, faults_of, guest, judge, none, options, request, rule};

#[test]
fn an_endless_loop_ends_when_its_time_is_over() {
    let engine = Engine::new(options()).unwrap();
    let mut rule = rule(engine.admit(&guest("endless_loop")).unwrap(), none());
    rule.limits = Some(Limits::default());
    let ((kind, message), _) = faults_of(&engine, rule);
    assert_eq!(kind, FaultKind::Time);
    assert_eq!(
        message,
        "no answer within 200 ms (`limits.time-milliseconds`)"
    );
}

#[test]
fn one_budget_of_time_holds_for_the_whole_set() {
    let mut options = options();
    options.set_milliseconds = 50;
    let engine = Engine::new(options).unwrap();
    let policy = engine.admit(&guest("endless_loop")).unwrap();
    let judge = judge(
        &engine,
        vec![rule(policy.clone(), none()), rule(policy, none())],
    );
    let judgement = judge.validate(&request());
    for evaluation in &judgement.evaluations {
        let fault = evaluation.result.as_ref().unwrap_err();
        assert_eq!(fault.message, "no answer within 50 ms (`set-milliseconds`)");
    }
    // The second did not even begin.
    assert_eq!(judgement.evaluations[1].nanoseconds, 0);
}

#[test]
fn a_policy_that_monitors_takes_no_time_from_those_that_enforce() {
    let mut options = options();
    options.set_milliseconds = 1_000;
    let engine = Engine::new(options).unwrap();
    let mut first = rule(engine.admit(&guest("endless_loop")).unwrap(), none());
    first.mode = Mode::Monitor;
    let second = engine.admit(&guest("well_behaved")).unwrap();
    let second = rule(second, serde_json::json!({"decision": "accept"}));
    let judgement = judge(&engine, vec![first, second]).validate(&request());
    assert_eq!(judgement.outcome, Outcome::Accepted);
    let names: Vec<_> = judgement
        .evaluations
        .iter()
        .map(|evaluation| evaluation.policy.as_str())
        .collect();
    assert_eq!(names, ["endless-loop", "well-behaved"]);
    assert_eq!(
        judgement.evaluations[0].result.as_ref().unwrap_err().kind,
        FaultKind::Time
    );
}

#[test]
fn when_all_evaluators_loop_who_waits_too_long_is_refused() {
    let mut options = options();
    options.evaluators = 1;
    options.queue = 1;
    options.queue_milliseconds = 30;
    options.limits.time_milliseconds = 300;
    let engine = Engine::new(options).unwrap();
    let hostile = judge(
        &engine,
        vec![rule(engine.admit(&guest("endless_loop")).unwrap(), none())],
    );
    let friendly = crate::sandbox::friendly(&engine);
    std::thread::scope(|scope| {
        let looping = scope.spawn(|| hostile.validate(&request()));
        let mut overloads = Vec::new();
        while !looping.is_finished() {
            let judgement = friendly.validate(&request());
            if let Err(fault) = &judgement.evaluations[0].result {
                assert_eq!(
                    (fault.kind, judgement.outcome),
                    (FaultKind::Overload, Outcome::Faulted)
                );
                overloads.push(fault.message.clone());
            }
        }
        assert!(!overloads.is_empty());
        for message in overloads {
            assert!(
                message.starts_with("no evaluator came free within 30 ms"),
                "{message}"
            );
        }
    });
    expect_accepted(&friendly.validate(&request()));
}
