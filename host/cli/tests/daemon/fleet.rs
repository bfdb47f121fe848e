//! A desk at which policies are signed, and a host that is served from a registry.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use resolvet_engine::provenance::Source;

use crate::running::Home;

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
             [[policy]]\nregistry = \"{}\"\n",
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

    /// A component at the desk: this one, or, with a number, another one that does the same.
    pub(crate) fn component(&self, built: &str, number: u8) -> PathBuf {
        let mut octets = fs::read(policies().join(built)).unwrap();
        if number > 0 {
            // A further section `producers`: made with the language `n` of this version.
            let content = [
                &b"\x09producers\x01\x08language\x01\x01n\x01"[..],
                &[b'0' + number],
            ]
            .concat();
            octets.extend([0, u8::try_from(content.len()).unwrap()]);
            octets.extend(content);
        }
        let file = self.home.path("rule.wasm");
        fs::write(&file, octets).unwrap();
        file
    }

    pub(crate) fn sign(&self, key: &str, revision: u32) {
        let (key, revision) = (format!("{key}.key"), revision.to_string());
        let sign = ["sign", "rule.wasm", "--secret-key", &key];
        self.policy(&[&sign[..], &["--revision", &revision]].concat());
    }

    pub(crate) fn push(&self) {
        let address = self.address();
        self.policy(&["push", "rule.wasm", &address, "--plain-http"]);
    }

    /// Signs this component as this revision and pushes it.
    pub(crate) fn ship(&self, built: &str, number: u8, revision: u32) {
        self.component(built, number);
        self.sign("ours", revision);
        self.push();
    }

    /// What lies at the desk, as a registry gives it.
    pub(crate) fn source(&self) -> Source {
        Source::read(&self.home.path("rule.wasm")).unwrap()
    }
}

fn policies() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("policies")
}
