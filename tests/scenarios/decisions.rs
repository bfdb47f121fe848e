//! A journey is recorded by the program and asked again of other policies: the same policies decide the same, bit for bit,
//! and a company's rule shows what it would have refused before it binds anybody.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use resolvet_tests::lab::{Lab, Options};
use serde_json::Value;
use tempfile::TempDir;

const LOG: &str = "decisions.jsonl";
const SHIPPED: [&str; 6] = [
    "--with",
    "pkix",
    "--with",
    "preference",
    "--with",
    "privacy",
];

/// The folder of this build's programs.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

fn company_rule() -> String {
    let rule = programs()
        .with_file_name("policies")
        .join("fixtures/company-rule.wasm");
    rule.display().to_string()
}

/// A user's folder with the lab's files and a configuration that records.
struct Home {
    folder: TempDir,
    lab: Lab,
}

impl Home {
    fn new(decisions: &str) -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
            lab: Lab::start(Options::new()).unwrap(),
        };
        home.lab.write_files(home.path()).unwrap();
        let text = format!("version = \"v1\"\n[decisions]\nlog = \"{LOG}\"\n{decisions}\n");
        fs::write(home.path().join("resolvet.toml"), text).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(programs().join("resolvet"))
            .args(arguments)
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .current_dir(self.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("panicked"), "{told}");
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }

    /// Goes the whole way and gives the story's decisions.
    fn explain(&self) -> Vec<String> {
        let domain = self.lab.site().domain();
        let end_entity = format!("{domain}.end-entity.pem");
        let resolver = self.lab.resolver().to_string();
        let (code, text) = self.run(&[
            "explain",
            domain,
            "--format",
            "json",
            "--resolver",
            &resolver,
            "--config",
            "resolvet.toml",
            "--trust-anchors",
            "anchors.pem",
            "--end-entity",
            &end_entity,
        ]);
        assert_eq!(code, Some(0), "{text}");
        let document: Value = serde_json::from_str(&text).unwrap();
        let story = document["story"].as_array().unwrap();
        let named = story.iter().filter_map(|entry| entry["decision"].as_str());
        named.map(str::to_owned).collect()
    }

    fn replay(&self, with: &[&str]) -> (Option<i32>, Value) {
        let arguments = [&["policy", "replay", LOG, "--format", "json"], with].concat();
        let (code, text) = self.run(&arguments);
        let document = serde_json::from_str(&text);
        (
            code,
            document.unwrap_or_else(|error| panic!("{error}: {text}")),
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path().join(LOG)).unwrap()
    }
}

/// The decisions that a log names, in order.
fn recorded(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decisions = lines.filter(|line| line["record"] == "decision");
    decisions
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_same_policies_decide_the_same_and_a_rule_shows_what_it_would_refuse() {
    let home = Home::new("record = \"full\"");
    let told = home.explain();
    let recorded = recorded(&home.log());
    assert!(told.len() >= 3, "selection, validation, privacy: {told:?}");
    assert!(told.iter().all(|id| recorded.contains(id)), "{recorded:?}");

    let (code, document) = home.replay(&SHIPPED);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(document["same"], recorded.len(), "{document:#}");
    assert_eq!(document["same-versions"], true);

    let rule = company_rule();
    let (code, document) = home.replay(&["--with", &rule]);
    assert_eq!(code, Some(1), "{document:#}");
    // A server may have been tried beside the first.
    let validations = home.log().matches("\"stage\":\"validation\"").count();
    assert_eq!(document["changed"], validations, "{document:#}");
    let change = &document["changes"][0];
    assert_eq!(change["stage"], "validation");
    assert_eq!(change["before"], "accepted");
    assert_eq!(change["after"], "rejected");
    let added = &change["policies"][0]["added"];
    assert_eq!(added[0]["code"], "validity-too-long", "{document:#}");
    assert!(recorded.contains(&change["id"].as_str().unwrap().to_owned()));
    // The same question has the same answer, octet for octet.
    assert_eq!(home.replay(&["--with", &rule]).1, document);

    let (code, text) = home.run(&["policy", "replay", LOG, "--with", &rule]);
    assert_eq!(code, Some(1));
    assert!(text.contains("accepted → rejected"), "{text}");
    assert!(text.contains("validity-too-long"), "{text}");
}

#[test]
fn a_log_of_digests_tells_but_does_not_replay() {
    let home = Home::new("");
    home.explain();
    let (code, document) = home.replay(&SHIPPED);
    assert_eq!(code, Some(0), "{document:#}");
    let recorded = recorded(&home.log()).len();
    assert!(recorded >= 3);
    assert_eq!(document["not-replayable"], recorded, "{document:#}");
}

#[test]
fn half_a_line_and_a_hostile_one_are_told_and_the_others_replayed() {
    let home = Home::new("record = \"full\"");
    home.explain();
    let log = home.log();
    let (first, rest) = log.split_once('\n').unwrap();
    let hostile = "{\"version\":1,\"record\":\"decision\",\"id\":\"\\u001b[2J\"}";
    let later = "{\"version\":9,\"record\":\"start\"}";
    let half = "{\"version\":1,\"record\":\"deci";
    let text = format!("{first}\n{hostile}\n{later}\n{rest}{half}");
    fs::write(home.path().join(LOG), text).unwrap();
    let (code, document) = home.replay(&SHIPPED);
    assert_eq!(code, Some(1), "{document:#}");
    assert_eq!(document["same"], recorded(&log).len(), "{document:#}");
    assert_eq!(document["unreadable"], 3, "{document:#}");
}

#[test]
fn a_redacted_log_has_no_name_and_no_address() {
    let home = Home::new("redact = [\"names\", \"addresses\"]");
    home.explain();
    let log = home.log();
    assert!(recorded(&log).len() >= 3);
    let server = &home.lab.site().servers()[0];
    let address = server.dot.addresses()[0].ip().to_string();
    for secret in [home.lab.site().domain(), &address] {
        assert!(!log.contains(secret), "`{secret}` stands in {log}");
    }
    assert!(log.contains("(name)"), "{log}");
}

#[test]
fn a_log_cannot_be_full_and_redacted() {
    let home = Home::new("record = \"full\"\nredact = [\"names\"]");
    let resolver = home.lab.resolver().to_string();
    let (code, _) = home.run(&[
        "query",
        "--resolver",
        &resolver,
        "www.example.net",
        "--via",
        "example.net",
        "--config",
        "resolvet.toml",
    ]);
    assert_eq!(code, Some(2));
}
