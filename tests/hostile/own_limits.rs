//! Limits of one policy, beside others on the same engine that have theirs.

use resolvet_engine::{Engine, Limits, Rule};
use resolvet_proto::judgement::{Mode, Outcome};

use crate::sandbox::{guest, judge, none, options, request, rule};

#[test]
fn each_policy_ends_at_its_own_limits_and_the_others_at_none() {
    let engine = Engine::new(options()).unwrap();
    let limited = |name: &str, limits: Limits| Rule {
        mode: Mode::Monitor,
        limits: Some(limits),
        ..rule(engine.admit(&guest(name)).unwrap(), none())
    };
    // Those that the tests' engine has, which are patient.
    let usual = engine.options().limits;
    let own = [
        (
            "endless_loop",
            Limits {
                time_milliseconds: 20,
                ..usual
            },
        ),
        (
            "memory_bomb",
            Limits {
                memory_octets: 4 << 20,
                ..usual
            },
        ),
        (
            "log_flood",
            Limits {
                log_octets: 100,
                ..usual
            },
        ),
    ];
    let mut rules: Vec<Rule> = own.map(|(name, limits)| limited(name, limits)).into();
    let settings = serde_json::json!({"decision": "accept"});
    rules.push(rule(
        engine.admit(&guest("well_behaved")).unwrap(),
        settings,
    ));
    let judge = judge(&engine, rules);
    for _ in 0..3 {
        let judgement = judge.validate(&request());
        assert_eq!(judgement.outcome, Outcome::Accepted, "{judgement:?}");
        let [looping, bomb, flood, good] = &*judgement.evaluations else {
            panic!("{judgement:?}")
        };
        for (evaluation, expected) in [
            (
                looping,
                "no answer within 20 ms (`limits.time-milliseconds`)",
            ),
            (bomb, "at most 4194304 are allowed (`limits.memory-octets`)"),
            (flood, "at most 100 are allowed (`limits.log-octets`)"),
        ] {
            let message = &evaluation.result.as_ref().unwrap_err().message;
            assert!(message.ends_with(expected), "{message}");
        }
        assert!(good.result.is_ok(), "{good:?}");
    }
}
