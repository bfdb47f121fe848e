//! Which recorded faults a replay repeats, and which it cannot: those that depended on the machine.

use std::{
    slice,
    sync::{Arc, Mutex},
    thread,
};

use resolvet_engine::{
    Engine, Judged, Limits, Observer, Policy, PolicySet, Replayed, Replayer, Rule,
    record::{Answers, Decision, Generation},
};
use resolvet_proto::judgement::{Fault, FaultKind, Request, UsageProfile};

use crate::sandbox::{friendly, guest, none, options, request, rule};

/// The last judgement, as a log would have it.
#[derive(Default)]
struct Recording(Mutex<Option<(Generation, Decision)>>);

impl Observer for Recording {
    fn judged(&self, judged: &Judged<'_>) {
        let generation = Generation::of(judged.answered.generation(), 500, judged.set, true);
        let decision = Decision::of(judged, 1_800_000_000_000, true);
        *self.0.lock().unwrap() = Some((generation, decision));
    }
}

/// What one policy said of this request.
fn recorded(engine: &Engine, rule: Rule, request: &Arc<Request>) -> (Generation, Decision) {
    let set = PolicySet::new(engine, &UsageProfile::Strict, vec![rule]).unwrap();
    let recording = Arc::new(Recording::default());
    let observer: Arc<dyn Observer> = Arc::clone(&recording) as _;
    let judge = resolvet_engine::Judge::observed(engine, set, vec![observer]);
    let _recorded = judge.validate(request);
    recording.0.lock().unwrap().take().unwrap()
}

fn fault(decision: &mut Decision) -> &mut Result<resolvet_proto::judgement::Verdict, Fault> {
    let Answers::Verdicts(answers) = &mut decision.answers else {
        panic!("no verdicts")
    };
    &mut answers[0].evaluation.result
}

fn admitted(engine: &Engine, name: &str) -> Policy {
    engine.admit(&guest(name)).unwrap()
}

/// Why a replay by these policies says nothing.
fn not_replayable(
    engine: &Engine,
    (generation, decision): &(Generation, Decision),
    policies: &[Policy],
) -> String {
    let mut replayer = Replayer::new(engine, policies.to_vec());
    match replayer
        .replay(generation, decision, Some(&request()))
        .unwrap()
    {
        Replayed::NotReplayable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fault_of_the_guest_itself_is_repeated() {
    let engine = Engine::new(options()).unwrap();
    let policy = admitted(&engine, "trap");
    let (generation, decision) = recorded(&engine, rule(policy.clone(), none()), &request());
    let mut replayer = Replayer::new(&engine, vec![policy]);
    let replayed = replayer.replay(&generation, &decision, Some(&request()));
    assert_eq!(replayed.unwrap(), Replayed::Same);
}

#[test]
fn a_fault_by_time_is_not() {
    let engine = Engine::new(options()).unwrap();
    let policy = admitted(&engine, "endless_loop");
    let mut looping = rule(policy.clone(), none());
    looping.limits = Some(Limits {
        time_milliseconds: 20,
        ..Limits::default()
    });
    let mut recorded = recorded(&engine, looping, &request());
    let kind = fault(&mut recorded.1).as_ref().unwrap_err().kind;
    assert_eq!(kind, FaultKind::Time);
    let reason = not_replayable(&engine, &recorded, slice::from_ref(&policy));
    assert!(
        reason.contains("`endless-loop` failed by `time`"),
        "{reason}"
    );
    assert!(reason.ends_with("when it was recorded"), "{reason}");
}

#[test]
fn nor_is_one_by_time_in_the_replay() {
    let engine = Engine::new(options()).unwrap();
    let good = admitted(&engine, "well_behaved");
    let settings = serde_json::json!({"decision": "accept"});
    let mut quick = options();
    quick.limits.time_milliseconds = 20;
    let quick = Engine::new(quick).unwrap();
    let recorded = recorded(&engine, rule(good, settings), &request());
    let reason = not_replayable(&quick, &recorded, &[admitted(&quick, "endless_loop")]);
    assert!(reason.ends_with("in the replay"), "{reason}");
}

#[test]
fn nor_one_by_overload() {
    let mut options = options();
    options.evaluators = 1;
    options.queue_milliseconds = 1;
    let engine = Engine::new(options).unwrap();
    let policy = admitted(&engine, "well_behaved");
    let settings = serde_json::json!({"decision": "accept"});
    let mut looping = rule(admitted(&engine, "endless_loop"), none());
    looping.limits = Some(Limits {
        time_milliseconds: 500,
        ..Limits::default()
    });
    let hostile = crate::sandbox::judge(&engine, vec![looping]);
    let set = PolicySet::new(
        &engine,
        &UsageProfile::Strict,
        vec![rule(policy.clone(), settings)],
    );
    let recording = Arc::new(Recording::default());
    let observer: Arc<dyn Observer> = Arc::clone(&recording) as _;
    let judge = resolvet_engine::Judge::observed(&engine, set.unwrap(), vec![observer]);
    // The loop may itself find no evaluator, when the other judge has it at that moment.
    let while_it_loops = || {
        thread::scope(|scope| {
            let looping = scope.spawn(|| hostile.validate(&request()));
            let mut overloaded = None;
            while !looping.is_finished() {
                let _recorded = judge.validate(&request());
                let mut last = recording.0.lock().unwrap().take().unwrap();
                let is_overload = |fault: &Fault| fault.kind == FaultKind::Overload;
                if fault(&mut last.1).as_ref().is_err_and(is_overload) {
                    overloaded = Some(last);
                }
            }
            overloaded
        })
    };
    let overloaded = (0..100).find_map(|_| while_it_loops()).unwrap();
    let reason = not_replayable(&engine, &overloaded, &[policy]);
    assert!(
        reason.contains("`well-behaved` failed by `overload`"),
        "{reason}"
    );
}

#[test]
fn nor_one_of_the_host() {
    let engine = Engine::new(options()).unwrap();
    let policy = admitted(&engine, "well_behaved");
    let settings = serde_json::json!({"decision": "accept"});
    let mut recorded = recorded(&engine, rule(policy.clone(), settings), &request());
    // No guest can bring it about.
    *fault(&mut recorded.1) = Err(Fault {
        kind: FaultKind::Host,
        message: "no memory".into(),
    });
    let reason = not_replayable(&engine, &recorded, &[policy]);
    assert!(
        reason.contains("`well-behaved` failed by `host`"),
        "{reason}"
    );
}

#[test]
fn without_the_request_nothing_is_asked() {
    let engine = Engine::new(options()).unwrap();
    let policy = friendly(&engine).set().rules()[0].policy.clone();
    let settings = serde_json::json!({"decision": "accept"});
    let (generation, decision) = recorded(&engine, rule(policy.clone(), settings), &request());
    let mut replayer = Replayer::new(&engine, vec![policy]);
    let replayed = replayer.replay(&generation, &decision, None).unwrap();
    let Replayed::NotReplayable(reason) = replayed else {
        panic!("{replayed:?}")
    };
    assert!(reason.contains("`record = \"full\"`"), "{reason}");
}
