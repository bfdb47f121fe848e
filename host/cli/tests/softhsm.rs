//! A thing whose keys are in a token (PKCS#11), as its user sees it: Debian's SoftHSM, spoken to by the program itself.
//!
//! A token is a folder that `SOFTHSM2_CONF` leads to, which is an environment variable of the child alone: tests run
//! side by side.
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

use base64::Engine as _;
use resolvet_proto::enrolment::est::Operation;
use resolvet_tests::lab::{
    Lab, Options,
    ca::{Algorithm, Identity, Requested, pem},
    est::{EstFault, EstOptions},
    masa::MasaOptions,
};
use serde_json::Value;
use tempfile::TempDir;

const DOMAIN: &str = "example.net";
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const TOKEN: &str = "lab";
const PIN: &str = "4711-and-more";

/// A lab with a registrar, a thing of its manufacturer's making, and a token.
struct Thing {
    lab: Lab,
    folder: TempDir,
    idevid: Identity,
}

impl Thing {
    /// A thing whose key is in the token.
    fn new(algorithm: Algorithm) -> Self {
        let options = Options::new()
            .site(DOMAIN)
            .brski(EstOptions::new(DOMAIN), MasaOptions::default());
        let lab = Lab::start(options).unwrap();
        let idevid = lab.masa().device_with("00-D0-E5-F2-00-08", algorithm);
        let thing = Self {
            lab,
            folder: tempfile::tempdir().unwrap(),
            idevid: idevid.unwrap(),
        };
        let tokens = thing.path("tokens");
        fs::create_dir(&tokens).unwrap();
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        thing.write("softhsm2.conf", &configuration);
        thing.write("idevid.pem", &thing.idevid.chain_pem());
        let anchor = pem("CERTIFICATE", thing.lab.masa().anchor());
        thing.write("manufacturer.pem", &anchor);
        thing.token_with(TOKEN);
        thing.import("idevid", "01");
        thing
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of mode 0600.
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        self.mode(name, 0o600);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn tool(&self, words: &[&str]) {
        let output = Command::new("softhsm2-util")
            .args(words)
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output();
        let output = output.unwrap_or_else(|error| {
            panic!("`softhsm2-util`: {error}; install Debian's package `softhsm2`")
        });
        assert!(output.status.success(), "{words:?}: {}", text(&output));
    }

    fn token_with(&self, label: &str) {
        let new = ["--init-token", "--free", "--label", label];
        self.tool(&[&new, ["--so-pin", "0815", "--pin", PIN].as_slice()].concat());
    }

    /// Puts the IDevID's key into the token, under this name.
    fn import(&self, label: &str, id: &str) {
        let file = self.path("idevid.key");
        self.idevid.write_key(&file).unwrap();
        let name = ["--token", TOKEN, "--pin", PIN, "--label", label, "--id", id];
        let import = ["--import", file.to_str().unwrap(), "--force"];
        self.tool(&[import.as_slice(), &name].concat());
        fs::remove_file(&file).unwrap();
    }

    fn run(&self, words: &[&str], pin: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .args(words)
            .arg("--store")
            .arg(self.path("networks"))
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _gone = writeln!(child.stdin.take().unwrap(), "{pin}");
        let output = child.wait_with_output().unwrap();
        assert!(!text(&output).contains(PIN), "the PIN was printed");
        output
    }

    /// Joins with a key at this place; `words` say where the network's key is made.
    fn join(&self, key: &str, words: &[&str], pin: &str) -> Output {
        let file = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let (idevid, manufacturer) = (file("idevid.pem"), file("manufacturer.pem"));
        let registrar = self.lab.registrar().url();
        let resolver = self.lab.resolver().to_string();
        let own = [
            [
                "bootstrap",
                "--brski",
                "--trust-network",
                "--network",
                "factory",
            ]
            .as_slice(),
            &["--registrar", &registrar, "--resolver", &resolver],
            &["--idevid", &idevid, "--idevid-key", key],
            &["--manufacturer-anchors", &manufacturer],
        ];
        self.run(&[own.concat().as_slice(), words].concat(), pin)
    }

    /// Joining must fail with this exit code and these words, and leave nothing.
    fn refused(&self, key: &str, words: &[&str], code: i32, said: &str) {
        let output = self.join(key, &[words, &["--pin-fd", "0"]].concat(), PIN);
        self.is_refused(&output, code, said);
    }

    fn is_refused(&self, output: &Output, code: i32, said: &str) {
        assert_eq!(output.status.code(), Some(code), "{}", text(output));
        assert!(
            text(output).contains(said),
            "expected `{said}`: {}",
            text(output)
        );
        assert!(!self.path("networks/factory.json").exists());
        assert!(self.lab.registrar().requests().is_empty());
    }

    /// The handle of the network's key.
    fn handle(&self) -> String {
        let stored = fs::read(self.path("networks/factory.json")).unwrap();
        let stored: Value = serde_json::from_slice(&stored).unwrap();
        stored["identity"]["key"].as_str().unwrap().to_owned()
    }

    /// Private keys that a token made itself.
    fn made(&self) -> Vec<String> {
        let mut objects = self.objects();
        objects.retain(|object| {
            object.contains("CKO_PRIVATE_KEY") && says(object, "CKA_LOCAL", "TRUE")
        });
        objects
    }

    /// Objects in the tokens, each as Debian's tool prints it.
    fn objects(&self) -> Vec<String> {
        let tokens = fs::read_dir(self.path("tokens")).unwrap();
        let files = tokens.flat_map(|token| fs::read_dir(token.unwrap().path()).unwrap());
        let files = files.map(|file| file.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "object"))
            .filter(|path| path.file_stem().is_some_and(|name| name != "token"))
            .map(|path| {
                let printed = Command::new("softhsm2-dump-file").arg(path).output();
                text(&printed.unwrap())
            })
            .collect()
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a printed object has this attribute with this value.
fn says(object: &str, attribute: &str, value: &str) -> bool {
    let mut lines = object.lines();
    let found = lines.find(|line| line.ends_with(&format!(" {attribute}")));
    found.is_some() && lines.nth(1).is_some_and(|line| line.ends_with(value))
}

/// Files below this folder that hold these octets.
fn holding(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if fs::read(&path)
            .unwrap()
            .windows(needle.len())
            .any(|window| window == needle)
        {
            found.push(path);
        }
    }
    found
}

fn uri(rest: &str) -> String {
    format!("pkcs11:token={TOKEN}{rest}?module-path={MODULE}")
}

#[test]
fn a_thing_joins_with_keys_that_never_leave_their_token() {
    let thing = Thing::new(Algorithm::EcP256);
    let place = uri("");
    let words = ["--key-store", place.as_str(), "--pin-fd", "0"];
    let output = thing.join(&uri(";object=idevid;type=private"), &words, PIN);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    // Both certificates were used in handshakes whose signatures the token made.
    let told = thing.lab.registrar().told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].client.as_deref(), Some(thing.idevid.end_entity()));
    let issued = thing.lab.registrar().issued();
    assert_eq!(told[1].client.as_deref(), Some(issued[0].as_ref()));
    assert!(told.iter().all(|told| told.ok), "{told:?}");

    // No key is on the disk.
    let store = thing.path("networks");
    let names = fs::read_dir(&store).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!names.collect::<Vec<_>>().join(" ").contains(".key"));
    let scalar = &thing.idevid.key_der()[36..68];
    assert_eq!(holding(thing.folder.path(), scalar), Vec::<PathBuf>::new());
    assert_eq!(
        holding(thing.folder.path(), PIN.as_bytes()),
        Vec::<PathBuf>::new()
    );
    let handle = thing.handle();
    assert!(handle.starts_with("pkcs11:token=lab;"), "{handle}");
    assert!(handle.contains(";object=ldevid-"), "{handle}");
    assert_eq!(holding(&store, handle.as_bytes()).len(), 1);

    // What the token says about the network's key.
    let made = thing.made();
    let [key] = made.as_slice() else {
        panic!("{made:?}")
    };
    assert!(says(key, "CKA_SENSITIVE", "TRUE"), "{key}");
    assert!(says(key, "CKA_EXTRACTABLE", "FALSE"), "{key}");
    assert!(says(key, "CKA_NEVER_EXTRACTABLE", "TRUE"), "{key}");

    // The key goes with the enrolment.
    let before = thing.objects().len();
    let removed = thing.run(&["trust", "remove", "factory", "--pin-fd", "0"], PIN);
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed));
    assert!(thing.made().is_empty());
    assert_eq!(
        thing.objects().len(),
        before - 2,
        "the manufacturer's is left"
    );
}

#[test]
fn a_certificate_is_renewed_by_its_key_in_the_token() {
    let thing = Thing::new(Algorithm::EcP256);
    let registrar = thing.lab.registrar();
    registrar.fail_at(Operation::SimpleEnroll, EstFault::EndsSoon);
    let place = uri("");
    let words = ["--key-store", place.as_str(), "--pin-fd", "0"];
    let output = thing.join(&uri(";object=idevid"), &words, PIN);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let first = thing.handle();

    // Nothing is said of the place: the new key is made where the old one is.
    let resolver = thing.lab.resolver().to_string();
    let renew = ["trust", "renew", "factory", "--resolver", &resolver];
    let words = [renew.as_slice(), &["--pin-fd", "0"]].concat();
    let wrong = thing.run(&words, "0000");
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    assert!(text(&wrong).contains("it was tried once"));
    assert_eq!(thing.handle(), first);
    let output = thing.run(&words, PIN);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // The registrar takes a renewal over a connection with the old certificate alone.
    let journal = registrar.journal();
    let asked = journal
        .iter()
        .filter(|e| e.path.ends_with("/simplereenroll"));
    assert_eq!(asked.map(|e| e.status).collect::<Vec<_>>(), [200]);
    assert_eq!(registrar.issued().len(), 2);
    assert_ne!(thing.handle(), first);
    assert!(thing.handle().starts_with("pkcs11:token=lab;"));
    assert_eq!(thing.made().len(), 1, "the old key is destroyed");
}

#[test]
fn an_enrolment_is_forgotten_even_if_its_token_is_away() {
    let thing = Thing::new(Algorithm::EcP256);
    let place = uri("");
    let words = ["--key-store", place.as_str(), "--pin-fd", "0"];
    let output = thing.join(&uri(";object=idevid"), &words, PIN);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let wrong = thing.run(&["trust", "remove", "factory", "--pin-fd", "0"], "wrong");
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    assert!(text(&wrong).contains("is forgotten, but its key is left"));
    assert!(!thing.path("networks/factory.json").exists());
    assert_eq!(thing.made().len(), 1);
}

/// RSA signs in TLS 1.3 by PSS alone, and the voucher request by PKCS #1.
#[test]
fn a_key_of_rsa_signs_too() {
    let thing = Thing::new(Algorithm::Rsa2048);
    let output = thing.join(&uri(";object=idevid"), &["--pin-fd", "0"], PIN);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told = thing.lab.registrar().told();
    assert_eq!(told[0].client.as_deref(), Some(thing.idevid.end_entity()));
    // The network's own key is in a file, since nothing else was said.
    assert!(thing.handle().starts_with("ldevid-"), "{}", thing.handle());
}

/// A DNS server's key may be in a token too: it signs the request for its certificate.
#[test]
fn a_servers_key_in_a_token_signs_its_request() {
    let thing = Thing::new(Algorithm::EcP256);
    thing.write("pin", PIN);
    let pin = thing.path("pin");
    let key = uri(";object=idevid") + &format!("&pin-source=file:{}", pin.display());
    let output = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args(["publish", "certificate-request", DOMAIN, "--key", &key])
        .args(["--format", "json"])
        .env("SOFTHSM2_CONF", thing.path("softhsm2.conf"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["key"], Value::Null);
    let lines = report["request"].as_str().unwrap().lines();
    let digits: String = lines.filter(|line| !line.starts_with('-')).collect();
    let request = base64::engine::general_purpose::STANDARD.decode(digits);
    // Reading it verifies its signature.
    let request = Requested::read(&request.unwrap()).unwrap();
    assert_eq!(request.subject(), "CN=example.net");
}

#[test]
fn module_place_and_pin_stand_in_files() {
    let thing = Thing::new(Algorithm::EcP256);
    thing.write("pin", &format!("{PIN}\n"));
    let pin = thing.path("pin");
    let configuration = format!(
        "version = \"v1\"\n[keys]\npkcs11-module = \"{MODULE}\"\n\
         store = \"pkcs11:token={TOKEN}?pin-source=file:{}\"\n",
        pin.display()
    );
    thing.write("resolvet.toml", &configuration);
    let file = thing.path("resolvet.toml");
    let config = ["--config", file.to_str().unwrap()];
    let key = format!("pkcs11:object=idevid?pin-source={}", pin.display());
    for open in [0o640, 0o604] {
        thing.mode("pin", open);
        let output = thing.join(&key, &config, "");
        let said = format!("has mode {open:04o}, expected 0600");
        thing.is_refused(&output, 1, &said);
    }
    thing.mode("pin", 0o600);
    let output = thing.join(&key, &config, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        thing.handle().contains("?module-path="),
        "{}",
        thing.handle()
    );
    assert!(
        thing.handle().contains("&pin-source=file:"),
        "{}",
        thing.handle()
    );
    // What is stored says all that is needed.
    let removed = thing.run(&["trust", "remove", "factory"], "");
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed));
    assert!(thing.made().is_empty());
}

#[test]
fn a_wrong_pin_is_tried_once() {
    let thing = Thing::new(Algorithm::EcP256);
    let place = uri("");
    for pin in ["0000", "x"] {
        let words = ["--key-store", place.as_str(), "--pin-fd", "0"];
        let output = thing.join(&uri(";object=idevid"), &words, pin);
        let said = "the PIN of token `lab` is wrong; it was tried once";
        thing.is_refused(&output, 1, said);
    }
    let output = thing.join(&uri(";object=idevid"), &["--pin-fd", "0"], "");
    thing.is_refused(&output, 1, "the PIN has 0 octets");
}

#[test]
fn what_is_not_there_is_said() {
    let thing = Thing::new(Algorithm::EcP256);
    thing.refused(
        &uri(";object=other"),
        &[],
        1,
        "there is no private key `pkcs11:",
    );
    thing.refused(&uri(";id=%07"), &[], 1, "there is no private key `pkcs11:");
    let other = format!("pkcs11:token=other;object=idevid?module-path={MODULE}");
    thing.refused(&other, &[], 1, "is no token that is there");
    let none = "pkcs11:token=lab;object=idevid";
    thing.refused(none, &[], 1, "which PKCS#11 module");
    let gone = ["--pkcs11-module", "/usr/lib/gone.so"];
    thing.refused(
        none,
        &gone,
        1,
        "PKCS#11 module `/usr/lib/gone.so` cannot be read",
    );
    let certificate = thing.path("idevid.pem");
    let text = ["--pkcs11-module", certificate.to_str().unwrap()];
    thing.refused(none, &text, 1, "cannot be loaded");
    thing.mode("idevid.pem", 0o666);
    thing.refused(none, &text, 1, "may be written by others");
    thing.mode("idevid.pem", 0o600);
    // Where the network's key is to be made is known before the registrar is asked.
    let place = format!("pkcs11:token=other?module-path={MODULE}");
    let words = ["--key-store", place.as_str()];
    thing.refused(
        &uri(";object=idevid"),
        &words,
        1,
        "is no token that is there",
    );
}

#[test]
fn what_is_written_wrongly_is_said() {
    let thing = Thing::new(Algorithm::EcP256);
    let pin = format!("pkcs11:token=lab?pin-value={PIN}");
    thing.refused(&pin.replace(PIN, "1234"), &[], 2, "`pin-value` is refused");
    thing.refused("pkcs11:token", &[], 2, "`token` is no attribute");
    let place = ["--key-store", "cellar"];
    thing.refused(
        &uri(";object=idevid"),
        &place,
        2,
        "`cellar` is neither `folder` nor a token",
    );
}

#[test]
fn a_key_that_is_not_told_apart_or_not_the_device_s_is_refused() {
    let thing = Thing::new(Algorithm::EcP256);
    thing.import("idevid", "02");
    thing.refused(&uri(";object=idevid"), &[], 1, "are several private keys");
    thing.token_with("another");
    let any = format!("pkcs11:object=idevid?module-path={MODULE}");
    thing.refused(&any, &[], 1, "are several tokens");
    // A key that is there, and is another's.
    let other = thing.lab.masa().device("00-D0-E5-F2-00-09").unwrap();
    thing.write("idevid.pem", &other.chain_pem());
    let key = uri(";id=%01");
    thing.refused(&key, &[], 1, "the key is not the one of the certificate");
}

#[test]
fn a_key_s_file_that_others_may_read_is_refused() {
    let thing = Thing::new(Algorithm::EcP256);
    let file = thing.path("idevid.key");
    thing.idevid.write_key(&file).unwrap();
    let key = file.to_str().unwrap();
    thing.mode("idevid.key", 0o644);
    thing.refused(
        key,
        &[],
        2,
        "has mode 0644, expected 0600: others may read what is secret",
    );
    thing.mode("idevid.key", 0o600);
    let output = thing.join(key, &[], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
