//! What judging a certification path in the sandbox costs beside doing it natively, in one run.
//!
//! Four ways over the same chain (end entity, intermediate, root presented) and the same trust anchors:
//! * `webpki`: path and name by rustls-webpki alone, natively, with signatures by aws-lc-rs: what a TLS library does;
//! * `policy-natively`: the policy `pkix`, all of its rules, compiled for this machine;
//! * `sandbox`: the policy's evaluation on a pristine instance;
//! * `judgement`: the whole judgement: the request's digest, the evaluation, the verdict's check and the record.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark may fail loudly; the macros of criterion write no documentation"
)]

use std::{
    ffi::OsString,
    fs,
    hint::black_box,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use criterion::Criterion;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use resolvet_engine::{Compiler, Engine, Judge, Options, PolicySet, Rule, compile_from_stdin};
use resolvet_guest::native;
use resolvet_policy_pkix::{Settings, validate};
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Decision, Der, Presented, Purpose, ReferenceId, Request, Role,
    UsageProfile,
};
use resolvet_tests::lab::ca::{Algorithm, Authority, Leaf};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// The argument with which this program compiles.
const COMPILE: &str = "compile-from-stdin";
const NAME: &str = "example.net";
/// Anchors of a whole system.
const SYSTEM: usize = 144;

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == COMPILE)
    {
        return compile_from_stdin();
    }
    let mut criterion = Criterion::default().configure_from_args();
    let judge = judge();
    for (algorithm, label) in [(Algorithm::EcP256, "ec"), (Algorithm::Rsa2048, "rsa")] {
        for anchors in [1, SYSTEM] {
            compare(
                &mut criterion,
                &judge,
                &format!("{label}, {anchors} anchors"),
                &Chain::new(algorithm, anchors),
            );
        }
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn judge() -> Judge {
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![OsString::from(COMPILE)]).unwrap();
    let engine = Engine::new(options).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/policies/pkix.wasm");
    let octets = fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `cargo xtask policies` makes it",
            file.display()
        )
    });
    let mut rule = Rule::new(engine.admit(&octets).unwrap());
    rule.role = Role::Authority;
    let set = PolicySet::new(&engine, &UsageProfile::Strict, vec![rule]).unwrap();
    Judge::new(&engine, set)
}

/// A chain, its anchors, and the same as a request.
struct Chain {
    presented: Vec<CertificateDer<'static>>,
    anchors: Vec<CertificateDer<'static>>,
    now: u64,
    request: Arc<Request>,
}

impl Chain {
    fn new(algorithm: Algorithm, anchors: usize) -> Self {
        let authority = Authority::with_algorithm(algorithm).unwrap();
        let leaf = match algorithm {
            Algorithm::EcP256 => Leaf::good(NAME),
            Algorithm::Rsa2048 => Leaf::good(NAME).rsa(),
        };
        let mut presented = authority.issue(&leaf).unwrap().chain().to_vec();
        presented.push(authority.root().clone());
        // The right one is in the middle, as it is in a system's set; no two have one name.
        let mut set: Vec<CertificateDer<'static>> = (1..anchors).map(other_root).collect();
        set.insert(set.len() / 2, authority.root().clone());

        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let ders = |list: &[CertificateDer<'_>]| -> Vec<Der> {
            list.iter().map(|der| der.as_ref().into()).collect()
        };
        let mut request = Request::new(Purpose::DnsServer, now);
        request.reference_ids = vec![ReferenceId::DnsId(NAME.into())];
        request.presented = Presented {
            certificates: ders(&presented),
            ocsp_response: None,
        };
        request.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, ders(&set)));
        Self {
            presented,
            anchors: set,
            now,
            request: Arc::new(request),
        }
    }
}

/// The root of some other authority.
fn other_root(number: usize) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "Some Authority");
    parameters
        .distinguished_name
        .push(DnType::CommonName, format!("Root {number}"));
    parameters.self_signed(&key).unwrap().der().clone()
}

fn compare(criterion: &mut Criterion, judge: &Judge, label: &str, chain: &Chain) {
    let mut group = criterion.benchmark_group(format!("pkix/{label}"));
    let anchors: Vec<TrustAnchor<'_>> = chain
        .anchors
        .iter()
        .map(|der| anchor_from_trusted_cert(der).unwrap())
        .collect();
    let name = ServerName::try_from(NAME).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(chain.now));
    group.bench_function("webpki", |bencher| {
        bencher.iter(|| {
            let (end_entity, intermediates) = chain.presented.split_first().unwrap();
            let end_entity = EndEntityCert::try_from(end_entity).unwrap();
            end_entity
                .verify_for_usage(
                    ALL_VERIFICATION_ALGS,
                    &anchors,
                    intermediates,
                    now,
                    KeyUsage::server_auth(),
                    None,
                    None,
                )
                .unwrap();
            end_entity.verify_is_valid_for_subject_name(&name).unwrap();
        });
    });
    let settings = Settings::default();
    group.bench_function("policy-natively", |bencher| {
        native::evaluate(&chain.request, "{}", || {
            bencher.iter(|| {
                let verdict = black_box(validate(&settings));
                assert!(matches!(verdict.decision, Decision::Accept { .. }));
            });
        });
    });
    group.bench_function("sandbox", |bencher| {
        bencher.iter_custom(|times| {
            let evaluate = |_| {
                let judgement = judge.validate(&chain.request);
                assert!(judgement.is_accepted(), "{judgement:?}");
                judgement.evaluations.first().unwrap().nanoseconds
            };
            Duration::from_nanos((0..times).map(evaluate).sum())
        });
    });
    group.bench_function("judgement", |bencher| {
        bencher.iter(|| assert!(judge.validate(&chain.request).is_accepted()));
    });
    group.finish();
}
