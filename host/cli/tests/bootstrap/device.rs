//! A device in the lab, on which the program runs.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use resolvet_tests::lab::{
    Lab, Options,
    est::{EstOptions, PASSWORD, USER},
};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const DOMAIN: &str = "example.net";

/// A lab with an EST server, and a device that knows nothing.
pub(crate) struct Device {
    pub(crate) lab: Lab,
    pub(crate) folder: TempDir,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::with(EstOptions::new(DOMAIN))
    }

    pub(crate) fn with(est: EstOptions) -> Self {
        Self {
            lab: Lab::start(Options::new().site(DOMAIN).est(est)).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("networks")
    }

    pub(crate) fn run(&self, words: &[&str], password: &str) -> Output {
        self.run_in(&[], words, password)
    }

    /// Under a program that takes the program as its last arguments.
    pub(crate) fn run_in(&self, within: &[String], words: &[&str], password: &str) -> Output {
        let program = env!("CARGO_BIN_EXE_resolvet").to_owned();
        let mut all = within.iter().cloned().chain([program]);
        let mut child = Command::new(all.next().unwrap())
            .args(all)
            .args(words)
            .arg("--store")
            .arg(self.store())
            // One cache for all tests: compiling is not what they are about.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that needs no password may be gone already.
        let _gone = writeln!(child.stdin.take().unwrap(), "{password}");
        let output = child.wait_with_output().unwrap();
        assert!(
            !text(&output).contains(PASSWORD),
            "the password was printed: {}",
            text(&output)
        );
        output
    }

    pub(crate) fn resolver(&self) -> String {
        self.lab.resolver().to_string()
    }

    pub(crate) fn bootstrap_as(&self, words: &[&str], password: &str) -> Output {
        self.bootstrap_in(&[], words, password)
    }

    pub(crate) fn bootstrap_in(&self, within: &[String], words: &[&str], password: &str) -> Output {
        let resolver = self.resolver();
        let own = [
            "bootstrap",
            "--trust-network",
            "--user",
            USER,
            "--password-fd",
            "0",
            "--resolver",
            &resolver,
        ];
        self.run_in(within, &[&own, words].concat(), password)
    }

    pub(crate) fn bootstrap(&self, words: &[&str]) -> Output {
        self.bootstrap_as(words, PASSWORD)
    }

    /// Enrols by the domain; it must succeed.
    pub(crate) fn enrol(&self) {
        let output = self.bootstrap(&[DOMAIN]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }

    pub(crate) fn journey(&self, words: &[&str]) -> Output {
        let resolver = self.resolver();
        self.run(&[words, &["--resolver", &resolver]].concat(), "")
    }

    /// Enrolling must be refused with this exit code and these words, and leave nothing.
    pub(crate) fn refused(&self, words: &[&str], code: i32, said: &str) {
        let output = self.bootstrap(words);
        self.is_refused(&output, code, said);
    }

    pub(crate) fn is_refused(&self, output: &Output, code: i32, said: &str) {
        assert_eq!(output.status.code(), Some(code), "{}", text(output));
        assert!(
            text(output).contains(said),
            "expected `{said}`: {}",
            text(output)
        );
        assert_eq!(self.networks(), 0, "nothing was stored");
    }

    /// Files of keys in the store.
    pub(crate) fn keys(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.store())
            .unwrap()
            .map(|file| file.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
            .collect()
    }

    /// How many enrolments there are.
    pub(crate) fn networks(&self) -> usize {
        let files = fs::read_dir(self.store()).map(|files| {
            let names = files.map(|file| file.unwrap().file_name());
            names
                .filter(|name| name.to_string_lossy().ends_with(".json"))
                .count()
        });
        files.unwrap_or(0)
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

/// Whether any file below this folder holds these octets.
pub(crate) fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let octets = fs::read(&path).unwrap();
        octets.windows(needle.len()).any(|window| window == needle)
    })
}
