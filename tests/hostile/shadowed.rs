//! Guests that misbehave while they are tried beside the active set: no verdict changes, and nobody waits for them.

use std::{
    path::Path,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use resolvet_engine::{
    Answered, Engine, Judge, Judged, Limits, Observer as _, Policy, PolicySet, PolicyTrial, Rule,
    Shadow, Trial,
};
use resolvet_proto::judgement::{Outcome, Stage, UsageProfile};
use serde_json::{Map, Value, json};

use crate::sandbox::{
    candidates, component, expect_accepted, friendly, guest, none, options, request, rule,
    text_guest,
};

/// Guests that end as a fault when they are asked, and which.
const HOSTILE: [(&str, &str); 10] = [
    ("call_flood", "call-octets"),
    ("crypto_flood", "crypto"),
    ("endless_loop", "time"),
    ("garbage_strings", "contract"),
    ("huge_output", "output-size"),
    ("log_flood", "log-octets"),
    ("memory_bomb", "memory"),
    ("stack_overflow", "stack"),
    ("trap", "trap"),
    ("verdict_index_out_of_range", "contract"),
];
/// How long the thread of a shadow is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Settings under which a guest misbehaves.
fn settings(name: &str) -> Value {
    match name {
        "garbage_strings" => json!({"where": "code"}),
        "huge_output" => json!({"octets": 1 << 20}),
        "verdict_index_out_of_range" => json!({"certificate": 9}),
        _ => none(),
    }
}

fn tried(engine: &Engine, rules: Vec<Rule>) -> PolicySet {
    PolicySet::new(engine, &UsageProfile::Strict, rules).unwrap()
}

/// Waits until a shadow was asked so often.
fn trial(shadow: &Shadow, judgements: u64) -> Trial {
    let began = Instant::now();
    loop {
        let trial = shadow.trial().unwrap();
        if trial.live.judgements + trial.dropped >= judgements {
            return trial;
        }
        assert!(began.elapsed() < PATIENCE, "{trial:?}");
        sleep(Duration::from_millis(5));
    }
}

/// Asks a well-behaved set, beside which these rules are tried.
fn asked(engine: &Engine, rules: Vec<Rule>, times: u64) -> Trial {
    let judge = friendly(engine);
    let shadow = Shadow::start(engine).unwrap();
    judge.observe(Arc::new(shadow.clone()));
    shadow.try_set(tried(engine, rules), judge.set());
    for _ in 0..times {
        expect_accepted(&judge.validate(&request()));
    }
    trial(&shadow, times)
}

/// An engine with one evaluator, which whoever binds must never find taken.
fn engine() -> Engine {
    let mut options = options();
    options.evaluators = 1;
    options.queue = 0;
    // Each test has an engine of its own, and all the same guests.
    options.cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("shadowed"));
    Engine::new(options).unwrap()
}

/// A use of a guest; the others of them end sooner than by time.
fn used(policy: Policy, name: &str) -> Rule {
    let mut rule = rule(policy, settings(name));
    if name == "endless_loop" {
        rule.limits = Some(Limits::default());
    }
    rule
}

fn of(engine: &Engine, name: &str) -> Rule {
    used(engine.admit(&guest(name)).unwrap(), name)
}

#[test]
fn each_of_them_changes_no_verdict_and_takes_no_evaluator() {
    let engine = engine();
    for (name, kind) in HOSTILE {
        let trial = asked(&engine, vec![of(&engine, name)], 3);
        assert!(trial.live.judgements >= 1, "{name}: {trial:?}");
        assert_eq!(
            trial.live.faults, trial.live.judgements,
            "{name}: {trial:?}"
        );
        assert_eq!(trial.live.other_outcome, trial.live.judgements, "{name}");
        let policies: Vec<_> = trial.policies.values().collect();
        let has_come = policies.iter().any(|policy| policy.come.contains_key(kind));
        assert!(has_come, "{name} ends as `{kind}`: {trial:?}");
    }
}

#[test]
fn a_shadow_that_loops_leaves_the_only_evaluator_to_those_that_bind() {
    let engine = engine();
    let judge = friendly(&engine);
    let shadow = Shadow::start(&engine).unwrap();
    judge.observe(Arc::new(shadow.clone()));
    let looping = tried(&engine, vec![of(&engine, "endless_loop")]);
    shadow.try_set(looping, judge.set());
    // There is no queue: who found the evaluator taken would be refused at once.
    let began = Instant::now();
    let mut asked = 0;
    while began.elapsed() < Duration::from_secs(2) {
        expect_accepted(&judge.validate(&request()));
        asked += 1;
    }
    let trial = trial(&shadow, 1);
    assert!(
        trial.live.judgements < asked,
        "it looped meanwhile: {trial:?}"
    );
    assert!(
        trial.dropped > 0,
        "what did not wait was dropped: {trial:?}"
    );
}

#[test]
fn with_a_snapshot_they_are_as_harmless() {
    let engine = engine();
    let limits = Limits::default();
    for name in ["trap", "memory_bomb", "stack_overflow", "endless_loop"] {
        let kept = engine.admit_configured(&guest(name), &Map::new(), None, &limits);
        let trial = asked(&engine, vec![used(kept.unwrap(), name)], 2);
        assert!(trial.live.faults >= 1, "{name}: {trial:?}");
    }
}

#[test]
fn a_hundred_at_once_are_as_harmless() {
    let engine = engine();
    let admitted: Vec<(Policy, Value)> = HOSTILE
        .iter()
        .map(|(name, _)| (engine.admit(&guest(name)).unwrap(), settings(name)))
        .collect();
    let hundred = admitted.iter().cycle().take(100);
    let rules = hundred.map(|(policy, settings)| {
        let mut rule = rule(policy.clone(), settings.clone());
        // A hundred of them share the time of a set.
        rule.limits = Some(Limits {
            time_milliseconds: 20,
            ..Limits::default()
        });
        rule
    });
    let trial = asked(&engine, rules.collect(), 3);
    assert!(
        trial.live.judgements >= 1 && trial.live.faults >= 1,
        "{trial:?}"
    );
    // Of each kind some were asked, and failed.
    let was_asked = |policy: &&PolicyTrial| policy.evaluations > 0;
    let policies: Vec<_> = trial.policies.values().filter(was_asked).collect();
    assert_eq!(policies.len(), HOSTILE.len(), "{trial:?}");
    let has_failed = |policy: &&PolicyTrial| policy.faults > 0;
    assert!(policies.iter().all(has_failed), "{trial:?}");
    let tables = component(text_guest("table_bomb"));
    let tables = rule(engine.admit(&tables).unwrap(), none());
    assert!(asked(&engine, vec![tables; 100], 1).live.faults >= 1);
}

#[test]
fn recorded_questions_are_asked_first_and_of_both() {
    let engine = engine();
    let judge = friendly(&engine);
    let shadow = Shadow::start(&engine).unwrap();
    judge.observe(Arc::new(shadow.clone()));
    let questions = [
        (Stage::Validation, request()),
        (Stage::Selection, candidates(&[853, 8853])),
        (Stage::Privacy, request()),
    ];
    let set = tried(&engine, vec![of(&engine, "endless_loop")]);
    shadow.try_recorded(set, judge.set(), Box::new(questions.into_iter()));
    let began = Instant::now();
    while shadow
        .trial()
        .unwrap()
        .recorded
        .is_none_or(|recorded| !recorded.is_complete)
    {
        // Those that bind are judged meanwhile.
        expect_accepted(&judge.validate(&request()));
        assert!(began.elapsed() < PATIENCE);
        sleep(Duration::from_millis(1));
    }
    let trial = shadow.trial().unwrap();
    let recorded = trial.recorded.unwrap().counts;
    assert_eq!((recorded.judgements, recorded.faults), (3, 1), "{trial:?}");
    assert_eq!(
        recorded.other_outcome, 2,
        "it judges no selection: {trial:?}"
    );
}

#[test]
fn what_another_set_judged_is_not_counted() {
    let engine = engine();
    let judge = friendly(&engine);
    let shadow = Shadow::start(&engine).unwrap();
    judge.observe(Arc::new(shadow.clone()));
    let well_behaved = engine.admit(&guest("well_behaved")).unwrap();
    let deciding = |decision: &str| {
        let rule = rule(well_behaved.clone(), json!({"decision": decision}));
        tried(&engine, vec![rule])
    };
    // The thread is busy while judgements of the first set wait.
    let looping = tried(&engine, vec![of(&engine, "endless_loop")]);
    shadow.try_set(looping, judge.set());
    let before = judge.set();
    let accepted = judge.validate(&request());
    for _ in 0..3 {
        expect_accepted(&judge.validate(&request()));
    }
    judge.swap(deciding("reject"));
    shadow.try_set(deciding("reject"), judge.set());
    // One of the first set that was under way meanwhile.
    shadow.judged(&Judged {
        request: &request(),
        set: &before,
        answered: Answered::Verdicts(&accepted),
        nanoseconds: 1,
    });
    assert_eq!(judge.validate(&request()).outcome, Outcome::Rejected);
    // What waited before it would have been counted before it.
    let trial = trial(&shadow, 1);
    assert_eq!(
        (trial.live.judgements, trial.live.other_outcome),
        (1, 0),
        "{trial:?}"
    );
}

#[test]
fn what_a_judge_says_does_not_depend_on_its_shadow() {
    let engine = engine();
    let alone = friendly(&engine).validate(&request());
    let judge = friendly(&engine);
    let shadow = Shadow::start(&engine).unwrap();
    judge.observe(Arc::new(shadow.clone()));
    let same = |judge: &Judge| {
        let judgement = judge.validate(&request());
        let results = |judgement: &resolvet_proto::judgement::Judgement<_>| {
            let evaluations = judgement.evaluations.iter();
            evaluations
                .map(|evaluation| evaluation.result.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(judgement.outcome, alone.outcome);
        assert_eq!(results(&judgement), results(&alone));
    };
    for (name, _) in HOSTILE {
        shadow.try_set(tried(&engine, vec![of(&engine, name)]), judge.set());
        same(&judge);
    }
    shadow.try_nothing();
    same(&judge);
    assert!(shadow.trial().is_none());
}
