//! A desk at which policies are signed, and a host that is served from a registry.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use resolvet_engine::provenance::Source;
use serde_json::Value;

use crate::running::{Home, built, document, renamed, variant};

/// The name of the policy that the host expects at its address.
pub(crate) const NAME: &str = "rule";

/// A desk at which policies are signed, and a home whose daemon is served from a registry.
pub(crate) struct Fleet {
    pub(crate) home: Home,
    pub(crate) authority: String,
}

impl Fleet {
    pub(crate) fn new(authority: String) -> Self {
        let fleet = Self {
            home: Home::new(),
            authority,
        };
        for key in ["ours", "theirs"] {
            let file = format!("{key}.key");
            fleet.policy(&["keygen", "--secret-key", &file, "--no-password"]);
        }
        fleet.configure("");
        fleet
    }

    /// A desk whose registry is nowhere yet.
    pub(crate) fn desk() -> Self {
        Self::new("127.0.0.1:1".into())
    }

    /// The same, with this registry.
    pub(crate) fn served_by(self, authority: String) -> Self {
        Self { authority, ..self }
    }

    /// The configuration of a fleet's host, with further keys of the section `registry`.
    pub(crate) fn configure(&self, registry: &str) {
        let Self { home, authority } = self;
        let poll = match registry.contains("poll-seconds") {
            true => "",
            false => "poll-seconds = 1",
        };
        let text = format!(
            "version = \"v1\"\n[network]\nresolver = \"{}\"\ntrust-anchors = \"anchors.pem\"\n\
             end-entity = [\"example.net.end-entity.pem\"]\n\
             [daemon]\ndomain = \"example.net\"\nlisten = [\"127.0.0.1:0\"]\ncontrol = \"control/socket\"\nstate = \"state\"\n\
             [policies]\nkeys = [\"ours.pub\"]\nrevisions = \"revisions\"\n\
             [registry]\nplain-http = [\"{authority}\"]\n{poll}\n{registry}\n\
             [[policy]]\nname = \"pkix\"\nrole = \"authority\"\n\
             [[policy]]\nname = \"{NAME}\"\nregistry = \"{}\"\n",
            home.lab.resolver(),
            self.address()
        );
        fs::write(home.path("beside.toml"), text).unwrap();
        fs::rename(home.path("beside.toml"), home.path("resolvet.toml")).unwrap();
    }

    pub(crate) fn address(&self) -> String {
        format!("oci://{}/policies/rule:stable", self.authority)
    }

    /// Runs `resolvet policy` with these words at the desk.
    pub(crate) fn try_policy(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .arg("policy")
            .args(words)
            .current_dir(self.home.path(""))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("HOME", self.home.path("data"))
            .env_remove("DOCKER_CONFIG")
            .output()
            .unwrap()
    }

    pub(crate) fn policy(&self, words: &[&str]) -> Output {
        let output = self.try_policy(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        output
    }

    /// A component at the desk, under the name that the host expects: this one, or, with a number, another one that does the same.
    pub(crate) fn component(&self, name: &str, number: u8) -> PathBuf {
        let octets = match number {
            0 => fs::read(built(name)).unwrap(),
            number => variant(name, number),
        };
        let file = self.home.path("rule.wasm");
        fs::write(&file, renamed(octets, NAME)).unwrap();
        file
    }

    /// Another team's policy at the desk, which the same key signs.
    pub(crate) fn of_others(&self, name: &str, revision: u32) {
        fs::copy(built(name), self.home.path("rule.wasm")).unwrap();
        self.sign("ours", revision);
    }

    pub(crate) fn sign(&self, key: &str, revision: u32) {
        let (key, revision) = (format!("{key}.key"), revision.to_string());
        let sign = ["sign", "rule.wasm", "--secret-key", &key];
        self.policy(&[&sign[..], &["--revision", &revision]].concat());
    }

    /// Pushes, with further words.
    pub(crate) fn try_push(&self, words: &[&str]) -> Output {
        let address = self.address();
        let push = ["push", "rule.wasm", &address, "--plain-http"];
        self.try_policy(&[&push[..], &["--format", "json"], words].concat())
    }

    /// The same, which must succeed: what is said of it.
    pub(crate) fn push(&self, words: &[&str]) -> Value {
        let output = self.try_push(words);
        assert!(output.status.success(), "{output:?}");
        document(&output)
    }

    /// A component at the desk, signed as this revision.
    pub(crate) fn signed(&self, name: &str, number: u8, revision: u32) {
        self.component(name, number);
        self.sign("ours", revision);
    }

    /// Signs this component as this revision and pushes it.
    pub(crate) fn ship(&self, name: &str, number: u8, revision: u32) {
        self.signed(name, number, revision);
        self.push(&[]);
    }

    /// What lies at the desk, as a registry gives it.
    pub(crate) fn source(&self) -> Source {
        Source::read(&self.home.path("rule.wasm")).unwrap()
    }
}
