//! Policy sets that are swapped while both cores evaluate: every judgement must be whole, and of one set alone.
//!
//! `cargo xtask soak` runs it. Two threads judge a real certification path without pause; first nothing is swapped, then a set
//! every so many milliseconds. The sets of odd generations accept and those of even ones refuse, by two rules each, so a
//! judgement that is missing, of another generation's mind, or of two minds is seen. Every tenth set has its policy loaded anew
//! from the cache of compiled code, and the old code goes. It ends with the two medians, and fails when the process's memory
//! grew with the swaps.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool of developers may fail loudly and prints what it measured"
)]

mod shared;

use std::{
    env,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use resolvet_engine::{Engine, Judge, Policy, PolicySet, Rule, compile_from_stdin};
use resolvet_proto::judgement::{
    Decision, Judgement, Outcome, Request, Role, UsageProfile, Verdict,
};
use serde_json::{Map, Value, json};
use shared::{COMPILE, component, good_path, options, resident};

/// A pin that no certificate has.
const STRANGE_PIN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Threads that evaluate.
const THREADS: usize = 2;
/// How a duration is counted: classes of so many nanoseconds, the last for all that is longer.
const CLASS: u128 = 200;
const CLASSES: usize = 100_000;
/// Part of the run after which memory is looked at: caches and pools have their size by then. As much of its end is compared.
const WARM: u32 = 10;
/// Each so many swaps the policy is loaded anew.
const LOADED: u64 = 10;
/// What memory may vary by, whatever is swapped: octets, and a part of it.
const VARIES: u64 = 4 << 20;
const VARIES_PART: u64 = 20;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(COMPILE) {
        return compile_from_stdin();
    }
    let number = |text: Option<String>, default: u64| text.map_or(default, |n| n.parse().unwrap());
    let length = Duration::from_secs(number(first, 120));
    let every = Duration::from_millis(number(arguments.next(), 100));
    let soak = Soak::new();
    let still = soak.run(length, None);
    still.tell("without a swap");
    let swapped = soak.run(length, Some(every));
    swapped.tell(&format!("a swap every {} ms", every.as_millis()));
    let (warm, end) = swapped.warm_and_end();
    assert!(
        end <= warm + warm / VARIES_PART + VARIES,
        "memory grew by {} kB over {} swaps",
        (end - warm) / 1_000,
        swapped.swaps
    );
    let loads = soak.engine.cache_statistics();
    assert_eq!(
        (loads.misses, loads.refusals),
        (1, 0),
        "compiled once, then loaded"
    );
    println!(
        "median with swaps to median without: {:.3}",
        swapped.median().as_secs_f64() / still.median().as_secs_f64()
    );
    ExitCode::SUCCESS
}

struct Soak {
    engine: Engine,
    file: Vec<u8>,
    policy: Policy,
    request: Arc<Request>,
    settings: Map<String, Value>,
    judge: Judge,
    /// Its folder vanishes with the run.
    _cache: tempfile::TempDir,
}

/// What a run brought.
struct Run {
    judgements: u64,
    swaps: u64,
    classes: Vec<u64>,
    /// Resident memory once it was warm, octets, a look after each swap.
    memory: Vec<u64>,
    /// How long making and swapping a set took at most.
    longest_swap: Duration,
}

impl Soak {
    fn new() -> Self {
        let (mut options, cache) = options();
        // Two that evaluate, and one that checks the settings of the next set.
        options.evaluators = THREADS + 1;
        let engine = Engine::new(options).unwrap();
        let file = component("pkix.wasm");
        let policy = engine.admit(&file).unwrap();
        let (request, settings) = good_path();
        let soak = Self {
            judge: Judge::new(&engine, set(&engine, &policy, &settings, 1)),
            engine,
            file,
            policy,
            _cache: cache,
            request: Arc::new(request),
            settings,
        };
        soak.check(&soak.judge.validate(&soak.request));
        soak
    }

    fn run(&self, length: Duration, every: Option<Duration>) -> Run {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let evaluating: Vec<_> = (0..THREADS)
                .map(|_| scope.spawn(|| self.evaluate(&stop)))
                .collect();
            let began = Instant::now();
            let (mut swaps, mut longest_swap, mut memory) = (0_u64, Duration::ZERO, Vec::new());
            let mut policy = self.policy.clone();
            while began.elapsed() < length {
                thread::sleep(every.unwrap_or(Duration::from_millis(100)));
                if every.is_some() {
                    let moment = Instant::now();
                    if swaps.is_multiple_of(LOADED) {
                        policy = self.engine.admit(&self.file).unwrap();
                    }
                    let next = self.judge.generation() + 1;
                    let made = set(&self.engine, &policy, &self.settings, next);
                    assert_eq!(self.judge.swap(made), next);
                    longest_swap = longest_swap.max(moment.elapsed());
                    swaps += 1;
                }
                if began.elapsed() > length / WARM {
                    memory.push(resident());
                }
            }
            stop.store(true, Ordering::SeqCst);
            let mut classes = vec![0; CLASSES];
            for thread in evaluating {
                let counted = thread.join().unwrap();
                classes.iter_mut().zip(counted).for_each(|(a, b)| *a += b);
            }
            Run {
                judgements: classes.iter().sum(),
                swaps,
                classes,
                memory,
                longest_swap,
            }
        })
    }

    fn evaluate(&self, stop: &AtomicBool) -> Vec<u64> {
        let mut classes = vec![0; CLASSES];
        let mut last = 0;
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let judgement = self.judge.validate(&self.request);
            let class = usize::try_from(began.elapsed().as_nanos() / CLASS).unwrap_or(CLASSES);
            if let Some(count) = classes.get_mut(class.min(CLASSES - 1)) {
                *count += 1;
            }
            self.check(&judgement);
            assert!(judgement.generation >= last, "generations only grow");
            last = judgement.generation;
        }
        classes
    }

    /// Two answers, both of the generation's mind.
    fn check(&self, judgement: &Judgement<Verdict>) {
        let accepts = judgement.generation % 2 == 1;
        assert_eq!(judgement.evaluations.len(), 2, "{judgement:?}");
        for evaluation in &judgement.evaluations {
            let verdict = evaluation.result.as_ref();
            let verdict = verdict.unwrap_or_else(|fault| panic!("lost: {fault:?}"));
            let accepted = matches!(verdict.decision, Decision::Accept { .. });
            assert_eq!(accepted, accepts, "a mixture: {judgement:?}");
        }
        let expected = match accepts {
            true => Outcome::Accepted,
            false => Outcome::Rejected,
        };
        assert_eq!(judgement.outcome, expected);
        assert_eq!(judgement.request, self.request.digest());
    }
}

/// The set of a generation: of odd ones one that accepts.
fn set(engine: &Engine, policy: &Policy, settings: &Map<String, Value>, of: u64) -> PolicySet {
    let mut settings = settings.clone();
    if of.is_multiple_of(2) {
        settings.insert("spki-pins".to_owned(), json!([STRANGE_PIN]));
    }
    let mut rule = Rule::new(policy.clone());
    rule.role = Role::Authority;
    rule.settings = settings;
    PolicySet::new(engine, &UsageProfile::Strict, vec![rule.clone(), rule]).unwrap()
}

impl Run {
    fn median(&self) -> Duration {
        self.at(self.judgements / 2)
    }

    /// The duration below which so many judgements are.
    fn at(&self, rank: u64) -> Duration {
        let mut seen = 0;
        let class = self.classes.iter().position(|count| {
            seen += count;
            seen > rank
        });
        let nanoseconds = u128::try_from(class.unwrap_or(CLASSES)).unwrap_or(0) * CLASS;
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Resident memory once it was warm and at its end: medians, so that a moment does not decide.
    fn warm_and_end(&self) -> (u64, u64) {
        let part = (self.memory.len() / usize::try_from(WARM).unwrap()).max(1);
        let median = |looks: &[u64]| {
            let mut looks = looks.to_vec();
            looks.sort_unstable();
            looks.get(looks.len() / 2).copied().unwrap_or_default()
        };
        let part = part.min(self.memory.len());
        let (first, last) = (
            &self.memory[..part],
            &self.memory[self.memory.len() - part..],
        );
        (median(first), median(last))
    }

    fn tell(&self, what: &str) {
        let micro = |duration: Duration| duration.as_secs_f64() * 1e6;
        let (warm, end) = self.warm_and_end();
        println!(
            "{what}: {} judgements whole, none lost, none of two sets; median {:.1} µs, 99 in 100 below {:.1} µs; \
             {} swaps, a set made and swapped in at most {:.1} ms; resident memory {} kB when warm, {} kB at the end",
            self.judgements,
            micro(self.median()),
            micro(self.at(self.judgements / 100 * 99)),
            self.swaps,
            micro(self.longest_swap) / 1e3,
            warm / 1_000,
            end / 1_000
        );
    }
}
