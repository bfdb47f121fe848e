//! Policies and configuration that change without pause, written in every way that files are written: what is judged is always of one
//! whole set.
//!
//! The tests run it for one round; `cargo xtask soak` for longer.

use std::{
    env, fmt, fs,
    io::{BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use hickory_proto::op::ResponseCode;
use resolvet::decisions::{Reader, Recorded};
use resolvet_engine::record::{Answers, Decision, Generation};
use resolvet_proto::judgement::{Digest, Outcome, Stage};

use crate::running::{DEFAULTS, Daemon, Home, STRICTER, ask_at, built};

/// Between one question and the next.
const PAUSE: Duration = Duration::from_millis(5);
/// A file that is written with this pause in its middle is read when it is whole; with the longer one, in between too.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_millis(700);
/// From one change to the next, where it runs for longer than a round; who took longer is caught up with.
const EVERY: Duration = Duration::from_secs(1);
/// How often two files take each other's place.
const TIMES: u32 = 5;
/// Changes after which each of [`WANTED`] was written in each of [`MANNERS`].
const ROUND: usize = WANTED.len() * MANNERS.len();
/// The decision log: one file, whatever is written.
const LOG: &str = "[decisions]\nlog = \"decisions.jsonl\"\nfile-octets = 1073741824\n";
/// What the daemon's memory may vary by, whatever is swapped: octets, and a part of it.
const VARIES: u64 = 16 << 20;
const VARIES_PART: u64 = 10;

/// What lies in the policy folder beside what the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    None,
    /// Judges at selection, and refuses nobody.
    Mild,
    /// Refuses the lab's chain.
    Refusing,
}

/// What is wanted of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    rule: Rule,
    stricter: bool,
}

impl Wanted {
    const fn of(rule: Rule, stricter: bool) -> Self {
        Self { rule, stricter }
    }

    fn accepts(self) -> bool {
        self.rule != Rule::Refusing && !self.stricter
    }
}

/// One after the other; each differs from the one before it in one file.
const WANTED: [Wanted; 7] = [
    Wanted::of(Rule::Mild, false),
    Wanted::of(Rule::Refusing, false),
    Wanted::of(Rule::Mild, false),
    Wanted::of(Rule::Mild, true),
    Wanted::of(Rule::Refusing, true),
    Wanted::of(Rule::Refusing, false),
    Wanted::of(Rule::None, false),
];

/// How a policy comes into its file.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Another file takes its name.
    Renamed,
    /// It is written over in two parts, one soon after the other.
    Halves,
    /// It is written over in two parts, and read in between.
    Torn,
    /// Other files take its name again and again while it is read.
    Replaced,
}

/// As many as share no divisor with [`WANTED`]: each comes in each manner.
const MANNERS: [Manner; 4] = [
    Manner::Renamed,
    Manner::Halves,
    Manner::Torn,
    Manner::Replaced,
];

/// The components that are written, and who they are.
struct Components {
    mild: Vec<u8>,
    refusing: Vec<u8>,
}

impl Components {
    fn of(&self, rule: Rule) -> Option<&[u8]> {
        match rule {
            Rule::None => None,
            Rule::Mild => Some(&self.mild),
            Rule::Refusing => Some(&self.refusing),
        }
    }

    fn digest(&self, rule: Rule) -> Option<Digest> {
        self.of(rule).map(Digest::of)
    }
}

/// What every answer must be by now; nothing while files change.
#[derive(Default)]
struct Expected {
    now: Mutex<(u64, Option<ResponseCode>)>,
    is_over: AtomicBool,
}

impl Expected {
    fn set(&self, code: Option<ResponseCode>) {
        let mut now = self.now.lock().unwrap();
        *now = (now.0 + 1, code);
    }

    fn get(&self) -> (u64, Option<ResponseCode>) {
        *self.now.lock().unwrap()
    }
}

/// Ends the questions, however their scope is left.
struct Ends<'a>(&'a Expected);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

struct Soak {
    home: Home,
    components: Components,
    file: PathBuf,
}

#[test]
fn files_that_change_without_pause_never_bring_a_wrong_verdict() {
    let length = env::var("RESOLVET_SOAK_SECONDS").ok();
    let length = length.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let home = Home::new();
    home.configure(&policies(false));
    let soak = Soak {
        file: home.path("policies/rule.wasm"),
        components: Components {
            mild: fs::read(built("preference.wasm")).unwrap(),
            refusing: fs::read(built("fixtures/company-rule.wasm")).unwrap(),
        },
        home,
    };
    let daemon = soak.home.start_logging();
    daemon.ask_until(ResponseCode::NoError);
    let expected = Expected::default();
    let (memory, answers) = scope(|scope| {
        let asking = scope.spawn(|| ask(daemon.address(), &expected));
        let ends = Ends(&expected);
        let memory = soak.change(&daemon, length.unwrap_or_default(), &expected);
        drop(ends);
        (memory, asking.join().unwrap())
    });
    let log = fs::read_to_string(soak.home.path("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    let refused = log.matches("was refused").count();
    assert!(refused > 0, "no file was read while it was half written");
    daemon.signal("TERM");
    daemon.ended();
    let (decisions, generations) = soak.check();
    // The first round brings everything into memory.
    let [first, half, last] = [
        memory.len().min(ROUND) - 1,
        memory.len() / 2,
        memory.len() - 1,
    ]
    .map(|change| memory[change]);
    println!(
        "{} changes of files to {generations} generations, {refused} refusals of half a file; {answers} answers, each right; {decisions} \
         decisions, each by one whole set; resident memory after the first round: {first}, halfway: {half}, at the end: {last}",
        memory.len(),
    );
    let (first, last) = (first.octets(), last.octets());
    assert!(
        last <= first + first / VARIES_PART + VARIES,
        "memory grew from {first} to {last} octets"
    );
}

fn policies(stricter: bool) -> String {
    format!("{LOG}{}", if stricter { STRICTER } else { DEFAULTS })
}

/// Asks without pause, and counts the answers.
fn ask(address: SocketAddr, expected: &Expected) -> u64 {
    let mut answers = 0;
    while !expected.is_over.load(Ordering::SeqCst) {
        let before = expected.get();
        let code = ask_at(address).metadata.response_code;
        answers += 1;
        assert!(
            matches!(code, ResponseCode::NoError | ResponseCode::ServFail),
            "{code}"
        );
        if let (_, Some(wanted)) = before
            && expected.get() == before
        {
            assert_eq!(code, wanted, "after {answers} answers");
        }
        sleep(PAUSE);
    }
    answers
}

impl Soak {
    /// Changes files for so long; the daemon's memory after each change.
    fn change(&self, daemon: &Daemon, length: Duration, expected: &Expected) -> Vec<Resident> {
        let every = if length.is_zero() { SHORT } else { EVERY };
        let began = Instant::now();
        let mut due = began;
        let mut memory = Vec::new();
        let mut now = Wanted::of(Rule::None, false);
        let manners = MANNERS.iter().cycle();
        for (&wanted, &manner) in WANTED.iter().cycle().zip(manners) {
            // Each in each manner, however short the time is.
            if began.elapsed() > length && memory.len() >= ROUND {
                break;
            }
            expected.set(None);
            if wanted.stricter != now.stricter {
                self.home.configure(&policies(wanted.stricter));
                daemon.signal("HUP");
            }
            if wanted.rule != now.rule {
                self.write(daemon, wanted.rule, manner);
            }
            self.settled(daemon, wanted);
            let code = match wanted.accepts() {
                true => ResponseCode::NoError,
                false => ResponseCode::ServFail,
            };
            daemon.ask_until(code);
            expected.set(Some(code));
            memory.push(Resident::of(daemon));
            due += every;
            sleep(due.saturating_duration_since(Instant::now()).max(SHORT));
            now = wanted;
        }
        memory
    }

    fn write(&self, daemon: &Daemon, rule: Rule, manner: Manner) {
        let Some(component) = self.components.of(rule) else {
            return fs::remove_file(&self.file).unwrap();
        };
        let rename = |octets: &[u8]| {
            let beside = self.home.path("rule.beside");
            fs::write(&beside, octets).unwrap();
            fs::rename(&beside, &self.file).unwrap();
        };
        let halves = |pause: Duration| {
            let (one, other) = component.split_at(component.len() / 2);
            let mut file = fs::File::create(&self.file).unwrap();
            file.write_all(one).unwrap();
            daemon.signal("HUP");
            sleep(pause);
            file.write_all(other).unwrap();
        };
        match manner {
            Manner::Renamed => rename(component),
            Manner::Halves => halves(SHORT),
            Manner::Torn => halves(LONG),
            Manner::Replaced => {
                for _ in 0..TIMES {
                    for other in [&self.components.refusing, &self.components.mild] {
                        rename(other);
                        daemon.signal("HUP");
                    }
                }
                rename(component);
            }
        }
    }

    /// Waits until exactly what is wanted is active.
    fn settled(&self, daemon: &Daemon, wanted: Wanted) {
        let digest = self.components.digest(wanted.rule);
        let digest = digest.map(|digest| digest.to_string());
        daemon.status_until(|status| {
            let policies = &status["policies"];
            let rules = policies["rules"].as_array().unwrap();
            let beside = rules.get(1).map(|rule| rule["digest"].as_str().unwrap());
            beside == digest.as_deref() && rules.len() <= 2 && policies["trouble"] == ""
        });
    }

    /// Reads the decisions: how many there are, by how many generations.
    fn check(&self) -> (u64, u64) {
        let file = fs::File::open(self.home.path("decisions.jsonl")).unwrap();
        let mut decisions = 0;
        let mut last = 0;
        for recorded in Reader::new(BufReader::new(file)) {
            let Recorded::Decision {
                generation,
                decision,
                ..
            } = recorded.unwrap()
            else {
                panic!("a decision is missing: the log has something else");
            };
            self.check_one(&generation, &decision);
            decisions += 1;
            last = last.max(generation.generation);
        }
        assert!(decisions >= last, "{decisions} decisions");
        (decisions, last)
    }

    /// A decision is what its generation's policies say, each of which was written as a whole.
    fn check_one(&self, generation: &Generation, decision: &Decision) {
        let Some((pkix, beside)) = generation.rules.split_first() else {
            panic!("nobody was asked: {decision:?}");
        };
        let settings = pkix.settings.as_ref();
        let is_pinned = settings.is_some_and(|settings| settings.contains_key("spki-pins"));
        let [mild, refusing] =
            [Rule::Mild, Rule::Refusing].map(|rule| self.components.digest(rule));
        let beside: Vec<_> = beside.iter().map(|rule| Some(rule.digest)).collect();
        let (is_refusing, is_known) = match beside[..] {
            [] => (false, true),
            [one] => (one == refusing, one == refusing || one == mild),
            _ => (false, false),
        };
        assert!(is_known, "half a file, or too many: {generation:?}");
        match &decision.answers {
            Answers::Verdicts(answers) => {
                let whole = answers
                    .iter()
                    .all(|answer| answer.evaluation.result.is_ok());
                assert!(whole, "{decision:?}");
                let asked = 1 + usize::from(is_refusing);
                let all = decision.stage != Stage::Validation || answers.len() == asked;
                assert!(all, "somebody is missing: {decision:?}");
            }
            Answers::Rankings(answers) => {
                let whole = answers
                    .iter()
                    .all(|answer| answer.evaluation.result.is_ok());
                assert!(
                    whole && answers.len() == usize::from(beside == [mild]),
                    "{decision:?}"
                );
            }
        }
        if decision.stage == Stage::Validation {
            let expected = match is_pinned || is_refusing {
                true => Outcome::Rejected,
                false => Outcome::Accepted,
            };
            assert_eq!(decision.outcome, expected, "{generation:?} {decision:?}");
        }
    }
}

/// Resident memory, octets.
#[derive(Debug, Clone, Copy)]
struct Resident {
    /// Heaps, stacks and guests' memories.
    anonymous: u64,
    /// Pages of files: the program's own, and of compiled code.
    mapped: u64,
}

impl Resident {
    fn of(daemon: &Daemon) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
        let of = |field| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
            kilobytes.parse::<u64>().unwrap() << 10
        };
        Self {
            anonymous: of("RssAnon:"),
            mapped: of("RssFile:"),
        }
    }

    fn octets(self) -> u64 {
        self.anonymous + self.mapped
    }
}

impl fmt::Display for Resident {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { anonymous, mapped } = self;
        let [anonymous, mapped] = [anonymous, mapped].map(|octets| octets / 1_000);
        write!(formatter, "{anonymous} kB and {mapped} kB of files")
    }
}
