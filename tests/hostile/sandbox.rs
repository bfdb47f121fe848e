//! What the tests of this folder share: an engine, the guests that `cargo xtask policies` built, and the proof that a
//! well-behaved policy does not suffer.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use resolvet_engine::{Compiler, Engine, Judge, Options, Policy, PolicySet, Rule};
use resolvet_proto::judgement::{
    Candidate, Fault, FaultKind, Judgement, LogLine, Outcome, Presented, Purpose, Request, Role,
    Source, Transport, UsageProfile, Verdict,
};
use serde_json::{Map, Value};
use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// Time enough for anything but an endless loop.
pub(crate) const PATIENT_MILLISECONDS: u32 = 30_000;

/// A manifest for components that are made here.
pub(crate) const MANIFEST: &str = r#"{"manifest":1,"name":"made","version":"1.0.0","judges":["dns-server"],"contract":"resolvet:policy@0.1.0"}"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Options that compile with the program that the workspace builds, in the folder above this test's own.
pub(crate) fn options() -> Options {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("resolvet-compile");
    assert!(
        path.is_file(),
        "{} is missing: `cargo build -p resolvet-engine` makes it",
        path.display()
    );
    let mut options = Options::default();
    // The host is not optimised here and the machine may be busy: tests of time set their own.
    options.limits.time_milliseconds = PATIENT_MILLISECONDS;
    options.set_milliseconds = PATIENT_MILLISECONDS;
    options.queue_milliseconds = PATIENT_MILLISECONDS;
    options.compiler = Compiler::Program {
        path,
        arguments: Vec::new(),
    };
    options
}

/// A guest of `tests/guests`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let path = root()
        .join("target/policies/guests")
        .join(format!("{}.wasm", name.replace('_', "-")));
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `cargo xtask policies` makes it",
            path.display()
        )
    })
}

/// A guest in text form.
pub(crate) fn text_guest(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests")
        .join(name)
        .join("guest.wat");
    wat::parse_file(path).unwrap()
}

/// A validator's component of a core module that names its exports as the contract asks.
pub(crate) fn component(module: Vec<u8>) -> Vec<u8> {
    let name = resolvet_engine::MANIFEST_SECTION;
    with_section(bare_component(module), name, MANIFEST.as_bytes())
}

/// As [`component`], without a manifest.
pub(crate) fn bare_component(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    // What a module does not import does not come into its component.
    let world = "package resolvet:tests; world bare { import resolvet:policy/log@0.1.0; export resolvet:policy/validation@0.1.0; }";
    let package = resolve.push_str("world.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}

/// The component with one more custom section.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let section = CustomSection {
        name: name.into(),
        data: Cow::Borrowed(data),
    };
    component.push(section.id());
    section.encode(&mut component);
    component
}

/// A question about one certificate of 1,000 octets.
pub(crate) fn request() -> Arc<Request> {
    let certificates = vec![[0x30; 1_000].as_slice().into()];
    Arc::new(Request {
        presented: Presented {
            certificates,
            ocsp_response: None,
        },
        ..Request::new(Purpose::DnsServer, 1_800_000_000)
    })
}

/// A question about candidates at these ports.
pub(crate) fn candidates(ports: &[u16]) -> Arc<Request> {
    let candidate = |&port: &u16| Candidate {
        transport: Transport::Dot,
        address: [192, 0, 2, 1].into(),
        port,
        target: "dns.example.net".into(),
        source: Source::SNaptr,
        also: vec![],
        path: None,
        ech: None,
        identity: None,
        pins: vec![],
        ranks: vec![],
        weight: None,
        evidence: vec![],
    };
    let candidates = ports.iter().map(candidate).collect();
    Arc::new(Request {
        candidates,
        ..Request::new(Purpose::DnsServer, 1_800_000_000)
    })
}

/// An authority with these settings.
pub(crate) fn rule(policy: Policy, settings: Value) -> Rule {
    let Value::Object(settings) = settings else {
        panic!("settings are an object")
    };
    Rule {
        role: Role::Authority,
        settings,
        ..Rule::new(policy)
    }
}

/// A judge of these rules.
pub(crate) fn judge(engine: &Engine, rules: Vec<Rule>) -> Judge {
    Judge::new(
        engine,
        PolicySet::new(engine, &UsageProfile::Strict, rules).unwrap(),
    )
}

/// Judges with the policy of this name and expects a fault of this kind; meanwhile, on another thread, and afterwards a
/// well-behaved policy of the same engine accepts.
pub(crate) fn faults(name: &str, settings: Value) -> (FaultKind, String) {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest(name)).unwrap();
    faults_of(&engine, rule(policy, settings)).0
}

/// As [`faults`], with the log lines.
pub(crate) fn faults_of(engine: &Engine, rule: Rule) -> ((FaultKind, String), Vec<LogLine>) {
    let hostile = judge(engine, vec![rule]);
    let friendly = friendly(engine);
    let over = AtomicBool::new(false);
    let judgement = thread::scope(|scope| {
        let meanwhile = scope.spawn(|| {
            let mut accepted = 0;
            while !over.load(Ordering::SeqCst) || accepted == 0 {
                expect_accepted(&friendly.validate(&request()));
                accepted += 1;
            }
            accepted
        });
        let judgement = hostile.validate(&request());
        over.store(true, Ordering::SeqCst);
        assert!(meanwhile.join().unwrap() > 0);
        judgement
    });
    expect_accepted(&friendly.validate(&request()));
    assert_eq!(judgement.outcome, Outcome::Faulted);
    let evaluation = judgement.evaluations.into_iter().next().unwrap();
    let Fault { kind, message } = evaluation.result.unwrap_err();
    ((kind, message), evaluation.log)
}

/// A judge with a well-behaved authority that accepts.
pub(crate) fn friendly(engine: &Engine) -> Judge {
    let policy = engine.admit(&guest("well_behaved")).unwrap();
    judge(
        engine,
        vec![rule(policy, serde_json::json!({"decision": "accept"}))],
    )
}

/// The judgement accepts, by an instance that nobody used before.
pub(crate) fn expect_accepted(judgement: &Judgement<Verdict>) {
    let results: Vec<_> = judgement
        .evaluations
        .iter()
        .map(|evaluation| &evaluation.result)
        .collect();
    assert_eq!(judgement.outcome, Outcome::Accepted, "{results:?}");
    let verdict = results.first().unwrap().as_ref().unwrap();
    let message = "asked 1 times, 1000 octets of certificates were presented, true";
    assert_eq!(verdict.findings.first().unwrap().message, message);
}

/// No settings.
pub(crate) fn none() -> Value {
    Value::Object(Map::new())
}
