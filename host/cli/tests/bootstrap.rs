//! Enrolling, as users do it, in the lab: what is stored, what is refused, and what is done when it does not hold any more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use hickory_proto::rr::{RData, rdata::PTR};
use resolvet_proto::enrolment::{est::Operation, mutual::Algorithm};
use resolvet_tests::lab::{
    Lab, Options,
    ca::{Fault, Leaf},
    dns::{Dns, Zone},
    est::{EstFault, EstOptions, PASSWORD, Relay, USER},
    masa::{MasaFault, MasaOptions},
    registrar::RegistrarFault,
};
use serde_json::Value;
use tempfile::TempDir;

const DOMAIN: &str = "example.net";

/// A lab with an EST server, and a device that knows nothing.
struct Device {
    lab: Lab,
    folder: TempDir,
}

impl Device {
    fn new() -> Self {
        Self::with(EstOptions::new(DOMAIN))
    }

    fn with(est: EstOptions) -> Self {
        Self {
            lab: Lab::start(Options::new().site(DOMAIN).est(est)).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("networks")
    }

    fn run(&self, words: &[&str], password: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_resolvet"))
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

    fn resolver(&self) -> String {
        self.lab.resolver().to_string()
    }

    fn bootstrap_as(&self, words: &[&str], password: &str) -> Output {
        let resolver = self.resolver();
        let own = [
            "bootstrap",
            "--user",
            USER,
            "--password-fd",
            "0",
            "--resolver",
            &resolver,
        ];
        self.run(&[&own, words].concat(), password)
    }

    fn bootstrap(&self, words: &[&str]) -> Output {
        self.bootstrap_as(words, PASSWORD)
    }

    /// Enrols by the domain; it must succeed.
    fn enrol(&self) {
        let output = self.bootstrap(&[DOMAIN]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }

    fn journey(&self, words: &[&str]) -> Output {
        let resolver = self.resolver();
        self.run(&[words, &["--resolver", &resolver]].concat(), "")
    }

    /// Enrolling must be refused with this exit code and these words, and leave nothing.
    fn refused(&self, words: &[&str], code: i32, said: &str) {
        let output = self.bootstrap(words);
        self.is_refused(&output, code, said);
    }

    fn is_refused(&self, output: &Output, code: i32, said: &str) {
        assert_eq!(output.status.code(), Some(code), "{}", text(output));
        assert!(
            text(output).contains(said),
            "expected `{said}`: {}",
            text(output)
        );
        assert_eq!(self.networks(), 0, "nothing was stored");
    }

    /// How many enrolments there are.
    fn networks(&self) -> usize {
        let files = fs::read_dir(self.store()).map(|files| {
            let names = files.map(|file| file.unwrap().file_name());
            names
                .filter(|name| name.to_string_lossy().ends_with(".json"))
                .count()
        });
        files.unwrap_or(0)
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

/// Whether any file below this folder holds these octets.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let octets = fs::read(&path).unwrap();
        octets.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn a_device_that_knows_nothing_ends_with_a_vetted_server() {
    let device = Device::new();
    let output = device.bootstrap(&[DOMAIN]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for step in [
        "looking for an EST server at _est._tcp.example.net",
        "its certificate is not believed yet",
        "proved that they know the password",
        "trust anchors (explicit)",
        "policies accepted est.example.net as est-server",
        "policies accepted example.net as conveyed-end-entity",
        "DNS server _domain-s.example.net: authentication domain name example.net",
        "enrolled in network example.net",
    ] {
        assert!(said.contains(step), "expected `{step}`: {said}");
    }

    let discovered = device.journey(&["discover", "--format", "json"]);
    assert_eq!(discovered.status.code(), Some(0), "{}", text(&discovered));
    let discovered = json(&discovered);
    assert_eq!(discovered["domain"], DOMAIN);
    assert_eq!(discovered["outcome"]["authenticated"], true);
    let queried = device.journey(&["query", "www.example.net", "--format", "json"]);
    assert_eq!(
        json(&queried)["answers"][0]["data"],
        "192.0.2.80",
        "{}",
        text(&queried)
    );
    let explained = device.journey(&["explain", DOMAIN, "--network", DOMAIN, "--format", "json"]);
    assert_eq!(explained.status.code(), Some(0), "{}", text(&explained));

    assert!(
        holds(&device.store(), b"est.example.net"),
        "the search finds what is there"
    );
    assert!(
        !holds(&device.store(), PASSWORD.as_bytes()),
        "the password was stored"
    );
    assert!(
        !holds(&device.store(), USER.as_bytes()),
        "the user was stored"
    );
    // Whom the user named for trust wins over what is stored.
    let anchors = device.folder.path().join("other.pem");
    fs::write(&anchors, other_root()).unwrap();
    let file = anchors.to_str().unwrap();
    let other = device.journey(&["discover", DOMAIN, "--trust-anchors", file]);
    assert_eq!(other.status.code(), Some(5), "{}", text(&other));
}

fn other_root() -> String {
    Lab::start(Options::new()).unwrap().authority().root_pem()
}

#[test]
fn all_four_algorithms_enrol() {
    for algorithm in Algorithm::ALL {
        let mut options = EstOptions::new(DOMAIN);
        options.algorithms = vec![algorithm];
        let device = Device::with(options);
        let url = device.lab.est().url();
        let output = device.bootstrap(&["--est", &url, "--format", "json"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{algorithm:?}: {}",
            text(&output)
        );
        let report = json(&output);
        assert_eq!(report["version"], 1);
        assert_eq!(report["authentication-domain-name"], DOMAIN);
        assert_eq!(report["network"], DOMAIN);
        assert_eq!(report["reference-ids"][0], "est.example.net");
        assert_eq!(report["anchor-database"], "explicit");
    }
}

#[test]
fn a_server_that_gives_certificates_to_everybody_is_authenticated_all_the_same() {
    let mut options = EstOptions::new(DOMAIN);
    options.open.push(Operation::EeCerts);
    let device = Device::with(options);
    device.enrol();
    let journal = device.lab.est().journal();
    let conveyed = journal
        .iter()
        .rfind(|entry| entry.path.ends_with("/eecerts"));
    assert_eq!(conveyed.unwrap().scheme, "mutual", "{journal:?}");
}

#[test]
fn a_wrong_password_is_refused() {
    let device = Device::new();
    let output = device.bootstrap_as(&[DOMAIN], "wrong");
    device.is_refused(&output, 5, "the password is wrong");
    let output = device.bootstrap_as(&[DOMAIN], "");
    device.is_refused(&output, 2, "an empty password");
}

#[test]
fn a_man_in_the_middle_is_refused() {
    let device = Device::new();
    // His certificate has the right names, by an authority that the network itself trusts.
    let leaf = EstOptions::new(DOMAIN).leaf();
    let identity = device.lab.authority().issue(&leaf).unwrap();
    let relay = Relay::start(&identity, device.lab.est().addresses()[0]).unwrap();
    device.refused(
        &["--est", &relay.url()],
        5,
        "the certificate is not the server's",
    );
    assert!(relay.relayed() > 0, "he stood in between");
    let journal = device.lab.est().journal();
    assert!(
        journal
            .iter()
            .any(|entry| entry.diagnosis.contains("is wrong")),
        "{journal:?}"
    );
    assert!(
        journal.iter().all(|entry| entry.user.is_none()),
        "{journal:?}"
    );
}

#[test]
fn a_server_that_does_not_know_the_password_is_refused() {
    for (fault, said) in [
        (EstFault::WrongProof, "`vks` is wrong"),
        (EstFault::NotAsked, "does not ask for HTTP Mutual"),
    ] {
        let device = Device::new();
        device.lab.est().fail(fault);
        device.refused(&[DOMAIN], 5, said);
    }
}

#[test]
fn an_answer_of_another_exchange_is_refused() {
    let device = Device::new();
    device.enrol();
    fs::remove_dir_all(device.store()).unwrap();
    device.lab.est().fail(EstFault::Replayed);
    device.refused(&[DOMAIN], 5, "belongs to another exchange");
}

#[test]
fn a_certificate_without_an_anchor_is_refused() {
    let device = Device::new();
    device
        .lab
        .est()
        .fail_at(Operation::EeCerts, EstFault::NotAnchored);
    device.refused(
        &[DOMAIN],
        5,
        "the conveyed certificate of example.net is not acceptable",
    );
}

#[test]
fn an_est_server_that_policies_refuse_is_refused_whoever_knows_the_password() {
    let device = Device::new();
    let est = device.lab.est();
    for (fault, finding) in [
        (Fault::Expired, "`expired`"),
        (Fault::WrongIssuer, "is not acceptable"),
        (Fault::WrongUsage, "is not acceptable"),
    ] {
        let leaf = EstOptions::new(DOMAIN).leaf().with(fault);
        est.present(&device.lab.authority().issue(&leaf).unwrap())
            .unwrap();
        let output = device.bootstrap(&[DOMAIN]);
        device.is_refused(
            &output,
            5,
            "the certificate of the EST server (est.example.net)",
        );
        assert!(text(&output).contains(finding), "{}", text(&output));
    }
}

#[test]
fn of_two_domains_the_one_that_was_named_is_taken() {
    let device = Device::new();
    device
        .lab
        .est()
        .fail_at(Operation::EeCerts, EstFault::TwoDnsServers);
    let url = device.lab.est().url();
    device.refused(&["--est", &url], 5, "SRV-IDs of several domains");
    device.refused(
        &["--est", &url, "other.example"],
        5,
        "`_domain-s.other.example`",
    );
    device.enrol();
}

#[test]
fn answers_that_cannot_be_used_each_have_their_error() {
    for (operation, fault, code, said) in [
        (
            Operation::EeCerts,
            EstFault::Huge,
            1,
            "sent a body of more than 1048576 octets",
        ),
        (
            Operation::CaCerts,
            EstFault::Huge,
            1,
            "sent a body of more than 1048576 octets",
        ),
        (
            Operation::CaCerts,
            EstFault::Truncated,
            1,
            "`cacerts` at https://est.example.net",
        ),
        (Operation::EeCerts, EstFault::NoBase64, 1, "no base64"),
        (
            Operation::EeCerts,
            EstFault::NoCertificates,
            1,
            "`eecerts` at https://est.example.net",
        ),
        (
            Operation::CaCerts,
            EstFault::Status(500),
            1,
            "was answered with status 500",
        ),
        (
            Operation::CaCerts,
            EstFault::Redirect("https://other.example/".into()),
            1,
            "redirects to https://other.example",
        ),
    ] {
        let device = Device::new();
        device.lab.est().fail_at(operation, fault);
        device.refused(&[DOMAIN], code, said);
    }
}

#[test]
fn a_domain_without_an_est_server_ends_with_four() {
    let device = Device::new();
    device.refused(
        &["example.org"],
        4,
        "no EST server was found at `_est._tcp.example.org`",
    );
}

#[test]
fn a_dry_run_contacts_nobody() {
    let device = Device::new();
    let output = device.bootstrap(&[DOMAIN, "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("PTR of _est._tcp.example.net"),
        "{}",
        text(&output)
    );
    assert_eq!(device.lab.est().connections(), 0);
    assert!(device.lab.dns().journal().is_empty());
    assert!(!device.store().exists());
}

#[test]
fn what_is_wrong_is_said_before_a_password_is_asked_for() {
    let device = Device::new();
    device.refused(&[], 2, "give the DOMAIN");
    device.refused(&["--est", "http://est.example.net"], 2, "--est:");
    fs::create_dir(device.store()).unwrap();
    fs::set_permissions(device.store(), fs::Permissions::from_mode(0o755)).unwrap();
    device.refused(&[DOMAIN], 1, "has mode 0755, expected 0700");
    assert_eq!(device.lab.est().connections(), 0);
}

#[test]
fn a_replaced_certificate_is_fetched_without_a_password() {
    let device = Device::new();
    device.enrol();
    let (lab, est) = (&device.lab, device.lab.est());
    // The DNS server gets a new certificate, which the EST server conveys.
    let identity = lab.authority().issue(&Leaf::good(DOMAIN)).unwrap();
    lab.site().servers()[0].dot.present(&identity).unwrap();
    est.fail(EstFault::Status(503));
    let away = device.journey(&["query", "www.example.net"]);
    assert_eq!(away.status.code(), Some(5), "{}", text(&away));
    assert!(
        text(&away).contains("could not be renewed"),
        "{}",
        text(&away)
    );

    est.behave();
    est.convey(vec![identity.conveyed().clone()]);
    est.fail_at(Operation::EeCerts, EstFault::NotAsked);
    let renewed = device.journey(&["query", "www.example.net"]);
    assert_eq!(renewed.status.code(), Some(0), "{}", text(&renewed));
    assert!(text(&renewed).contains("192.0.2.80"), "{}", text(&renewed));
    assert!(text(&renewed).contains("was renewed"), "{}", text(&renewed));
    let connections = est.connections();
    let again = device.journey(&["query", "www.example.net"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert_eq!(est.connections(), connections, "what is stored holds now");
}

#[test]
fn another_server_in_the_place_of_a_known_one_is_refused() {
    let device = Device::new();
    device.enrol();
    let before = fs::read(device.store().join("example.net.json")).unwrap();
    let est = device.lab.est();
    est.fail_at(Operation::EeCerts, EstFault::NotAsked);
    let mut leaf = EstOptions::new(DOMAIN).leaf();
    leaf.dns_ids = vec!["mallory.example.net".into()];
    est.present(&device.lab.authority().issue(&leaf).unwrap())
        .unwrap();
    let resolver = device.resolver();
    let renew = ["trust", "renew", DOMAIN, "--resolver", &resolver];
    let output = device.run(&renew, "");
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(
        text(&output).contains("`name-mismatch`"),
        "{}",
        text(&output)
    );
    assert_eq!(
        fs::read(device.store().join("example.net.json")).unwrap(),
        before
    );

    est.present(est.identity()).unwrap();
    let output = device.run(&renew, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    est.fail_at(
        Operation::EeCerts,
        EstFault::Redirect("https://other.example/x".into()),
    );
    let output = device.run(&renew, "");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("redirects to https://other.example"),
        "{}",
        text(&output)
    );
}

#[test]
fn trust_is_shown_exported_and_removed() {
    let device = Device::new();
    let nothing = device.run(&["trust", "show"], "");
    assert!(
        text(&nothing).contains("no network is enrolled"),
        "{}",
        text(&nothing)
    );
    device.enrol();
    let shown = json(&device.run(&["trust", "show", "--format", "json"], ""));
    let network = &shown["networks"][0];
    assert_eq!(network["network"], DOMAIN);
    assert_eq!(network["authentication"], "http-mutual");
    assert_eq!(network["state"], "good");
    let table = text(&device.run(&["trust", "show"], ""));
    assert!(table.contains(" days"), "{table}");

    let exported = device.run(&["trust", "export", DOMAIN], "");
    let words = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(
        words(&text(&exported)),
        words(&device.lab.authority().root_pem())
    );
    let exported = device.run(&["trust", "export", DOMAIN, "end-entities"], "");
    let conveyed = device.lab.site().servers()[0].identity.conveyed_pem();
    assert_eq!(words(&text(&exported)), words(&conveyed));

    let removed = device.run(&["trust", "remove", DOMAIN], "");
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed));
    let gone = device.journey(&["discover"]);
    assert_eq!(gone.status.code(), Some(2), "{}", text(&gone));
    let gone = device.run(&["trust", "remove", DOMAIN], "");
    assert_eq!(gone.status.code(), Some(2), "{}", text(&gone));
}

#[test]
fn certificates_that_end_soon_are_renewed_in_time() {
    let device = Device::new();
    let mut leaf = Leaf::good(DOMAIN);
    leaf.not_before -= std::time::Duration::from_secs(300 * 86_400);
    leaf.not_after -= std::time::Duration::from_secs(80 * 86_400);
    let old = device.lab.authority().issue(&leaf).unwrap();
    let est = device.lab.est();
    est.convey(vec![old.conveyed().clone()]);
    device.enrol();
    let shown = text(&device.run(&["trust", "show"], ""));
    assert!(shown.contains("end soon, in "), "{shown}");
    // The server presents its new certificate, and the next journey fetches it before it connects.
    est.convey(vec![
        device.lab.site().servers()[0].identity.conveyed().clone(),
    ]);
    est.fail_at(Operation::EeCerts, EstFault::NotAsked);
    let before = device.lab.site().servers()[0].dot.statistics().connections;
    let output = device.journey(&["query", "www.example.net"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let after = device.lab.site().servers()[0].dot.statistics().connections;
    assert_eq!(
        after - before,
        1,
        "no handshake was wasted on what was stored"
    );
}

/// A lab with a registrar and a manufacturer, and a thing of its making.
fn thing() -> Device {
    let options = Options::new()
        .site(DOMAIN)
        .brski(EstOptions::new(DOMAIN), MasaOptions::default());
    let device = Device {
        lab: Lab::start(options).unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    let masa = device.lab.masa();
    let identity = masa.device("00-D0-E5-F2-00-07").unwrap();
    let write = |name: &str, content: &str| fs::write(device.folder.path().join(name), content);
    write("idevid.pem", &identity.chain_pem()).unwrap();
    write("idevid.key", &identity.key_pem()).unwrap();
    let anchor = resolvet_tests::lab::ca::pem("CERTIFICATE", masa.anchor());
    write("manufacturer.pem", &anchor).unwrap();
    device
}

impl Device {
    fn join(&self, words: &[&str]) -> Output {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let (idevid, key) = (file("idevid.pem"), file("idevid.key"));
        let (manufacturer, registrar) = (file("manufacturer.pem"), self.lab.registrar().url());
        let resolver = self.resolver();
        let own = [
            "bootstrap",
            "--brski",
            "--registrar",
            &registrar,
            "--idevid",
            &idevid,
            "--idevid-key",
            &key,
            "--manufacturer-anchors",
            &manufacturer,
            "--network",
            "factory",
            "--resolver",
            &resolver,
        ];
        self.run(&[&own, words].concat(), "")
    }

    /// Files of keys in the store.
    fn keys(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.store())
            .unwrap()
            .map(|file| file.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
            .collect()
    }
}

#[test]
fn a_thing_joins_by_its_manufacturers_voucher() {
    let thing = thing();
    let output = thing.join(&[]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for step in [
        "the registrar's certificate is not believed yet",
        "the manufacturer's voucher is good",
        "policies on registrar: accepted",
        "policies on conveyed-end-entity: accepted",
        "authentication domain name example.net",
        "a certificate of the device's own was issued",
        "enrolled in network factory",
    ] {
        assert!(said.contains(step), "expected `{step}`: {said}");
    }
    let told = thing.lab.registrar().told();
    let paths: Vec<&str> = told.iter().map(|told| told.path.as_str()).collect();
    let both = [
        "/.well-known/brski/voucher_status",
        "/.well-known/brski/enrollstatus",
    ];
    assert_eq!(paths, both, "{said}");
    assert!(told.iter().all(|told| told.ok), "{said}");
    assert_eq!(thing.lab.registrar().issued().len(), 1);
    assert_eq!(thing.keys().len(), 1);
    let mode = fs::metadata(&thing.keys()[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let queried = thing.journey(&["query", "www.example.net", "--format", "json"]);
    assert_eq!(
        json(&queried)["answers"][0]["data"],
        "192.0.2.80",
        "{}",
        text(&queried)
    );
    let resolver = thing.resolver();
    let renewed = thing.run(&["trust", "renew", "factory", "--resolver", &resolver], "");
    assert_eq!(renewed.status.code(), Some(0), "{}", text(&renewed));
    let shown = json(&thing.run(&["trust", "show", "factory", "--format", "json"], ""));
    assert_eq!(shown["networks"][0]["authentication"], "voucher");
    let removed = thing.run(&["trust", "remove", "factory"], "");
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed));
    assert!(thing.keys().is_empty(), "the key goes with the enrolment");
}

#[test]
fn a_bad_voucher_is_refused_by_its_own_error() {
    for (fault, said) in [
        (MasaFault::Expired, "the voucher ended at"),
        (MasaFault::OtherSerial, "serial"),
        (MasaFault::OtherNonce, "nonce"),
        (MasaFault::Nonceless, "nonce"),
        (MasaFault::UnknownSigner, "manufacturer"),
        (MasaFault::OtherPin, "pin"),
        (MasaFault::BadSignature, "signature"),
    ] {
        let thing = thing();
        thing.lab.masa().fail(fault);
        let output = thing.join(&[]);
        thing.is_refused(&output, 5, said);
        assert!(thing.keys().is_empty(), "no key is left");
    }
}

#[test]
fn a_registrar_that_becomes_another_is_refused() {
    let thing = thing();
    thing
        .lab
        .registrar()
        .fail(RegistrarFault::ChangesCertificate);
    let output = thing.join(&[]);
    assert_ne!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(thing.networks(), 0);
    assert!(
        thing.lab.registrar().told().is_empty(),
        "nothing was told to the other one"
    );
}

#[test]
fn a_voucher_that_takes_a_while_is_waited_for() {
    let thing = thing();
    thing.lab.registrar().fail(RegistrarFault::Pending {
        retry_after: "1".into(),
        times: 1,
    });
    let output = thing.join(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(thing.lab.registrar().requests().len(), 2);
}

/// A zone of what the program printed, served by the lab.
fn served(printed: &str) -> Dns {
    let mut zone = Zone::new(DOMAIN).unwrap();
    for line in printed.lines().filter(|line| !line.starts_with(';')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let text = |position: usize| words[position].trim_matches('"');
        let number = |position: usize| words[position].parse().unwrap();
        let owner = words[0];
        match words[3] {
            "NAPTR" => zone
                .naptr(owner, number(4), number(5), text(6), text(7), words[9])
                .map(drop),
            "SRV" => zone
                .srv(owner, number(4), number(5), number(6), words[7])
                .map(drop),
            "A" | "AAAA" => zone.address(owner, words[4].parse().unwrap()).map(drop),
            "TXT" => zone.txt(owner, text(4)).map(drop),
            "PTR" => {
                let target = resolvet_tests::lab::dns::absolute(words[4]).unwrap();
                zone.add(owner, 60, RData::PTR(PTR(target))).map(drop)
            }
            other => panic!("{other}"),
        }
        .unwrap();
    }
    Dns::start(vec![zone]).unwrap()
}

#[test]
fn the_zone_that_is_printed_leads_devices_to_est_and_dns() {
    let device = Device::new();
    let port = device.lab.site().servers()[0].dot.port().to_string();
    let est_port = device.lab.est().addresses()[0].port().to_string();
    let printed = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args([
            "publish",
            "zone",
            DOMAIN,
            "--server",
            "a.example.net=127.0.0.1",
            "--port",
            &port,
        ])
        .args([
            "--est",
            "est.example.net=127.0.0.1",
            "--est-port",
            &est_port,
        ])
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed));
    let dns = served(&text(&printed));
    let resolver = dns.address().to_string();
    let own = [
        "bootstrap",
        DOMAIN,
        "--user",
        USER,
        "--password-fd",
        "0",
        "--resolver",
        &resolver,
    ];
    let enrolled = device.run(&own, PASSWORD);
    assert_eq!(enrolled.status.code(), Some(0), "{}", text(&enrolled));
    let discovered = device.run(&["discover", DOMAIN, "--resolver", &resolver], "");
    assert_eq!(discovered.status.code(), Some(0), "{}", text(&discovered));
}
