//! Restrictions are lifted for a time, and nothing else ever.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use hickory_proto::op::ResponseCode;
use resolvet_tests::lab::{Options, ca::Fault};
use serde_json::Value;

use crate::{
    running::{Daemon, Home, PATIENCE, built, document},
    tracer::Tracer,
};

/// Path validation, and a company's rule that refuses what the lab's certificates are.
const NARROWED: &str =
    "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n[[policy]]\nfile = \"rule.wasm\"\n";

fn home(options: Options) -> Home {
    let home = Home::with(options);
    fs::copy(built("fixtures/company-rule.wasm"), home.path("rule.wasm")).unwrap();
    home.configure(NARROWED);
    home
}

fn break_glass(daemon: &Daemon, words: &[&str]) -> Result<Value, String> {
    let output = daemon.resolvet(&[&["break-glass", "--format", "json"], words].concat());
    let answer = document(&output);
    match output.status.success() {
        true => Ok(answer),
        false => Err(answer["code"].as_str().unwrap().to_owned()),
    }
}

fn lift(daemon: &Daemon, seconds: &str) -> Value {
    break_glass(daemon, &["--reason", "the rule is wrong", "--for", seconds]).unwrap()
}

#[test]
fn what_is_lifted_ends_however_slow_the_disk_is() {
    let home = home(Options::new()).unwatched();
    home.configure(NARROWED);
    let daemon = home.start();
    lift(&daemon, "3s");
    daemon.ask_until(ResponseCode::NoError);
    // A reload that takes at least as long as the disk, several times.
    let slow = Tracer::of(&daemon, "fsync", "delay_enter=4000000");
    home.configure(&format!("{NARROWED}[[policy]]\nname = \"privacy\"\n"));
    thread::scope(|scope| {
        let reload = scope.spawn(|| daemon.policy(&["reload"]));
        let asked = Instant::now();
        daemon.status();
        assert!(asked.elapsed() < Duration::from_secs(2), "a status waits");
        let status = daemon.status_until(|status| status["break-glass"].is_null());
        assert_eq!(status["policies"]["generation"], 3, "{status:#}");
        daemon.ask_until(ResponseCode::ServFail);
        assert!(!reload.is_finished(), "the disk was not slow");
        // The end was a generation of its own, so what was being loaded is another.
        assert_eq!(reload.join().unwrap()["generation"], 4);
    });
    drop(slow);
    daemon.ask_until(ResponseCode::ServFail);
    // What is written down is what judges.
    daemon.status_until(|_| daemon.last_entry()["generation"] == 3);
    let life = daemon.policy(&["status"]);
    assert_eq!(life["generation"], 4, "{life:#}");
    daemon.signal("KILL");
    daemon.ended();
    let daemon = home.start();
    assert_eq!(daemon.status()["policies"]["generation"], 4);
    daemon.ask_until(ResponseCode::ServFail);
}

#[test]
fn a_restriction_does_not_bind_for_a_time_and_then_does() {
    let home = home(Options::new());
    home.configure(&format!(
        "[decisions]\nlog = \"decisions.jsonl\"\n{NARROWED}"
    ));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::ServFail);
    let report = lift(&daemon, "8s");
    assert_eq!(report["generation"], 2, "{report:#}");
    assert_eq!(
        report["lift"]["policies"],
        serde_json::json!(["company-rule"])
    );
    daemon.ask_until(ResponseCode::NoError);
    let status = daemon.status();
    let told = &status["break-glass"];
    assert_eq!(told["reason"], "the rule is wrong", "{status:#}");
    assert!(
        (1..=8).contains(&told["remaining"].as_u64().unwrap()),
        "{status:#}"
    );
    assert_eq!(status["policies"]["rules"][1]["mode"], "monitor");
    let text = String::from_utf8(daemon.resolvet(&["status"]).stdout).unwrap();
    assert!(
        text.contains("company-rule does not bind for another"),
        "{text}"
    );
    assert_eq!(
        break_glass(&daemon, &["--reason", "x", "--for", "1m"]),
        Err("lifted-already".into())
    );
    // By itself it ends, and what is in use is judged again.
    let status = daemon.status_until(|status| status["break-glass"].is_null());
    assert_eq!(status["policies"]["generation"], 3);
    assert_eq!(status["policies"]["rules"][1]["mode"], "enforce");
    daemon.ask_until(ResponseCode::ServFail);
    // It binds at once, and is written down as soon as that is possible.
    daemon.status_until(|_| daemon.last_entry()["by"] == "break-glass-end");
    let history = daemon.policy(&["history"]);
    let entries = history["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry["by"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        ["start", "break-glass", "break-glass", "break-glass-end"],
        "{history:#}"
    );
    assert!(
        entries[1]["reason"]
            .as_str()
            .unwrap()
            .starts_with("the rule is wrong, until 20")
    );
    assert!(entries[1]["user"].is_u64());
    daemon.signal("TERM");
    let (_, said) = daemon.ended();
    assert!(said.contains("warning: break-glass by user"), "{said}");
    assert!(said.contains("break-glass: its time is over"), "{said}");
    // The records say which decisions were made meanwhile, by what word, and what the rule would have said.
    let log = fs::read_to_string(home.path("decisions.jsonl")).unwrap();
    let records: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str, generation: u64| {
        let is_one =
            move |record: &&Value| record["record"] == kind && record["generation"] == generation;
        records.iter().filter(is_one).collect::<Vec<_>>()
    };
    assert_eq!(
        of("generation", 2)[0]["lift"]["reason"],
        "the rule is wrong"
    );
    assert!(of("generation", 1)[0]["lift"].is_null());
    let validation = |record: &&&Value| record["stage"] == "validation";
    for (generation, outcome, is_lifted) in [
        (1, "rejected", false),
        (2, "accepted", true),
        (3, "rejected", false),
    ] {
        let decisions = of("decision", generation);
        let decision = decisions.iter().find(validation).unwrap();
        assert_eq!(decision["outcome"], outcome, "{decision:#}");
        assert_eq!(decision["is-lifted"] == true, is_lifted, "{decision:#}");
        let rule = &decision["answers"]["verdicts"][1];
        assert_eq!(rule["result"]["Ok"]["decision"], "reject", "{rule:#}");
    }
}

/// For three seconds nothing is answered.
fn stays_without_a_server(daemon: &Daemon) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let message = daemon.ask();
        assert_eq!(
            message.metadata.response_code,
            ResponseCode::ServFail,
            "{message:?}"
        );
    }
    assert!(daemon.status()["server"].is_null());
}

#[test]
fn what_is_no_restriction_is_never_lifted() {
    // Nobody vouches for this server: the authority refuses it, and so does the rule.
    let home = home(Options::new().faulty_site("example.net", Fault::Expired));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::ServFail);
    let wanted = ["--reason", "x", "--for", "1m", "--policy"];
    let of = |policy| break_glass(&daemon, &[&wanted[..], &[policy]].concat());
    assert_eq!(of("pkix"), Err("below-the-floor".into()));
    assert_eq!(of("privacy"), Err("nothing-to-lift".into()));
    assert_eq!(daemon.status()["break-glass"], Value::Null);
    lift(&daemon, "1m");
    stays_without_a_server(&daemon);
    assert!(
        home.lab.site().servers()[0].dot.journal().is_empty(),
        "no query was sent"
    );
}

#[test]
fn whoever_has_not_the_key_is_refused_whatever_is_lifted() {
    let home = home(Options::new().faulty_site("example.net", Fault::OtherKey));
    let daemon = home.start();
    lift(&daemon, "1m");
    stays_without_a_server(&daemon);
}

#[test]
fn it_is_limited_and_said_why() {
    let home = home(Options::new());
    home.configure(&format!(
        "[policies.break-glass]\nlongest-seconds = 120\n{NARROWED}"
    ));
    let daemon = home.start();
    let ask = |reason: &str, duration: &str| {
        break_glass(&daemon, &["--reason", reason, "--for", duration])
    };
    assert_eq!(ask("x", "121s"), Err("lift-too-long".into()));
    assert_eq!(ask("x", "3h"), Err("lift-too-long".into()));
    assert_eq!(ask(" ", "1m"), Err("lift-without-reason".into()));
    assert_eq!(
        ask(&"x".repeat(301), "1m"),
        Err("lift-without-reason".into())
    );
    assert_eq!(break_glass(&daemon, &["--end"]), Err("not-lifted".into()));
    let wrong = daemon.resolvet(&["break-glass", "--reason", "x", "--for", "1d"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(ask("x", "2m").is_ok());
    let ended = break_glass(&daemon, &["--end"]).unwrap();
    assert_eq!(
        (&ended["generation"], &ended["lift"]),
        (&3.into(), &Value::Null)
    );
    daemon.ask_until(ResponseCode::ServFail);
    home.configure(&format!(
        "[policies.break-glass]\nlongest-seconds = 0\n{NARROWED}"
    ));
    daemon.policy(&["reload"]);
    assert_eq!(ask("x", "1s"), Err("lift-too-long".into()));
}

#[test]
fn it_holds_over_a_reload_and_ends_with_the_process() {
    let home = home(Options::new()).unwatched();
    home.configure(NARROWED);
    let daemon = home.start();
    lift(&daemon, "10m");
    daemon.ask_until(ResponseCode::NoError);
    home.configure(&format!("{NARROWED}[[policy]]\nname = \"privacy\"\n"));
    let report = daemon.policy(&["reload"]);
    assert_eq!(
        report["policies"]["unchanged"].as_array().unwrap().len(),
        2,
        "{report:#}"
    );
    let status = daemon.status();
    assert_eq!(status["policies"]["generation"], 3);
    assert_eq!(
        status["policies"]["rules"][1]["mode"], "monitor",
        "{status:#}"
    );
    assert_eq!(
        status["policies"]["rules"][2]["mode"], "enforce",
        "it was not meant"
    );
    daemon.signal("KILL");
    daemon.ended();
    let daemon = home.start();
    let status = daemon.status();
    assert!(status["break-glass"].is_null(), "{status:#}");
    assert_eq!(
        status["policies"]["generation"], 4,
        "another than the one that was lifted"
    );
    assert_eq!(status["policies"]["rules"][1]["mode"], "enforce");
    daemon.ask_until(ResponseCode::ServFail);
    let last = daemon.last_entry();
    assert_eq!(last["reason"], "what was lifted binds again", "{last:#}");
}

#[test]
fn metrics_count_on_and_show_what_the_rule_says() {
    let home = home(Options::new()).unwatched();
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    home.configure(NARROWED);
    let text = fs::read_to_string(home.path("resolvet.toml")).unwrap();
    let text = text.replace("[daemon]", &format!("[daemon]\nmetrics = \"{address}\""));
    fs::write(home.path("resolvet.toml"), text).unwrap();
    let daemon = home.start();
    lift(&daemon, "10m");
    daemon.ask_until(ResponseCode::NoError);
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let is_rule = |line: &&str| {
            line.contains("company-rule") && line.contains("monitor") && line.contains("reject")
        };
        if text.lines().any(|line| is_rule(&line)) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
    }
}
