//! The program as its users run it, in the lab: what it prints and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use hickory_proto::rr::{RData, RecordType, rdata::NULL};
use resolvet_proto::discovery::{DomainName, svcb::Params};
use resolvet_tests::lab::{Lab, Options, ca::Fault, dns::Zone};
use serde_json::Value;
use tempfile::TempDir;

/// A lab with its files, and the program beside it.
struct Bench {
    lab: Lab,
    folder: TempDir,
}

impl Bench {
    fn new(options: Options) -> Self {
        let lab = Lab::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        Self { lab, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program with what an enrolment of this domain would have given.
    fn run(&self, domain: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .args(words)
            .args(["--resolver", &self.lab.resolver().to_string()])
            .arg("--trust-anchors")
            .arg(self.file("anchors.pem"))
            .arg("--end-entity")
            .arg(self.file(&format!("{domain}.end-entity.pem")))
            // One cache for all tests: compiling is not what they are about.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .output()
            .unwrap()
    }

    fn json(&self, domain: &str, words: &[&str]) -> (Value, i32) {
        let output = self.run(domain, &[words, &["--format", "json"]].concat());
        let code = output.status.code().unwrap();
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
        (document, code)
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const DOMAIN: &str = "example.net";

#[test]
fn what_is_no_name_is_not_asked_for() {
    for (name, said) in [
        ("", "`.` for the root"),
        ("a..b", "labels of 1 to 63 octets"),
        (&"x".repeat(64), "labels of 1 to 63 octets"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .args(["query", name, "--via", "example.net"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{name}: {error}");
    }
}

#[test]
fn a_good_domain_is_vetted_and_answers() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let (discovered, code) = bench.json(DOMAIN, &["discover", DOMAIN]);
    assert_eq!(code, 0, "{discovered:#}");
    assert_eq!(discovered["version"], 1);
    assert_eq!(discovered["outcome"]["authenticated"], true);
    assert_eq!(discovered["candidates"][0]["status"], "vetted");
    assert_eq!(discovered["candidates"][0]["transport"], "dot");

    let (answered, code) = bench.json(DOMAIN, &["query", "www.example.net", "A", "--via", DOMAIN]);
    assert_eq!(code, 0, "{answered:#}");
    assert_eq!(answered["answers"][0]["data"], "192.0.2.80");
    assert_eq!(answered["server"]["transport"], "dot");
    assert_eq!(answered["authenticated"], true);
}

#[test]
fn a_refused_certificate_ends_with_five_and_names_its_mend() {
    let bench = Bench::new(Options::new().faulty_site(DOMAIN, Fault::Expired));
    let output = bench.run(DOMAIN, &["query", "www.example.net", "--via", DOMAIN]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(
        text(&output).contains("the server needs a new one"),
        "{}",
        text(&output)
    );
    assert!(
        output.stdout.is_empty(),
        "nothing was answered: {}",
        text(&output)
    );
    let server = &bench.lab.site().servers()[0].dot;
    assert!(server.statistics().connections > 0, "the server was tried");
    assert!(
        server.journal().is_empty(),
        "no query reached the server that was refused"
    );
}

#[test]
fn explain_tells_each_finding_and_its_policy() {
    let bench = Bench::new(Options::new().faulty_site(DOMAIN, Fault::WrongName));
    let (explained, code) = bench.json(DOMAIN, &["explain", DOMAIN]);
    assert_eq!(code, 5, "{explained:#}");
    let findings = explained["candidates"][0]["findings"].as_array().unwrap();
    let mismatch = findings
        .iter()
        .find(|finding| finding["code"] == "name-mismatch");
    assert_eq!(mismatch.unwrap()["policy"], "pkix", "{findings:?}");
    assert!(explained["story"].as_array().unwrap().len() > 10);
    assert!(explained["records"].as_array().unwrap().len() >= 4);
}

#[test]
fn a_privacy_statement_that_is_not_acceptable_ends_with_three() {
    let bench = Bench::new(Options::new().faulty_site(DOMAIN, Fault::PrivacySells));
    let (discovered, code) = bench.json(DOMAIN, &["discover", DOMAIN]);
    assert_eq!(code, 3, "{discovered:#}");
    assert_eq!(discovered["candidates"][0]["status"], "denied");
    let findings = discovered["candidates"][0]["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|f| f["code"] == "transfer-to-third-parties"),
        "{findings:?}"
    );
}

#[test]
fn a_domain_without_servers_ends_with_four() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let (discovered, code) = bench.json(DOMAIN, &["discover", "nothing.example.org"]);
    assert_eq!(code, 4, "{discovered:#}");
    // The enrolment conveyed a certificate, so an answer without servers is suspicious.
    assert_eq!(discovered["outcome"]["failure"]["kind"], "downgrade");
}

#[test]
fn a_policy_that_faults_ends_with_six() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let config = bench.file("config.toml");
    // Room for settings to be checked, not for a certificate.
    let text = "version = \"v1\"\n[[policy]]\nname = \"pkix\"\nrole = \"authority\"\nlimits = { call-octets = 300 }\n";
    std::fs::write(&config, text).unwrap();
    let (discovered, code) = bench.json(
        DOMAIN,
        &["discover", DOMAIN, "--config", config.to_str().unwrap()],
    );
    assert_eq!(code, 6, "{discovered:#}");
    assert_eq!(discovered["candidates"][0]["status"], "fault");
}

#[test]
fn a_policy_that_read_its_settings_once_judges_as_ever() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let config = bench.file("config.toml");
    let words = ["discover", DOMAIN, "--config", config.to_str().unwrap()];
    for (settings, expected, said) in [
        ("{ transports = [\"dot\"] }", 0, ""),
        // The lab has no such server.
        (
            "{ transports = [\"doq\"], only-listed-transports = true }",
            3,
            "",
        ),
        ("{ transport = 1 }", 2, "unknown field `transport`"),
    ] {
        let text = format!(
            "version = \"v1\"\n[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n\
             [[policy]]\nname = \"preference\"\nsnapshot = true\nsettings = {settings}\n"
        );
        std::fs::write(&config, text).unwrap();
        let output = bench.run(DOMAIN, &words);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{}",
            self::text(&output)
        );
        assert!(
            self::text(&output).contains(said),
            "{}",
            self::text(&output)
        );
    }
}

#[test]
fn all_candidates_are_judged_when_asked_for() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let (discovered, _) = bench.json(DOMAIN, &["discover", DOMAIN, "--all"]);
    let candidates = discovered["candidates"].as_array().unwrap();
    let dot: Vec<&Value> = candidates
        .iter()
        .filter(|c| c["transport"] == "dot")
        .collect();
    assert!(dot.len() > 1, "{discovered:#}");
    assert!(
        dot[1..].iter().all(|c| c["status"] == "acceptable"),
        "{discovered:#}"
    );
}

#[test]
fn an_interface_that_is_not_there_cannot_be_asked() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let output = bench.run(DOMAIN, &["discover", DOMAIN, "--interface", "nowhere"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("interface `nowhere` has no address"));
}

#[test]
fn colour_is_for_terminals_only() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let plain = bench.run(DOMAIN, &["discover", DOMAIN]);
    assert!(!plain.stdout.contains(&0x1b), "{}", text(&plain));
    let coloured = bench.run(DOMAIN, &["discover", DOMAIN, "--color", "always"]);
    assert!(coloured.stdout.contains(&0x1b), "{}", text(&coloured));
}

/// RFC 9462: the resolver says which server stands for it.
#[test]
fn what_the_network_designates_is_found_and_told() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let port = bench.lab.site().servers()[0].dot.port();
    let params = Params::new().with_alpn(&["dot"]).with_port(port);
    let target = DomainName::parse("a.example.net").unwrap().to_wire();
    let rdata = [&[0, 1][..], &target, &params.encode().unwrap()].concat();
    let mut zone = Zone::new("resolver.arpa").unwrap();
    let data = RData::Unknown {
        code: RecordType::SVCB,
        rdata: NULL::with(rdata),
    };
    zone.add("_dns", 300, data).unwrap();
    bench.lab.dns().responder().set_zone(zone);

    let (found, code) = bench.json(DOMAIN, &["discover", "--designated"]);
    assert_eq!(code, 0, "{found:#}");
    assert_eq!(found["domain"], "resolver.arpa");
    let candidate = &found["candidates"][0];
    assert_eq!(candidate["source"], "ddr");
    assert_eq!(candidate["identity"]["ip-id"], "127.0.0.1");
    assert_eq!(found["outcome"]["authenticated"], true);
    let given_up = found["given-up"][0].as_str().unwrap();
    assert!(given_up.ends_with("(RFC 8310 7.3)"), "{given_up}");

    let output = bench.run(DOMAIN, &["explain", "--designated"]);
    let said = text(&output);
    for expected in [
        " by ddr, ranks [1]",
        "must answer to ip-id 127.0.0.1",
        "given up",
    ] {
        assert!(said.contains(expected), "expected `{expected}`: {said}");
    }
    let output = bench.run(DOMAIN, &["discover", DOMAIN, "--designated"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

/// A stamp with a wrong digest is refused, and the fallback that another has is used and told.
#[test]
fn what_is_written_down_is_tried_and_the_fallback_after_it() {
    let bench = Bench::new(Options::new().site(DOMAIN));
    let port = bench.lab.site().servers()[0].dot.port();
    let zeros = "0".repeat(64);
    let anchors = bench.file("anchors.pem");
    let config = format!(
        r#"version = "v1"
[network]
discovery = []
servers = [{{ transport = "dot", addresses = ["127.0.0.1"], port = {port}, pins = [{{ spki-sha256 = "{zeros}" }}] }}]
fallback = [{{ transport = "dot", name = "{DOMAIN}", addresses = ["127.0.0.1"], port = {port} }}]
fallback-trust-anchors = "{}"
"#,
        anchors.display()
    );
    let file = bench.file("resolvet.toml");
    std::fs::write(&file, config).unwrap();
    let words = ["discover", DOMAIN, "--config", file.to_str().unwrap()];
    let (found, code) = bench.json(DOMAIN, &words);
    assert_eq!(code, 0, "{found:#}");
    assert_eq!(found["candidates"][0]["source"], "fallback");
    let given_up = found["given-up"].to_string();
    assert!(given_up.contains("pin-mismatch"), "{given_up}");
    assert!(
        given_up.contains("a server of the fallback sees the queries"),
        "{given_up}"
    );
}
