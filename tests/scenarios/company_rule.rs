//! The promise of the product: a company's one-rule restriction, built as an author would outside our workspace
//! (`tests/fixtures/company-rule`), is dropped as a file beside the policies that ship and changes a decision. The program
//! stays the same file, octet for octet. The author signs the file, and nothing else than what was signed is taken.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use resolvet_proto::judgement::Digest;
use resolvet_tests::lab::{Lab, Options};
use serde_json::Value;
use tempfile::TempDir;

/// The lab's certificates are valid for 91 days, the rule without settings allows 30.
const FINDING: &str = "validity-too-long";

/// The file that is dropped.
const RULE: &str = "policies/company-rule.wasm";
/// How the folder is used, and whose signatures count.
const SIGNED: [&str; 4] = ["--policies", "policies", "--policy-key", "author.pub"];

/// What the manuals show is what is built and tested: this rule, and the example of the SDK's documentation.
#[test]
fn the_rules_of_the_manuals_are_those_that_are_tested() {
    let block = |text: &'static str, fence: &str| {
        let (_, after) = text.split_once(fence).unwrap();
        after.split_once("\n```").unwrap().0
    };
    let manual = include_str!("../../docs/policy-authors.md");
    let built = include_str!("../fixtures/company-rule/src/lib.rs");
    assert_eq!(block(manual, "```rust,ignore\n"), built.trim_end());
    let sdk = include_str!("../../guest/src/lib.rs");
    let (_, example) = sdk.split_once("//! ```\n").unwrap();
    let lines = example.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let example: Vec<&str> = lines.take_while(|line| *line != "```").collect();
    let first = include_str!("../../README.md");
    assert_eq!(block(first, "```rust\n"), example.join("\n"));
}

/// The folder of this build.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// The program, which stands in the folder above this test's own.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("resolvet");
    assert!(
        program.is_file(),
        "`{}` is missing: run `cargo build --workspace`",
        program.display()
    );
    program
}

fn digest(file: &Path) -> Digest {
    Digest::of(&fs::read(file).unwrap())
}

/// A user's folder with the lab's files, a place for policies, and a cache.
struct Home {
    folder: TempDir,
    lab: Lab,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
            lab: Lab::start(Options::new()).unwrap(),
        };
        home.lab.write_files(home.folder.path()).unwrap();
        fs::create_dir(home.folder.path().join("policies")).unwrap();
        home.policy(&["keygen", "--secret-key", "author.key", "--no-password"]);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Drops the company's rule beside the policies that ship.
    fn drop_rule(&self) -> PathBuf {
        let built = target().join("policies/fixtures/company-rule.wasm");
        let dropped = self.path(RULE);
        fs::copy(&built, &dropped).unwrap_or_else(|error| {
            panic!("`{}`: {error}: run `cargo xtask policies`", built.display())
        });
        self.sign("7");
        dropped
    }

    /// Signs the rule as the author does.
    fn sign(&self, revision: &str) {
        let words = ["sign", RULE, "--secret-key", "author.key", "--revision"];
        self.policy(&[&words[..], &[revision]].concat());
    }

    /// Runs `resolvet policy`, which must go well.
    fn policy(&self, words: &[&str]) {
        let output = Command::new(program())
            .arg("policy")
            .args(words)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// The code by which the set is refused, before a packet leaves.
    fn refused(&self, arguments: &[&str]) -> String {
        let (code, document) = self.discover(arguments);
        assert_eq!(code, Some(2), "{document:#}");
        document["code"].as_str().unwrap().to_owned()
    }

    /// Runs `resolvet discover` with these further arguments; gives the exit code and the document.
    fn discover(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let domain = self.lab.site().domain();
        let output = Command::new(program())
            .args(["discover", domain, "--format", "json"])
            .args(["--resolver", &self.lab.resolver().to_string()])
            .arg("--trust-anchors")
            .arg(self.path("anchors.pem"))
            .arg("--end-entity")
            .arg(self.path(&format!("{domain}.end-entity.pem")))
            .args(arguments)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_STATE_HOME", self.path("state"))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let document = serde_json::from_slice(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            document.unwrap_or_else(|error| panic!("{error}: {told}")),
        )
    }
}

#[test]
fn a_dropped_file_changes_a_decision() {
    let home = Home::new();
    let before = digest(&program());

    let (code, document) = home.discover(&SIGNED);
    assert_eq!(code, Some(0), "{document:#}");
    assert!(!document.to_string().contains(FINDING));

    let asked = || home.lab.site().servers()[0].dot.journal().len();
    let (dropped, asked_before) = (home.drop_rule(), asked());
    let (code, document) = home.discover(&SIGNED);
    assert_eq!(code, Some(5), "{document:#}");
    assert!(document.to_string().contains(FINDING), "{document:#}");
    assert_eq!(
        asked(),
        asked_before,
        "a server that is refused is asked nothing"
    );

    fs::remove_file(dropped).unwrap();
    assert_eq!(home.discover(&SIGNED).0, Some(0), "the file alone decided");
    assert_eq!(digest(&program()), before);
}

#[test]
fn its_settings_are_the_administrators() {
    let home = Home::new();
    home.drop_rule();
    let configured = |settings: &str| {
        let carried = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n";
        let rule = "[[policy]]\nfile = \"policies/company-rule.wasm\"\n";
        let keys = "[policies]\nkeys = [\"author.pub\"]\n";
        let text = format!("version = \"v1\"\n{keys}{carried}{rule}settings = {settings}\n");
        fs::write(home.path("resolvet.toml"), text).unwrap();
        home.discover(&["--config", "resolvet.toml"])
    };
    assert_eq!(configured("{ longest-validity-days = 90 }").0, Some(5));
    let (code, document) = configured("{ longest-validity-days = 91 }");
    assert_eq!(code, Some(0), "{document:#}");
}

#[test]
fn a_name_that_is_expected_is_the_components() {
    let home = Home::new();
    home.drop_rule();
    let configured = |trust: &str, name: &str| {
        let carried = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n";
        let rule =
            format!("[[policy]]\nname = \"{name}\"\nfile = \"policies/company-rule.wasm\"\n");
        let text = format!("version = \"v1\"\n[policies]\n{trust}\n{carried}{rule}");
        fs::write(home.path("resolvet.toml"), text).unwrap();
        home.discover(&["--config", "resolvet.toml"])
    };
    for trust in ["keys = [\"author.pub\"]", "signature-required = false"] {
        assert_eq!(configured(trust, "company-rule").0, Some(5), "{trust}");
        let (code, document) = configured(trust, "another-rule");
        assert_eq!(code, Some(2), "{document:#}");
        assert_eq!(document["code"], "other-policy", "{document:#}");
    }
}

#[test]
fn nothing_is_taken_but_what_was_signed() {
    let home = Home::new();
    let rule = home.drop_rule();
    let signature = home.path("policies/company-rule.wasm.minisig");
    let (good, signed) = (fs::read(&rule).unwrap(), fs::read(&signature).unwrap());
    assert_eq!(home.refused(&["--policies", "policies"]), "no-keys");

    fs::remove_file(&signature).unwrap();
    assert_eq!(home.refused(&SIGNED), "signature-missing");
    let unsigned = ["--policies", "policies", "--unsigned-policies"];
    assert_eq!(home.discover(&unsigned).0, Some(5), "the switch is its own");

    fs::write(&signature, &signed).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&rule, &bad).unwrap();
    assert_eq!(home.refused(&SIGNED), "signature-wrong");

    fs::write(&rule, &good).unwrap();
    home.policy(&["keygen", "--secret-key", "other.key", "--no-password"]);
    let other = ["--policies", "policies", "--policy-key", "other.pub"];
    assert_eq!(home.refused(&other), "signature-unknown-key");
    assert_eq!(home.discover(&SIGNED).0, Some(5), "what was signed judges");
}

#[test]
fn a_device_does_not_go_back() {
    let home = Home::new();
    home.drop_rule();
    let list = || {
        let words = ["policy", "list", "--format", "json"];
        let output = Command::new(program())
            .args([&words[..], &SIGNED].concat())
            .env("XDG_CACHE_HOME", home.path("cache"))
            .env("XDG_STATE_HOME", home.path("state"))
            .current_dir(home.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    home.sign("9");
    list();
    home.sign("7");
    assert_eq!(home.discover(&SIGNED).0, Some(5), "looking reaches nothing");
    home.sign("8");
    assert_eq!(home.discover(&SIGNED).0, Some(5));
    home.sign("7");
    assert_eq!(home.refused(&SIGNED), "revision-older");

    // A mark that cannot be read is no missing mark.
    let mark = home.path("state/resolvet/policies/company-rule.json");
    fs::write(&mark, "{").unwrap();
    home.sign("8");
    assert_eq!(home.refused(&SIGNED), "marks-unusable");
}

#[test]
fn a_component_that_imports_more_than_is_granted_is_refused() {
    let home = Home::new();
    home.drop_rule();
    for (sees, expected) in [
        ("[\"settings\"]", 2),
        ("[\"presented\", \"context\", \"settings\", \"log\"]", 5),
    ] {
        let text = format!(
            "version = \"v1\"\n[policies]\nkeys = [\"author.pub\"]\nfolder = \"policies\"\nsees = {sees}\n"
        );
        fs::write(home.path("resolvet.toml"), text).unwrap();
        let (code, document) = home.discover(&["--config", "resolvet.toml"]);
        assert_eq!(code, Some(expected), "{document:#}");
        let code = &document["code"];
        assert_eq!(code == "imports-not-granted", expected == 2, "{document:#}");
    }
}
