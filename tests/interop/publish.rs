//! What `resolvet publish` writes, as programs of others read it; and a network that is set up from nothing else: an
//! authority by OpenSSL, the zone in NSD, the certificate in Unbound, the files at the EST server.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use resolvet_tests::lab::ca::{Authority, Fault, Identity, Leaf, pem};
use resolvet_tests::lab::dns::Zone;
use resolvet_tests::lab::est::{Est, EstOptions, PASSWORD, USER};
use serde_json::Value;
use tempfile::TempDir;

use crate::network::DOMAIN;
use crate::nsd::Nsd;
use crate::process::{free_address, program, resolvet, write};
use crate::unbound::Unbound;

const STATEMENT: &str = "ip-address-is-personal = true\ntransfers-data = false\nblocks-domains = true\n\
                         policy-url = \"https://example.net/privacy\"\n[logs]\nknown-malware = 24\n";
/// What an authority adds by itself.
const IDENTIFIERS: &str = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

fn run<S: AsRef<OsStr>>(program: &Path, folder: &Path, arguments: &[S], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env(
            "XDG_CACHE_HOME",
            std::env::temp_dir().join("resolvet-interop-cache"),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing may be gone already.
    let _gone = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(error)
    )
}

/// An administrator's folder, with an authority that OpenSSL made.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 \
             -subj /CN=Example-CA -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign",
        );
        desk.write("identifiers", IDENTIFIERS);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        write(self.path(), name, content).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// What OpenSSL says; it must succeed.
    fn openssl(&self, words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        let openssl = program("openssl", "openssl").unwrap();
        let output = run(&openssl, self.path(), &words, "");
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    fn resolvet_with(&self, words: &[&str], input: &str) -> Output {
        run(&resolvet().unwrap(), self.path(), words, input)
    }

    /// What our program prints; it must succeed.
    fn resolvet(&self, words: &[&str]) -> String {
        let output = self.resolvet_with(words, "");
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks for a certificate, and has OpenSSL issue what was asked for.
    fn certify(&self, words: &[&str], days: u32) {
        let request = [&["publish", "certificate-request"], words].concat();
        self.write("request.pem", &self.resolvet(&request));
        self.openssl(&format!(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -copy_extensions copyall -extfile identifiers \
             -days {days} -out server.pem"
        ));
    }

    fn est_content(&self) -> Output {
        let words = [
            "publish",
            "est-content",
            DOMAIN,
            "--ca",
            "ca.pem",
            "--end-entity",
            "server.pem",
            "--out",
            "www",
        ];
        self.resolvet_with(&words, "")
    }
}

#[test]
fn openssl_verifies_the_request_and_issues_a_certificate_that_says_the_same() {
    let desk = Desk::new();
    desk.write("statement.toml", STATEMENT);
    let words = [
        DOMAIN,
        "--ip-id",
        "127.0.0.1",
        "--dns-id",
        "a.example.net",
        "--privacy",
        "statement.toml",
    ];
    desk.certify(&words, 20);
    let printed = desk.openssl("req -in request.pem -verify -noout -text");
    for expected in [
        "verify OK",
        "CN = example.net",
        "DNS:example.net",
        "DNS:a.example.net",
        "IP Address:127.0.0.1",
        "_domain-s.example.net",
        "TLS Web Server Authentication",
        "1.3.6.1.4.1.32473.1.1",
    ] {
        assert!(
            printed.contains(expected),
            "expected `{expected}`: {printed}"
        );
    }
    let mode = std::fs::metadata(desk.path().join("example.net.key")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    desk.openssl("pkey -in example.net.key -check -noout");

    let seen = desk.resolvet(&["inspect", "server.pem", "--format", "json"]);
    let seen: Value = serde_json::from_str(&seen).unwrap();
    let certificate = &seen["certificates"][0];
    assert_eq!(
        certificate["srv-ids"][0], "_domain-s.example.net",
        "{seen:#}"
    );
    assert_eq!(
        certificate["dns-ids"],
        serde_json::json!(["example.net", "a.example.net"])
    );
    assert_eq!(
        certificate["privacy"]["policy"]["logging"]["kinds"][0], "known-malware",
        "{seen:#}"
    );
}

#[test]
fn a_key_of_another_kind_signs_and_no_file_is_overwritten() {
    let desk = Desk::new();
    desk.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out example.net.key");
    let before = desk.read("example.net.key");
    let output = desk.resolvet_with(&["publish", "certificate-request", DOMAIN], "");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("stays as it is"),
        "{}",
        said(&output)
    );
    assert_eq!(desk.read("example.net.key"), before);
    desk.certify(&[DOMAIN, "--key", "example.net.key"], 20);
    let printed = desk.openssl("req -in request.pem -verify -noout -text");
    assert!(printed.contains("verify OK"), "{printed}");
    assert!(printed.contains("sha256WithRSAEncryption"), "{printed}");
}

#[test]
fn openssl_reads_what_the_est_server_gives() {
    let desk = Desk::new();
    desk.certify(&[DOMAIN], 20);
    let output = desk.est_content();
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains(" days: have its successor issued"),
        "{}",
        said(&output)
    );
    for (name, subject) in [
        ("cacerts", "CN = Example-CA"),
        ("eecerts", "CN = example.net"),
    ] {
        let file = format!("www/.well-known/est/{name}");
        desk.openssl(&format!("base64 -d -A -in {file} -out body.p7"));
        let printed = desk.openssl("pkcs7 -inform DER -in body.p7 -print_certs -noout");
        assert!(printed.contains(&format!("subject={subject}")), "{printed}");
        let printed = desk.openssl("cms -cmsout -print -inform DER -in body.p7");
        assert!(printed.contains("pkcs7-signedData"), "{printed}");
    }
}

#[test]
fn what_devices_would_refuse_is_not_written() {
    let desk = Desk::new();
    // Names of a web server, not of a DNS server.
    desk.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -out web.csr -subj /CN=example.net \
                  -addext subjectAltName=DNS:example.net");
    desk.openssl("x509 -req -in web.csr -CA ca.pem -CAkey ca.key -copy_extensions copyall -days 20 -out server.pem");
    let output = desk.est_content();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("SRV-ID"), "{}", said(&output));
    // The right names by another authority.
    desk.certify(&[DOMAIN], 20);
    std::fs::rename(
        desk.path().join("server.pem"),
        desk.path().join("other.pem"),
    )
    .unwrap();
    let other = Desk::new();
    other.write("server.pem", &desk.read("other.pem"));
    let output = other.est_content();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(
        said(&output).contains("devices would refuse"),
        "{}",
        said(&output)
    );
    // The right names, and over.
    let authority = Authority::new().unwrap();
    let leaf = Leaf::good(DOMAIN).with(Fault::Expired);
    let intermediate = pem("CERTIFICATE", authority.intermediate());
    other.write("ca.pem", &(authority.root_pem() + &intermediate));
    other.write(
        "server.pem",
        &authority.issue(&leaf).unwrap().conveyed_pem(),
    );
    let output = other.est_content();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("expired"), "{}", said(&output));
    assert!(!other.path().join("www").exists());
}

#[test]
fn a_network_that_is_set_up_from_what_was_published_enrols_and_answers() {
    let desk = Desk::new();
    desk.write("statement.toml", STATEMENT);
    desk.certify(&[DOMAIN, "--privacy", "statement.toml"], 60);
    let output = desk.est_content();
    assert!(output.status.success(), "{}", said(&output));
    desk.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout est.key -out est.csr -subj /CN=est.example.net \
                  -addext subjectAltName=DNS:est.example.net -addext extendedKeyUsage=serverAuth");
    desk.openssl("x509 -req -in est.csr -CA ca.pem -CAkey ca.key -copy_extensions copyall -extfile identifiers -days 60 -out est.pem");

    // The lab's EST server knows users; its identity and its content are the administrator's.
    let authority = Authority::new().unwrap().into();
    let est = Est::start(&authority, Vec::new(), &EstOptions::new(DOMAIN)).unwrap();
    let identity = Identity::from_pem(&desk.read("est.pem"), &desk.read("est.key")).unwrap();
    est.present(&identity).unwrap();
    est.serve_files(&desk.path().join("www")).unwrap();

    let tls = free_address().unwrap();
    let (port, est_port) = (tls.port().to_string(), est.port().to_string());
    let zone = desk.resolvet(&[
        "publish",
        "zone",
        DOMAIN,
        "--server",
        "a.example.net=127.0.0.1",
        "--port",
        &port,
        "--est",
        "est.example.net=127.0.0.1",
        "--est-port",
        &est_port,
    ]);
    let nsd = Nsd::start(&[Zone::read(DOMAIN, &zone).unwrap()]).unwrap();
    let server =
        Identity::from_pem(&desk.read("server.pem"), &desk.read("example.net.key")).unwrap();
    let record = "www.example.net. 60 IN A 192.0.2.80";
    let _dot = Unbound::dot(DOMAIN, nsd.address(), tls, &server, &[record]).unwrap();
    let resolver = Unbound::recursive(DOMAIN, nsd.address()).unwrap();
    let resolver = resolver.address().to_string();

    let network = ["--resolver", &resolver, "--store", "networks"];
    let enrol = [
        &[
            "bootstrap",
            "--trust-network",
            DOMAIN,
            "--user",
            USER,
            "--password-fd",
            "0",
        ],
        &network[..],
    ]
    .concat();
    let output = desk.resolvet_with(&enrol, PASSWORD);
    assert!(output.status.success(), "{}", said(&output));
    let query = [
        &["query", "www.example.net", "--format", "json"],
        &network[..],
    ]
    .concat();
    let answer: Value = serde_json::from_str(&desk.resolvet(&query)).unwrap();
    assert_eq!(answer["answers"][0]["data"], "192.0.2.80", "{answer:#}");
    assert_eq!(answer["authenticated"], true);
}
