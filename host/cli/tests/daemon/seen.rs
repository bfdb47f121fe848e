//! What an operator sees of a running daemon: metrics, and the log of decisions.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use hickory_proto::op::ResponseCode;
use resolvet::decisions::{Reader, Recorded};
use serde_json::Value;

use crate::running::{DEFAULTS, Daemon, Home, PATIENCE, STRICTER, built, document, extended_error};

/// Where metrics are served, at a port that is free.
pub(crate) const METRICS: &str = "metrics = \"127.0.0.1:0\"";

/// A scrape of this daemon: values by name and labels.
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Asks at the address that the daemon has logged.
    pub(crate) fn of(home: &Home) -> Self {
        let line = home.logged("metrics at http://");
        let url = line.split("http://").nth(1).unwrap();
        let (address, path) = url.split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        let values = text.lines().filter(|line| !line.starts_with('#'));
        let values = values.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self(values.collect())
    }

    pub(crate) fn value(&self, name: &str) -> f64 {
        let Some(value) = self.0.get(&format!("resolvet_{name}")) else {
            panic!("{name} is not in {:#?}", self.0)
        };
        *value
    }

    /// Asks until this value is as wanted.
    pub(crate) fn until(home: &Home, name: &str, wanted: impl Fn(f64) -> bool) -> Self {
        let began = Instant::now();
        loop {
            let scrape = Self::of(home);
            if scrape
                .0
                .get(&format!("resolvet_{name}"))
                .is_some_and(|&value| wanted(value))
            {
                return scrape;
            }
            assert!(began.elapsed() < PATIENCE, "{name}: {:#?}", scrape.0);
            sleep(Duration::from_millis(50));
        }
    }
}

/// A policy that never ends, has 20 ms, and binds nobody.
fn endless(home: &Home) -> String {
    fs::copy(built("guests/endless-loop.wasm"), home.path("endless.wasm")).unwrap();
    "[[policy]]\nfile = \"endless.wasm\"\nmode = \"monitor\"\nlimits = { time-milliseconds = 20 }\n"
        .to_owned()
}

#[test]
fn a_scrape_tells_of_policies_findings_faults_and_the_generation() {
    let home = Home::new().with_keys(METRICS).unwatched();
    let endless = endless(&home);
    home.configure(&format!("{DEFAULTS}{endless}"));
    let daemon = home.start_logging();
    daemon.ask_until(ResponseCode::NoError);
    daemon.ask();
    let scrape = Scrape::of(&home);
    let pkix = "policy=\"pkix\",stage=\"validation\",mode=\"enforce\"";
    assert!(scrape.value(&format!("evaluations_total{{{pkix},verdict=\"accept\"}}")) >= 1.0);
    let faults = scrape.value("faults_total{policy=\"endless-loop\",kind=\"time\"}");
    assert!(faults >= 1.0);
    // Its own limit bit, and the one beside it was not disturbed: 20 ms, of the 200 that are usual.
    let slow = "evaluation_duration_seconds_bucket{le=\"0.01\",policy=\"endless-loop\"}";
    assert!(scrape.value(slow) < 1.0);
    let judgements = scrape.value("judgement_duration_seconds_count{stage=\"validation\"}");
    assert!(judgements >= faults);
    assert!(scrape.value("evaluation_duration_seconds_count{policy=\"pkix\"}") >= judgements);
    assert!(scrape.value("evaluation_duration_seconds_sum{policy=\"pkix\"}") > 0.0);
    assert!(scrape.value("policy_generation") == 1.0);
    assert!(scrape.value("stub_cache_hits_total") == 1.0);
    assert!(scrape.value("stub_cache_misses_total") >= 1.0);
    assert!(scrape.value("stub_queries_total") >= 2.0);

    home.configure(STRICTER);
    assert!(daemon.resolvet(&["policy", "reload"]).status.success());
    daemon.ask_until(ResponseCode::ServFail);
    let reject = format!("evaluations_total{{{pkix},verdict=\"reject\"}}");
    let scrape = Scrape::until(&home, &reject, |value| value >= 1.0);
    let finding = "findings_total{policy=\"pkix\",code=\"pin-mismatch\",severity=\"error\"}";
    assert!(scrape.value(finding) >= 1.0);
    assert!(scrape.value("judgements_total{stage=\"validation\",outcome=\"rejected\"}") >= 1.0);
    assert!(scrape.value("policy_generation") == 2.0);
    assert!(scrape.value("stub_failures_total") >= 1.0);
    let text = fs::read_to_string(home.path("log")).unwrap();
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn compiled_code_is_loaded_from_the_cache_and_never_when_it_was_changed() {
    let home = Home::new().with_keys(METRICS);
    let start = || {
        let mut command = home.command();
        command.env("XDG_CACHE_HOME", home.path("cache"));
        command.stderr(fs::File::create(home.path("log")).unwrap());
        let daemon = home.started(command);
        daemon.ask_until(ResponseCode::NoError);
        let scrape = Scrape::of(&home);
        daemon.signal("TERM");
        assert_eq!(daemon.ended().0, Some(0));
        ["hits", "misses", "refusals"]
            .map(|word| scrape.value(&format!("compiled_cache_{word}_total")))
    };
    assert_eq!(start(), [0.0, 1.0, 0.0], "the first start compiles");
    assert_eq!(start(), [1.0, 0.0, 0.0], "the second loads");
    let folder = fs::read_dir(home.path("cache/resolvet")).unwrap();
    let compiled = folder
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "compiled"))
        .unwrap();
    let mut octets = fs::read(&compiled).unwrap();
    let (good, middle) = (octets.clone(), octets.len() / 2);
    octets[middle] ^= 1;
    fs::write(&compiled, &octets).unwrap();
    assert_eq!(
        start(),
        [0.0, 0.0, 1.0],
        "the changed code is compiled again"
    );
    assert_eq!(fs::read(&compiled).unwrap(), good);
    assert_eq!(start(), [1.0, 0.0, 0.0]);
}

/// The decisions of a log and all that it has in older files, oldest first.
fn recorded(home: &Home) -> Vec<Value> {
    let mut decisions = Vec::new();
    for number in (0..8).rev() {
        let name = match number {
            0 => "decisions.jsonl".to_owned(),
            number => format!("decisions.jsonl.{number}"),
        };
        let Ok(octets) = fs::read(home.path(&name)) else {
            continue;
        };
        // The last line may be half written: the daemon runs.
        let whole = octets.iter().rposition(|&octet| octet == b'\n');
        for recorded in Reader::new(&octets[..whole.map_or(0, |end| end + 1)]) {
            match recorded.unwrap() {
                Recorded::Decision {
                    decision, request, ..
                } => {
                    if let Some(request) = request {
                        assert_eq!(request.digest(), decision.request_digest);
                    }
                    decisions.push(serde_json::to_value(*decision).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    decisions
}

fn swap(home: &Home, daemon: &Daemon, policies: &str) {
    home.configure(policies);
    let output = daemon.resolvet(&["policy", "reload", "--format", "json"]);
    assert!(output.status.success(), "{output:?}");
    document(&output);
}

#[test]
fn every_decision_is_in_the_log_under_the_name_that_clients_are_told() {
    let home = Home::new().unwatched();
    let log = "[decisions]\nlog = \"decisions.jsonl\"\nrecord = \"full\"\nfile-octets = 65536\nfiles = 4\n";
    let (mild, strict) = (format!("{DEFAULTS}{log}"), format!("{STRICTER}{log}"));
    home.configure(&mild);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let first = recorded(&home);
    let of = |stage: &str| first.iter().any(|decision| decision["stage"] == stage);
    assert!(of("validation"), "{first:#?}");

    swap(&home, &daemon, &strict);
    let message = daemon.ask_until(ResponseCode::ServFail);
    let told = extended_error(&message).unwrap();
    let id = told.split_once("(decision ").unwrap().1;
    let id = id.split_once(')').unwrap().0;
    let began = Instant::now();
    let named = loop {
        let decisions = recorded(&home);
        if let Some(named) = decisions.iter().find(|decision| decision["id"] == id) {
            break named.clone();
        }
        assert!(began.elapsed() < PATIENCE, "{told}: {decisions:#?}");
        sleep(Duration::from_millis(50));
    };
    assert_eq!(named["generation"], 2, "{named:#}");
    assert_eq!(named["outcome"], "rejected", "{named:#}");
    assert_eq!(named["stage"], "validation", "{named:#}");

    // Files are bounded, and the oldest goes.
    let mut strict_next = false;
    while !home.path("decisions.jsonl.3").exists() {
        assert!(began.elapsed() < PATIENCE, "the log does not grow");
        swap(&home, &daemon, if strict_next { &strict } else { &mild });
        let code = match strict_next {
            true => ResponseCode::ServFail,
            false => ResponseCode::NoError,
        };
        daemon.ask_until(code);
        strict_next = !strict_next;
    }
    for number in 1..=3 {
        let file = home.path(&format!("decisions.jsonl.{number}"));
        assert!(file.metadata().unwrap().len() <= 65_536);
    }
    let (code, log) = {
        daemon.signal("TERM");
        daemon.ended()
    };
    assert_eq!(code, Some(0), "{log}");
    let decisions = recorded(&home);
    assert!(decisions.len() > 4, "{}", decisions.len());
}

#[test]
fn a_log_that_cannot_go_on_costs_records_and_no_answer() {
    let home = Home::new().with_keys(METRICS).unwatched();
    let log = "[decisions]\nlog = \"decisions.jsonl\"\nrecord = \"full\"\nfile-octets = 65536\nfiles = 2\n";
    let (mild, strict) = (format!("{DEFAULTS}{log}"), format!("{STRICTER}{log}"));
    // Where the first file would go when it is full.
    fs::create_dir(home.path("decisions.jsonl.1")).unwrap();
    home.configure(&mild);
    let daemon = home.start_logging();
    daemon.ask_until(ResponseCode::NoError);
    let began = Instant::now();
    for policies in [&strict, &mild].into_iter().cycle() {
        swap(&home, &daemon, policies);
        let code = match policies == &strict {
            true => ResponseCode::ServFail,
            false => ResponseCode::NoError,
        };
        daemon.ask_until(code);
        if Scrape::of(&home).value("decisions_dropped_total") > 0.0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nothing is dropped");
    }
    swap(&home, &daemon, &mild);
    daemon.ask_until(ResponseCode::NoError);
    assert!(Scrape::of(&home).value("decisions_written_total") > 4.0);
    // What is there is whole.
    assert!(home.path("decisions.jsonl").metadata().unwrap().len() <= 65_536);
    let decisions = fs::read(home.path("decisions.jsonl")).unwrap();
    for recorded in Reader::new(&*decisions) {
        assert!(matches!(recorded.unwrap(), Recorded::Decision { .. }));
    }
    // Once there is place again, it says how many are missing.
    fs::remove_dir(home.path("decisions.jsonl.1")).unwrap();
    swap(&home, &daemon, &strict);
    daemon.ask_until(ResponseCode::ServFail);
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(home.path("decisions.jsonl")).unwrap();
        if text.contains("\"record\":\"dropped\"") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
        sleep(Duration::from_millis(50));
    }
}
