//! Policy sets that are swapped while both cores evaluate: every judgement must be whole, and of one set alone.
//!
//! `cargo xtask soak` runs it. Two threads judge a real certification path without pause; by turns two sets have half of the time
//! each, or there is a swap every so many milliseconds. The sets of odd generations accept and those of even ones refuse, by two
//! rules each, so a judgement that is missing, of another generation's mind, or of two minds is seen. Every tenth set has its
//! policy loaded anew from the cache of compiled code, and the old code goes. It ends with the medians with and without swaps, of
//! either mind, since to refuse takes another time than to accept; and fails when the process's memory grew with the swaps.
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
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
/// How often swaps begin and end.
const TURNS: u32 = 6;
/// Milliseconds that a judgement may take.
const PATIENCE: u32 = 5_000;
/// Threads that evaluate.
const THREADS: usize = 2;
/// How a duration is counted: classes of so many nanoseconds, the last for all that is longer.
const CLASS: u128 = 200;
const CLASSES: usize = 100_000;
/// How often it is looked at the clock and at the memory.
const LOOK: Duration = Duration::from_millis(100);
/// The part of all looks at memory that comes first, and the one that comes last, which are compared.
const WARM: usize = 10;
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
    let turn = length / TURNS;
    let [still, swapped] = soak.run(turn, [turn / 2, every]);
    still.tell(turn / 2);
    swapped.tell(every);
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
    for (mind, what) in MINDS.into_iter().enumerate() {
        let median = |run: &Run| run.minds[mind].at(1, 2).as_secs_f64();
        println!(
            "median with swaps to median without, {what}: {:.3}",
            median(&swapped) / median(&still)
        );
    }
    ExitCode::SUCCESS
}

/// What generations say, by their number's last bit.
const MINDS: [&str; 2] = ["refused", "accepted"];

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

/// What runs brought.
#[derive(Default)]
struct Run {
    swaps: u64,
    minds: [Durations; 2],
    /// Resident memory, octets, a look after each swap.
    memory: Vec<u64>,
    /// How long making and swapping a set took at most.
    longest_swap: Duration,
}

impl Soak {
    fn new() -> Self {
        let (mut options, cache) = options();
        // Two that evaluate, and one that checks the settings of the next set.
        options.evaluators = THREADS + 1;
        // What is looked for is a judgement that a swap loses. One that ends by time since the machine stood still is no such thing.
        options.limits.time_milliseconds = PATIENCE;
        options.set_milliseconds = PATIENCE;
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

    /// Two ways to swap by turns, so that what else the machine does slows both.
    fn run(&self, turn: Duration, ways: [Duration; 2]) -> [Run; 2] {
        let (stop, way) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let evaluating: Vec<_> = (0..THREADS)
                .map(|_| scope.spawn(|| self.evaluate(&stop, &way)))
                .collect();
            let mut runs = [Run::default(), Run::default()];
            for _ in 0..TURNS {
                for (number, (run, every)) in runs.iter_mut().zip(ways).enumerate() {
                    way.store(number, Ordering::SeqCst);
                    self.swap(turn, every, run);
                }
            }
            stop.store(true, Ordering::SeqCst);
            for thread in evaluating {
                let counted = thread.join().unwrap();
                for (run, minds) in runs.iter_mut().zip(counted) {
                    run.minds.iter_mut().zip(&minds).for_each(|(a, b)| a.add(b));
                }
            }
            runs
        })
    }

    /// Swaps for so long, so often.
    fn swap(&self, length: Duration, every: Duration, run: &mut Run) {
        let mut policy = self.policy.clone();
        let began = Instant::now();
        let mut swapped = began;
        while began.elapsed() < length {
            thread::sleep(every.min(LOOK));
            if swapped.elapsed() >= every {
                swapped = Instant::now();
                if run.swaps.is_multiple_of(LOADED) {
                    policy = self.engine.admit(&self.file).unwrap();
                }
                let next = self.judge.generation() + 1;
                let made = set(&self.engine, &policy, &self.settings, next);
                assert_eq!(self.judge.swap(made), next);
                run.longest_swap = run.longest_swap.max(swapped.elapsed());
                run.swaps += 1;
            }
            run.memory.push(resident());
        }
    }

    /// Judges without pause; the durations by the way to swap, and by mind.
    fn evaluate(&self, stop: &AtomicBool, way: &AtomicUsize) -> [[Durations; 2]; 2] {
        let mut minds: [[Durations; 2]; 2] = Default::default();
        let mut last = 0;
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let judgement = self.judge.validate(&self.request);
            let mind = usize::from(!judgement.generation.is_multiple_of(2));
            minds[way.load(Ordering::Relaxed)][mind].count(began.elapsed());
            self.check(&judgement);
            assert!(judgement.generation >= last, "generations only grow");
            last = judgement.generation;
        }
        minds
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

/// How long judgements took: classes of durations.
struct Durations(Vec<u64>);

impl Default for Durations {
    fn default() -> Self {
        Self(vec![0; CLASSES])
    }
}

impl Durations {
    fn count(&mut self, duration: Duration) {
        let class = usize::try_from(duration.as_nanos() / CLASS).unwrap_or(CLASSES);
        self.0[class.min(CLASSES - 1)] += 1;
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
    }

    fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration below which so many parts of so many are.
    fn at(&self, parts: u64, of: u64) -> Duration {
        let rank = self.all() / of * parts;
        let mut seen = 0;
        let class = self.0.iter().position(|count| {
            seen += count;
            seen > rank
        });
        let nanoseconds = u128::try_from(class.unwrap_or(CLASSES)).unwrap_or(0) * CLASS;
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl Run {
    /// Resident memory once it was warm and at its end: medians, so that a moment does not decide.
    fn warm_and_end(&self) -> (u64, u64) {
        let part = self.memory.len() / WARM;
        let median = |looks: &[u64]| {
            let mut looks = looks.to_vec();
            looks.sort_unstable();
            looks.get(looks.len() / 2).copied().unwrap_or_default()
        };
        // Caches and pools have their size after the first part.
        let (second, last) = (part..2 * part, self.memory.len() - part..);
        (median(&self.memory[second]), median(&self.memory[last]))
    }

    fn tell(&self, every: Duration) {
        let micro = |duration: Duration| duration.as_secs_f64() * 1e6;
        let (warm, end) = self.warm_and_end();
        let minds = MINDS.iter().zip(&self.minds).map(|(mind, durations)| {
            format!(
                "{} {mind}, median {:.1} µs, 99 in 100 below {:.1} µs",
                durations.all(),
                micro(durations.at(1, 2)),
                micro(durations.at(99, 100))
            )
        });
        println!(
            "a swap every {} ms: {}; each whole, none lost, none of two sets; {} swaps, a set made and swapped in at most {:.1} ms; \
             resident memory {} kB when warm, {} kB at the end",
            every.as_millis(),
            minds.collect::<Vec<_>>().join("; "),
            self.swaps,
            micro(self.longest_swap) / 1e3,
            warm / 1_000,
            end / 1_000
        );
    }
}
