//! What the sandbox costs: an evaluation on a pristine instance, two threads against one, compiling and loading.
//!
//! `cargo xtask policies` makes the policies first. The program compiles them itself, as one that embeds the engine does.
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
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion};
use resolvet_engine::{Compiler, Engine, Judge, Options, PolicySet, Rule, compile_from_stdin};
use resolvet_proto::judgement::{Outcome, Presented, Purpose, Request, UsageProfile};

/// The argument with which this program compiles.
const COMPILE: &str = "compile-from-stdin";

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == COMPILE)
    {
        return compile_from_stdin();
    }
    let mut criterion = Criterion::default().configure_from_args();
    evaluation(&mut criterion);
    threads(&mut criterion);
    compilation(&mut criterion);
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn options() -> Options {
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![OsString::from(COMPILE)]).unwrap();
    options
}

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/policies")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `cargo xtask policies` makes it",
            path.display()
        )
    })
}

/// A judge of one policy that says nothing.
fn null(engine: &Engine) -> Judge {
    let policy = engine
        .admit(&read(&policies().join("guests/null.wasm")))
        .unwrap();
    let set = PolicySet::new(
        engine,
        &UsageProfile::Opportunistic,
        vec![Rule::new(policy)],
    );
    Judge::new(engine, set.unwrap())
}

/// A question with three certificates of 1,500 octets.
fn request() -> Arc<Request> {
    let certificates = vec![[0x30; 1_500].as_slice().into(); 3];
    let mut request = Request::new(Purpose::DnsServer, 1_800_000_000);
    request.usage_profile = UsageProfile::Opportunistic;
    request.presented = Presented {
        certificates,
        ocsp_response: None,
    };
    Arc::new(request)
}

/// One whole judgement, and in it one evaluation on a pristine instance: the rest is the request's digest and the record.
fn evaluation(criterion: &mut Criterion) {
    let judge = null(&Engine::new(options()).unwrap());
    let request = request();
    let mut group = criterion.benchmark_group("evaluation");
    group.bench_function("null: judgement", |bencher| {
        bencher.iter(|| assert_eq!(judge.validate(&request).outcome, Outcome::Accepted));
    });
    group.bench_function("null: evaluation", |bencher| {
        bencher.iter_custom(|times| {
            let evaluate = |_| {
                judge
                    .validate(&request)
                    .evaluations
                    .first()
                    .unwrap()
                    .nanoseconds
            };
            Duration::from_nanos((0..times).map(evaluate).sum())
        });
    });
    group.bench_function("digest of the request", |bencher| {
        bencher.iter(|| black_box(request.digest()));
    });
    group.finish();
}

/// The same number of judgements by one thread and by two: twice as fast would be perfect.
fn threads(criterion: &mut Criterion) {
    let judge = null(&Engine::new(options()).unwrap());
    let mut group = criterion.benchmark_group("threads");
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("null", threads), |bencher| {
            bencher.iter_custom(|times| together(&judge, threads, times));
        });
    }
    group.finish();
}

/// How long it takes until so many threads have made so many judgements together.
fn together(judge: &Judge, threads: usize, times: u64) -> Duration {
    let barrier = Barrier::new(threads + 1);
    let each = times.div_ceil(threads as u64);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // What a request shares (counts of its owners) is not shared between connections, either.
                let request = request();
                for _ in 0..100 {
                    black_box(judge.validate(&request));
                }
                barrier.wait();
                for _ in 0..each {
                    black_box(judge.validate(&request));
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let begin = Instant::now();
        barrier.wait();
        begin.elapsed()
    })
}

/// Each policy that ships, admitted without any cache and from one.
fn compilation(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut cached = options();
    cached.cache = Some(folder.path().join("cache"));
    let (compiling, cached) = (
        Engine::new(options()).unwrap(),
        Engine::new(cached).unwrap(),
    );
    let mut names: Vec<_> = fs::read_dir(policies())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        .collect();
    names.sort();
    for path in names {
        let file = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut group = criterion.benchmark_group("admission");
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("compile", &name), |bencher| {
            bencher.iter(|| compiling.admit(&file).unwrap());
        });
        cached.admit(&file).unwrap();
        group.bench_function(BenchmarkId::new("load", &name), |bencher| {
            bencher.iter(|| cached.admit(&file).unwrap());
        });
        group.finish();
    }
}
