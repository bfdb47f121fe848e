use std::{fs, sync::Arc, thread};

use resolvet_engine::{
    AdmissionError, Compiler, Engine, Judge, Limits, MANIFEST_SECTION, PolicySet, Rule, SetError,
    StaleGeneration,
};
use resolvet_proto::judgement::{
    Evidence, FaultKind, Mode, Outcome, Purpose, Request, Role, Stage, UsageProfile, limits,
};
use serde_json::{Value, json};

use crate::sandbox::{
    MANIFEST, bare_component, candidates, component, expect_accepted, friendly, guest, judge, none,
    options, request, rule, with_section,
};

fn engine() -> Engine {
    Engine::new(options()).unwrap()
}

/// Selectors with these settings, in order.
fn selectors(engine: &Engine, settings: &[Value]) -> Judge {
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let rule = |settings: &Value| Rule {
        stages: Some(vec![Stage::Selection]),
        ..rule(policy.clone(), settings.clone())
    };
    let rules = settings.iter().map(rule).collect();
    Judge::new(
        engine,
        PolicySet::new(engine, &UsageProfile::Opportunistic, rules).unwrap(),
    )
}

#[test]
fn a_component_may_judge_at_every_stage() {
    let policy = engine().admit(&guest("well_behaved")).unwrap();
    assert_eq!(
        policy.stages(),
        [Stage::Validation, Stage::Selection, Stage::Privacy]
    );
    assert_eq!(policy.manifest().name, "well-behaved");
    assert_eq!(policy.manifest().judges, [Purpose::DnsServer]);
    let imports = policy.imports();
    assert!(
        imports.contains(&"presented.certificate".into()),
        "{imports:?}"
    );
    assert!(
        !imports.iter().any(|import| import.starts_with("records.")),
        "{imports:?}"
    );
}

#[test]
fn each_evaluation_has_an_instance_of_its_own_on_every_thread() {
    let judge = friendly(&engine());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..200).for_each(|_| expect_accepted(&judge.validate(&request()))));
        }
    });
}

#[test]
fn a_selector_sees_what_the_one_before_it_left() {
    let engine = engine();
    let judge = selectors(
        &engine,
        &[json!({"order": [3, 1, 2]}), json!({"order": [2, 0]})],
    );
    let judgement = judge.select(&candidates(&[10, 11, 12, 13]));
    let seen: Vec<_> = judgement
        .evaluations
        .iter()
        .map(|evaluation| evaluation.result.as_ref().unwrap().findings[0].clone())
        .collect();
    assert_eq!(seen[0].message, "10 11 12 13");
    assert_eq!(seen[1].message, "13 11 12");
    // Everything is told in the request's own positions.
    assert_eq!(seen[1].evidence, [Evidence::Candidate(2)]);
    assert_eq!(judgement.order(4), [2, 3]);
    assert_eq!(
        judgement.evaluations[1].result.as_ref().unwrap().order,
        [2, 3]
    );
}

#[test]
fn a_selector_cannot_bring_back_what_was_left_out() {
    let engine = engine();
    let judge = selectors(&engine, &[json!({"order": [3]}), json!({"order": [1]})]);
    let judgement = judge.select(&candidates(&[10, 11, 12, 13]));
    assert_eq!(judgement.outcome, Outcome::Faulted);
    let fault = judgement.evaluations[1].result.as_ref().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Contract);
    assert!(
        fault
            .message
            .ends_with("candidate 1 does not exist: the request has 1"),
        "{}",
        fault.message
    );
    assert_eq!(judgement.order(4), [0_u32; 0]);
}

#[test]
fn a_selector_that_monitors_leaves_everything() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let selector = |settings, mode| Rule {
        stages: Some(vec![Stage::Selection]),
        mode,
        ..rule(policy.clone(), settings)
    };
    let rules = vec![
        selector(json!({"order": [1, 0]}), Mode::Enforce),
        selector(json!({"order": [1]}), Mode::Monitor),
        selector(json!({}), Mode::Enforce),
    ];
    let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, rules).unwrap();
    let judgement = Judge::new(&engine, set).select(&candidates(&[10, 11, 12]));
    let seen = |position: usize| {
        judgement.evaluations[position]
            .result
            .as_ref()
            .unwrap()
            .findings[0]
            .message
            .clone()
    };
    assert_eq!([seen(0), seen(1), seen(2)], ["10 11 12", "11 10", "11 10"]);
    // What it would have done is recorded in the request's positions.
    assert_eq!(judgement.evaluations[1].result.as_ref().unwrap().order, [0]);
    assert_eq!(judgement.order(3), [0, 1]);
}

#[test]
fn without_a_selector_discovery_orders() {
    let engine = engine();
    let judgement = selectors(&engine, &[]).select(&candidates(&[10, 11]));
    assert_eq!(
        (judgement.outcome, judgement.order(2)),
        (Outcome::Accepted, vec![0, 1])
    );
}

#[test]
fn settings_are_checked_before_the_set_exists() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let refused =
        |rule: Rule| PolicySet::new(&engine, &UsageProfile::Strict, vec![rule]).unwrap_err();
    let error = refused(rule(policy.clone(), json!({"decision": "perhaps"})));
    let expected = "policy `well-behaved` refuses its settings: `decision` is `perhaps`: expected `accept`, `reject` or `abstain`";
    assert_eq!(error.to_string(), expected);
    let error = refused(rule(policy.clone(), json!({"decison": "accept"})));
    assert!(
        matches!(&error, SetError::Settings { reason, .. } if reason.contains("`decison`")),
        "{error}"
    );
    let error = refused(rule(
        policy.clone(),
        json!({"decision": "x".repeat(65_536)}),
    ));
    assert!(
        matches!(
            error,
            SetError::SettingsSize {
                came: 65_551,
                limit: 65_536,
                ..
            }
        ),
        "{error}"
    );
    let limits = Limits {
        memory_octets: 1 << 30,
        ..Limits::default()
    };
    let error = refused(Rule {
        limits: Some(limits),
        ..rule(policy.clone(), none())
    });
    assert!(matches!(error, SetError::Memory { .. }), "{error}");
    let error = refused(Rule {
        stages: Some(vec![]),
        ..rule(policy, none())
    });
    assert!(
        matches!(error, SetError::NoAuthority { rules: 1 }),
        "{error}"
    );
}

#[test]
fn the_strict_profile_needs_an_authority_that_enforces() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let restriction = Rule::new(policy.clone());
    let monitor = Rule {
        mode: Mode::Monitor,
        ..rule(policy.clone(), none())
    };
    let elsewhere = Rule {
        stages: Some(vec![Stage::Privacy]),
        ..rule(policy.clone(), none())
    };
    let rules = vec![restriction, monitor, elsewhere];
    let error = PolicySet::new(&engine, &UsageProfile::Strict, rules.clone()).unwrap_err();
    assert!(
        matches!(error, SetError::NoAuthority { rules: 3 }),
        "{error}"
    );
    PolicySet::new(&engine, &UsageProfile::Opportunistic, rules.clone()).unwrap();
    let with = [rules, vec![rule(policy, none())]].concat();
    PolicySet::new(&engine, &UsageProfile::Strict, with).unwrap();
}

#[test]
fn a_policy_belongs_to_the_engine_that_admitted_it_and_judges_what_it_exports() {
    let (engine, other) = (engine(), engine());
    let policy = other.admit(&guest("null")).unwrap();
    let error =
        PolicySet::new(&engine, &UsageProfile::Strict, vec![rule(policy, none())]).unwrap_err();
    assert!(matches!(error, SetError::Engine { .. }), "{error}");
    let policy = engine.admit(&guest("null")).unwrap();
    let rules = vec![
        rule(policy.clone(), none()),
        Rule {
            stages: Some(vec![Stage::Privacy]),
            ..Rule::new(policy)
        },
    ];
    let error = PolicySet::new(&engine, &UsageProfile::Strict, rules).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy `null` does not export `privacy`: it cannot be used there"
    );
}

#[test]
fn a_validator_is_asked_only_about_what_it_judges() {
    let judge = friendly(&engine());
    let request = Arc::new(Request {
        purpose: Purpose::Registrar,
        ..Request::clone(&request())
    });
    let judgement = judge.validate(&request);
    assert_eq!(
        (judgement.outcome, judgement.evaluations.len()),
        (Outcome::NoAuthority, 0)
    );
    // An assessor has no purposes.
    assert_eq!(judge.assess(&request).outcome, Outcome::Accepted);
}

#[test]
fn a_request_that_is_too_large_is_judged_by_nobody() {
    let judge = friendly(&engine());
    let mut request = Request::clone(&request());
    request.presented.certificates = vec![[0; 1].as_slice().into(); limits::PRESENTED + 1];
    let judgement = judge.validate(&Arc::new(request));
    let fault = judgement.evaluations[0].result.as_ref().unwrap_err();
    assert_eq!(
        (judgement.outcome, fault.kind),
        (Outcome::Faulted, FaultKind::InputSize)
    );
    assert_eq!(
        fault.message,
        "too many presented certificates: 17, at most 16 are judged"
    );
}

#[test]
fn a_swap_is_a_new_generation_and_old_ones_are_refused() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let set = |decision| {
        let rules = vec![rule(policy.clone(), json!({"decision": decision}))];
        PolicySet::new(&engine, &UsageProfile::Strict, rules).unwrap()
    };
    let judge = Judge::new(&engine, set("accept"));
    let before = judge.validate_by(1, &request()).unwrap();
    assert_eq!((before.generation, before.outcome), (1, Outcome::Accepted));
    assert_eq!(before.request, request().digest());
    assert_eq!(judge.swap(set("reject")), 2);
    let after = judge.validate(&request());
    assert_eq!((after.generation, after.outcome), (2, Outcome::Rejected));
    let stale = StaleGeneration {
        expected: 1,
        active: 2,
    };
    assert_eq!(judge.validate_by(1, &request()).unwrap_err(), stale);
    assert_eq!(judge.assess_by(1, &request()).unwrap_err(), stale);
    assert_eq!(judge.select_by(1, &request()).unwrap_err(), stale);
}

#[test]
fn swaps_from_many_threads_never_lose_a_generation() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let rules = vec![rule(policy, json!({"decision": "accept"}))];
    let set = PolicySet::new(&engine, &UsageProfile::Strict, rules).unwrap();
    let judge = Judge::new(&engine, set.clone());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    judge.swap(set.clone());
                }
            });
        }
        let mut last = 0;
        for _ in 0..200 {
            let judgement = judge.validate(&request());
            assert!(judgement.generation >= last);
            last = judgement.generation;
            expect_accepted(&judgement);
        }
    });
    assert_eq!(judge.generation(), 401);
}

#[test]
fn a_judgement_under_way_ends_with_the_set_that_it_began_with() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let set = |settings| {
        PolicySet::new(
            &engine,
            &UsageProfile::Strict,
            vec![rule(policy.clone(), settings)],
        )
        .unwrap()
    };
    let judge = Judge::new(
        &engine,
        set(json!({"decision": "accept", "rounds": 20_000_000_u64})),
    );
    let fast = set(json!({"decision": "reject"}));
    thread::scope(|scope| {
        let slow = scope.spawn(|| judge.validate(&request()));
        // It has begun when it holds the active set; the swap comes in its midst or, on a slow machine, before it.
        thread::sleep(std::time::Duration::from_millis(5));
        judge.swap(fast);
        let judgement = slow.join().unwrap();
        let expected = if judgement.generation == 1 {
            Outcome::Accepted
        } else {
            Outcome::Rejected
        };
        assert_eq!(judgement.outcome, expected);
    });
}

#[test]
fn compiled_code_comes_from_the_cache_and_what_was_changed_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let with = |compiler: Option<Compiler>| {
        let mut options = options();
        options.cache = Some(folder.path().join("cache"));
        if let Some(compiler) = compiler {
            options.compiler = compiler;
        }
        Engine::new(options).unwrap()
    };
    let file = guest("well_behaved");
    let error = with(Some(Compiler::None)).admit(&file).unwrap_err();
    assert!(matches!(error, AdmissionError::NotCompiled), "{error}");
    with(None).admit(&file).unwrap();
    let engine = with(Some(Compiler::None));
    let policy = engine.admit(&file).unwrap();
    let from_cache = judge(&engine, vec![rule(policy, json!({"decision": "accept"}))]);
    expect_accepted(&from_cache.validate(&request()));

    let entries = || {
        let entries = fs::read_dir(folder.path().join("cache"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.extension().is_some_and(|end| end == "compiled"))
            .collect::<Vec<_>>()
    };
    let [entry] = &entries()[..] else {
        panic!("one file was compiled")
    };
    let mut code = fs::read(entry).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 1;
    fs::write(entry, &code).unwrap();
    assert!(matches!(
        with(Some(Compiler::None)).admit(&file),
        Err(AdmissionError::NotCompiled)
    ));
    with(None).admit(&file).unwrap();
    with(Some(Compiler::None)).admit(&file).unwrap();
    assert_eq!(entries().len(), 1);
}

#[test]
fn sections_and_manifests_that_are_not_understood_are_refused() {
    let engine = engine();
    let module = || {
        wat::parse_str(
            r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "resolvet:policy/validation@0.1.0#check-settings") (result i32) i32.const 256)
            (func (export "resolvet:policy/validation@0.1.0#validate") (result i32) i32.const 256))"#,
        )
        .unwrap()
    };
    let good = component(module());
    engine.admit(&good).unwrap();
    let refused = |file: &[u8]| engine.admit(file).unwrap_err().to_string();

    let message = refused(&with_section(good.clone(), "payload", b"anything"));
    assert!(
        message.starts_with("custom section `payload` is unknown"),
        "{message}"
    );
    let message = refused(&with_section(
        good.clone(),
        MANIFEST_SECTION,
        MANIFEST.as_bytes(),
    ));
    assert!(message.ends_with("it stands twice"), "{message}");
    let bare = bare_component(module());
    assert!(refused(&bare).ends_with("missing"), "{}", refused(&bare));
    let with_manifest = |from, to| {
        with_section(
            bare.clone(),
            MANIFEST_SECTION,
            MANIFEST.replace(from, to).as_bytes(),
        )
    };
    engine
        .admit(&with_manifest("0.1.0\"}", "0.1.9\"}"))
        .unwrap();
    let message = refused(&with_manifest("0.1.0\"}", "0.2.0\"}"));
    assert!(
        message.contains("`contract` is `resolvet:policy@0.2.0`"),
        "{message}"
    );
    let message = refused(&with_manifest("[\"dns-server\"]", "[]"));
    assert!(message.contains("`judges` is empty"), "{message}");
    let message = refused(&with_manifest("{", "{\"privileges\":\"all\","));
    assert!(message.contains("unknown field `privileges`"), "{message}");
}

#[test]
fn features_that_are_switched_off_are_refused() {
    let engine = engine();
    for (core, expected) in [
        ("(memory 1 1 shared)", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1) (memory 1)", "multi"),
        ("(tag)", "exceptions"),
        ("(type (struct))", "gc"),
    ] {
        let file = wat::parse_str(format!("(component (core module {core}))")).unwrap();
        let error = engine.admit(&file).unwrap_err();
        assert!(
            matches!(error, AdmissionError::Invalid { .. }),
            "{core}: {error}"
        );
        assert!(error.to_string().contains(expected), "{core}: {error}");
    }
}

#[test]
fn roles_and_lifetimes_combine() {
    let engine = engine();
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    let with = |role, settings| Rule {
        role,
        ..rule(policy.clone(), settings)
    };
    let rules = vec![
        with(
            Role::Authority,
            json!({"decision": "accept", "lifetime": 600}),
        ),
        with(
            Role::Restriction,
            json!({"decision": "accept", "lifetime": 60}),
        ),
    ];
    let judgement = judge(&engine, rules).validate(&request());
    assert_eq!(
        (judgement.outcome, judgement.lifetime),
        (Outcome::Accepted, Some(60))
    );
    let rules = vec![
        with(Role::Authority, json!({"decision": "accept"})),
        with(Role::Restriction, json!({"decision": "reject"})),
    ];
    assert_eq!(
        judge(&engine, rules).validate(&request()).outcome,
        Outcome::Rejected
    );
}
