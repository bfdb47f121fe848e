//! strongSwan's EST client against the lab's EST server, over TLS 1.2 and with HTTP Basic inside, which is what it speaks.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use resolvet_tests::lab::est::{EstFault, EstOptions, Layout, PASSWORD, USER};
use resolvet_tests::lab::{Lab, Options};
use tempfile::TempDir;

use crate::process::program;

/// A lab, and a folder with `anchors.pem`, a key and a request for its certificate.
struct Desk {
    lab: Lab,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let lab = Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("anchors.pem"),
            lab.authority().root_pem(),
        )
        .unwrap();
        let desk = Self { lab, folder };
        desk.make_key("key.der");
        desk.make_request("key.der", "request.p10");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pki(&self, arguments: &[&str]) -> Output {
        let pki = program("pki", "strongswan-pki").unwrap();
        let mut command = Command::new(pki);
        command.args(arguments).current_dir(self.folder.path());
        command.output().unwrap()
    }

    fn made(&self, arguments: &[&str], name: &str) {
        let output = self.pki(arguments);
        assert!(output.status.success(), "{}", said(&output));
        std::fs::write(self.path(name), output.stdout).unwrap();
    }

    fn make_key(&self, name: &str) {
        self.made(&["--gen", "--type", "ecdsa", "--size", "256"], name);
    }

    fn make_request(&self, key: &str, name: &str) {
        let subject = "C=DE, O=Example, CN=laptop";
        let arguments = ["--req", "--in", key, "--type", "ecdsa", "--dn", subject];
        let names = ["--san", "laptop.example.net"];
        self.made(&[arguments.as_slice(), names.as_slice()].concat(), name);
    }

    /// Runs `pki --est`; the certificate goes to a file.
    fn enrol(&self, request: &str, more: &[&str], name: &str) -> Output {
        let url = self.lab.est().url();
        let arguments = [
            "--est",
            "--url",
            &url,
            "--in",
            request,
            "--cacert",
            "anchors.pem",
        ];
        let form = ["-f", "pem"];
        let output = self.pki(&[arguments.as_slice(), more, form.as_slice()].concat());
        std::fs::write(self.path(name), &output.stdout).unwrap();
        output
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        openssl(self.folder.path(), arguments)
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program("openssl", "openssl").unwrap());
    let output = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn login(password: &str) -> String {
    format!("{USER}:{password}")
}

#[test]
fn strongswan_enrols_with_a_password() {
    let desk = Desk::new();
    let login = login(PASSWORD);
    let output = desk.enrol("request.p10", &["--userpass", &login], "laptop.pem");
    assert!(output.status.success(), "{}", said(&output));
    let subject = desk.openssl(&["x509", "-in", "laptop.pem", "-noout", "-subject"]);
    assert_eq!(subject.trim(), "subject=C = DE, O = Example, CN = laptop");
    let names = desk.openssl(&[
        "x509",
        "-in",
        "laptop.pem",
        "-noout",
        "-ext",
        "subjectAltName",
    ]);
    assert!(names.contains("DNS:laptop.example.net"), "{names}");
    let issued = desk.openssl(&["x509", "-in", "laptop.pem", "-noout", "-pubkey"]);
    let own = desk.openssl(&["ec", "-inform", "DER", "-in", "key.der", "-pubout"]);
    assert_eq!(issued, own, "the certificate is for the key of the request");
    let journal = desk.lab.est().journal();
    let last = journal.last().unwrap();
    let asked = (last.method.as_str(), last.path.as_str(), last.status);
    assert_eq!(asked, ("POST", "/.well-known/est/simpleenroll", 200));
    assert_eq!((last.scheme, last.user.as_deref()), ("basic", Some(USER)));
}

#[test]
fn strongswan_is_refused_with_a_wrong_password() {
    let desk = Desk::new();
    let login = login("wrong");
    let output = desk.enrol("request.p10", &["--userpass", &login], "laptop.pem");
    assert!(!output.status.success());
    assert!(desk.lab.est().issued().is_empty());
    assert_eq!(desk.lab.est().journal().last().unwrap().status, 401);
}

#[test]
fn strongswan_reads_the_authority_and_verifies_what_it_issued() {
    let desk = Desk::new();
    let url = desk.lab.est().url();
    let arguments = ["--estca", "--url", &url, "--cacert", "anchors.pem"];
    let files = ["--caout", "ca.crt", "--force", "-f", "pem"];
    let output = desk.pki(&[arguments.as_slice(), files.as_slice()].concat());
    assert!(output.status.success(), "{}", said(&output));
    let root = desk.openssl(&["x509", "-in", "ca.crt", "-outform", "PEM"]);
    assert_eq!(
        root.trim(),
        desk.lab.authority().root_pem().replace("\r\n", "\n").trim()
    );
    let login = login(PASSWORD);
    let output = desk.enrol("request.p10", &["--userpass", &login], "laptop.pem");
    assert!(output.status.success(), "{}", said(&output));
    let verify = [
        "verify",
        "-CAfile",
        "ca.crt",
        "-untrusted",
        "ca-1.crt",
        "laptop.pem",
    ];
    assert_eq!(desk.openssl(&verify).trim(), "laptop.pem: OK");
}

#[test]
fn strongswan_renews_with_its_old_certificate() {
    let desk = Desk::new();
    let login = login(PASSWORD);
    let output = desk.enrol("request.p10", &["--userpass", &login], "old.pem");
    assert!(output.status.success(), "{}", said(&output));
    desk.make_key("new.der");
    desk.make_request("new.der", "renewal.p10");
    let intermediate = desk.lab.authority().intermediate();
    std::fs::write(desk.path("intermediate.der"), intermediate).unwrap();
    let old = [
        "--cert",
        "old.pem",
        "--key",
        "key.der",
        "--cacert",
        "intermediate.der",
    ];
    let output = desk.enrol("renewal.p10", &old, "renewed.pem");
    assert!(output.status.success(), "{}", said(&output));
    let last = desk.lab.est().journal().pop().unwrap();
    assert_eq!(last.path, "/.well-known/est/simplereenroll");
    assert_eq!((last.status, last.scheme), (200, "certificate"));
    let issued = desk.openssl(&["x509", "-in", "renewed.pem", "-noout", "-pubkey"]);
    let own = desk.openssl(&["ec", "-inform", "DER", "-in", "new.der", "-pubout"]);
    assert_eq!(issued, own);
}

#[test]
fn strongswan_waits_for_somebody_to_look_at_it() {
    let desk = Desk::new();
    desk.lab.est().fail(EstFault::Pending {
        retry_after: "1".to_owned(),
        times: 1,
    });
    let login = login(PASSWORD);
    let waiting = ["--userpass", login.as_str(), "--interval", "1"];
    let output = desk.enrol("request.p10", &waiting, "laptop.pem");
    assert!(output.status.success(), "{}", said(&output));
    let journal = desk.lab.est().journal();
    let statuses: Vec<_> = journal.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [202, 200]);
}

/// Why the unfolded layout is the default: this client reads it, and not the folded one.
#[test]
fn strongswan_reads_one_line_and_no_more() {
    let desk = Desk::new();
    let login = login(PASSWORD);
    for (layout, reads) in [(Layout::Unfolded, true), (Layout::Folded64, false)] {
        desk.lab.est().write_as(layout);
        let output = desk.enrol("request.p10", &["--userpass", &login], "laptop.pem");
        assert_eq!(
            output.status.success(),
            reads,
            "{layout:?}: {}",
            said(&output)
        );
    }
}
