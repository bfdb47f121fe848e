//! What the sandbox costs: an evaluation on a pristine instance, two threads against one, compiling and loading.
//!
//! `cargo xtask policies` makes the policies first. The program compiles them itself, as one that embeds the engine does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark may fail loudly and prints what criterion does not measure; the macros of criterion write no documentation"
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
    long_settings(&mut criterion);
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

/// A policy whose settings are a list of names: read by each evaluation, or once, with its memory kept.
fn long_settings(criterion: &mut Criterion) {
    let file = read(&policies().join("guests/name-list.wasm"));
    let mut options = options();
    options.limits.settings_octets = 64 << 20;
    options.limits.call_octets = 64 << 20;
    options.limits.memory_octets = 512 << 20;
    options.limits.time_milliseconds = 10_000;
    options.set_milliseconds = 10_000;
    let mut group = criterion.benchmark_group("list of names");
    for names in [10_usize, 1_000, 1_000_000] {
        let list = (0..names).map(|number| format!("host-{number}.example.net").into());
        let refused = serde_json::Value::Array(list.collect());
        let settings = serde_json::Map::from_iter([("refused".to_owned(), refused)]);
        for kept in [false, true] {
            // Reading a million names takes most of a second each time.
            group.sample_size(if names > 1_000 && !kept { 10 } else { 100 });
            let before = resident();
            let engine = Engine::new(options.clone()).unwrap();
            let begin = Instant::now();
            let policy = match kept {
                false => engine.admit(&file).unwrap(),
                true => engine
                    .admit_configured(&file, &settings, None, &engine.options().limits)
                    .unwrap(),
            };
            let admitted = begin.elapsed();
            let mut rule = Rule::new(policy);
            rule.settings.clone_from(&settings);
            let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, vec![rule]);
            let judge = Judge::new(&engine, set.unwrap());
            let loaded = resident();
            let request = request();
            let way = if kept { "kept" } else { "read each time" };
            group.bench_function(BenchmarkId::new(way, names), |bencher| {
                bencher.iter(|| assert_eq!(judge.validate(&request).outcome, Outcome::Accepted));
            });
            println!(
                "{names} names, {way}: admitted in {} ms; resident: {} KiB more when loaded, {} KiB more after evaluations",
                admitted.as_millis(),
                loaded.saturating_sub(before),
                resident().saturating_sub(loaded),
            );
        }
    }
    group.finish();
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
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
