//! A policy whose memory is kept after it has read its settings: it judges as it would otherwise, on pristine instances, and
//! whatever goes wrong meanwhile goes wrong in the compiling child.

use std::sync::Arc;

use resolvet_engine::{
    AdmissionError, CompileError, Compiler, Engine, Limits, PolicySet, SetError,
};
use resolvet_proto::judgement::{
    Decision, FaultKind, Judgement, Purpose, Request, UsageProfile, Verdict,
};
use serde_json::{Map, Value, json};

use crate::sandbox::{component, faults_of, guest, judge, none, options, rule, text_guest};

fn object(settings: Value) -> Map<String, Value> {
    settings.as_object().unwrap().clone()
}

fn about(name: &str) -> Arc<Request> {
    Arc::new(Request {
        authentication_domain_name: Some(name.into()),
        ..Request::new(Purpose::DnsServer, 1_800_000_000)
    })
}

/// What the only policy said.
fn verdict(judgement: Judgement<Verdict>) -> Verdict {
    let evaluation = judgement.evaluations.into_iter().next().unwrap();
    evaluation.result.unwrap()
}

fn refusal(engine: &Engine, file: &[u8], settings: Value) -> String {
    let refused = engine.admit_configured(file, &object(settings), None, &Limits::default());
    match refused.unwrap_err() {
        AdmissionError::Compile(CompileError::Settings { text }) => text,
        other => panic!("{other}"),
    }
}

#[test]
fn it_judges_as_it_would_otherwise() {
    let engine = Engine::new(options()).unwrap();
    let file = guest("name_list");
    let settings = json!({"refused": ["bad.example", "worse.example"]});
    let limits = engine.options().limits;
    let kept = engine.admit_configured(&file, &object(settings.clone()), None, &limits);
    let kept = judge(&engine, vec![rule(kept.unwrap(), settings.clone())]);
    let plain = judge(&engine, vec![rule(engine.admit(&file).unwrap(), settings)]);
    for (name, decision) in [
        ("bad.example", Decision::Reject),
        ("good.example", Decision::Accept { lifetime: None }),
        ("worse.example", Decision::Reject),
    ] {
        let (first, second) = (kept.validate(&about(name)), plain.validate(&about(name)));
        assert_eq!(first.request, second.request);
        let (first, second) = (verdict(first), verdict(second));
        assert_eq!(first, second);
        assert_eq!(first.decision, decision);
        // Each evaluation begins with what was kept, not with what the one before left.
        assert_eq!(first.findings[0].message, "asked 1 times, one of 2 names");
    }
}

#[test]
fn all_stages_read_their_settings() {
    let engine = Engine::new(options()).unwrap();
    let settings = json!({"decision": "accept"});
    let limits = engine.options().limits;
    let kept = engine
        .admit_configured(
            &guest("well_behaved"),
            &object(settings.clone()),
            None,
            &limits,
        )
        .unwrap();
    assert_eq!(kept.stages().len(), 3);
    let judge = judge(&engine, vec![rule(kept, settings)]);
    crate::sandbox::expect_accepted(&judge.validate(&crate::sandbox::request()));
    let judgement = judge.select(&crate::sandbox::candidates(&[853, 8853]));
    let ranking = judgement.evaluations[0].result.as_ref().unwrap();
    assert_eq!(ranking.order, [1, 0]);
}

#[test]
fn it_serves_under_the_settings_that_it_read() {
    let engine = Engine::new(options()).unwrap();
    let (read, others) = (json!({"refused": ["a.example"]}), json!({"refused": []}));
    let limits = engine.options().limits;
    let kept = engine.admit_configured(&guest("name_list"), &object(read.clone()), None, &limits);
    let kept = kept.unwrap();
    assert_eq!(kept.settings(), Some(read.to_string().as_str()));
    let set = PolicySet::new(&engine, &UsageProfile::Strict, vec![rule(kept, others)]);
    assert!(matches!(set, Err(SetError::OtherSettings { .. })));
}

#[test]
fn what_goes_wrong_is_told() {
    let engine = Engine::new(options()).unwrap();
    let file = guest("name_list");
    let refused = refusal(&engine, &file, json!({"refused": [""]}));
    assert!(refused.contains("`refused` has an empty name"), "{refused}");
    let unknown = refusal(&engine, &file, json!({"names": []}));
    assert!(unknown.contains("unknown field `names`"), "{unknown}");
    let panics = refusal(&engine, &file, json!({"panics": true}));
    assert!(panics.contains("told to"), "{panics}");
    let facts = refusal(&engine, &guest("early_facts"), none());
    assert!(facts.contains("asked for outside an evaluation"), "{facts}");
    let tables = refusal(&engine, &component(text_guest("table_bomb")), none());
    assert!(tables.contains("table"), "{tables}");
}

#[test]
fn memory_and_settings_are_bounded() {
    let engine = Engine::new(options()).unwrap();
    let many: Vec<String> = (0..50_000)
        .map(|number| format!("n{number}.example"))
        .collect();
    let settings = object(json!({"refused": many}));
    let mut limits = engine.options().limits;
    let large = engine.admit_configured(&guest("name_list"), &settings, None, &limits);
    let large = large.unwrap_err();
    assert!(
        matches!(large, AdmissionError::SettingsSize { .. }),
        "{large}"
    );
    limits.settings_octets = 8 << 20;
    limits.memory_octets = 2 << 20;
    let memory = engine.admit_configured(&guest("name_list"), &settings, None, &limits);
    let memory = memory.unwrap_err().to_string();
    assert!(memory.contains("limits.memory-octets"), "{memory}");
}

#[test]
fn a_guest_that_misbehaves_is_a_fault_as_ever() {
    let engine = Engine::new(options()).unwrap();
    for (name, kind) in [
        ("trap", FaultKind::Trap),
        ("memory_bomb", FaultKind::Memory),
        ("stack_overflow", FaultKind::Stack),
    ] {
        let limits = engine.options().limits;
        let kept = engine.admit_configured(&guest(name), &Map::new(), None, &limits);
        let ((came, message), _) = faults_of(&engine, rule(kept.unwrap(), none()));
        assert_eq!(came, kind, "{message}");
    }
}

#[test]
fn what_was_kept_is_loaded_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.cache = Some(folder.path().join("cache"));
    let settings = object(json!({"refused": ["a.example"]}));
    let limits = options.limits;
    let first = Engine::new(options.clone()).unwrap();
    let file = guest("name_list");
    first
        .admit_configured(&file, &settings, None, &limits)
        .unwrap();
    options.compiler = Compiler::None;
    let second = Engine::new(options).unwrap();
    second
        .admit_configured(&file, &settings, None, &limits)
        .unwrap();
    // Other settings are other code.
    let others = object(json!({"refused": ["b.example"]}));
    let missing = second.admit_configured(&file, &others, None, &limits);
    assert!(matches!(missing, Err(AdmissionError::NotCompiled)));
}
