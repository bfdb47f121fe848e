//! A thing, by its manufacturer's voucher.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

use resolvet_proto::enrolment::est::Operation;
use resolvet_tests::lab::{
    Lab, Options,
    est::{EstFault, EstOptions},
    masa::{MasaFault, MasaOptions},
    registrar::RegistrarFault,
};

use crate::device::{DOMAIN, Device, json, text};

/// A lab with a registrar and a manufacturer, and a thing of its making.
pub(crate) fn thing() -> Device {
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
    identity
        .write_key(&device.folder.path().join("idevid.key"))
        .unwrap();
    let anchor = resolvet_tests::lab::ca::pem("CERTIFICATE", masa.anchor());
    write("manufacturer.pem", &anchor).unwrap();
    device
}

impl Device {
    fn join(&self, words: &[&str]) -> Output {
        self.join_in(&[], words)
    }

    /// Under a program that takes the program as its last arguments.
    pub(crate) fn join_in(&self, within: &[String], words: &[&str]) -> Output {
        let registrar = self.lab.registrar().url();
        let words = [&["--registrar", registrar.as_str()], words].concat();
        self.join_anywhere(within, &words)
    }

    /// At a registrar that the words name, or at one that is found.
    pub(crate) fn join_at(&self, words: &[&str]) -> Output {
        self.join_anywhere(&[], words)
    }

    fn join_anywhere(&self, within: &[String], words: &[&str]) -> Output {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let (idevid, key) = (file("idevid.pem"), file("idevid.key"));
        let manufacturer = file("manufacturer.pem");
        let resolver = self.resolver();
        let own = [
            "bootstrap",
            "--brski",
            "--trust-network",
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
        self.run_in(within, &[&own, words].concat(), "")
    }
}

/// Its own certificate is renewed with a new key, and the file of the old one goes.
#[test]
fn a_certificate_that_is_due_is_renewed_with_a_key_in_a_file() {
    let thing = thing();
    let registrar = thing.lab.registrar();
    registrar.fail_at(Operation::SimpleEnroll, EstFault::EndsSoon);
    let output = thing.join(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let shown = || json(&thing.run(&["trust", "show", "factory", "--format", "json"], ""));
    let before = shown();
    assert_eq!(
        before["networks"][0]["ldevid"]["is-due"], true,
        "{before:#}"
    );
    let [first] = thing.keys().try_into().unwrap();
    let resolver = thing.resolver();
    let renewed = thing.run(&["trust", "renew", "factory", "--resolver", &resolver], "");
    assert_eq!(renewed.status.code(), Some(0), "{}", text(&renewed));
    assert_eq!(shown()["networks"][0]["ldevid"]["is-due"], false);
    let [second] = thing.keys().try_into().unwrap();
    assert_ne!(first, second, "the old key is removed");
    let mode = fs::metadata(&second).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(registrar.issued().len(), 2);
    // The old certificate is the client's while the new one is asked for.
    let journal = registrar.journal();
    let asked = journal
        .iter()
        .filter(|entry| entry.path.ends_with("/simplereenroll"));
    let asked: Vec<_> = asked.map(|entry| (entry.scheme, entry.status)).collect();
    assert_eq!(asked, [("certificate", 200)]);
}

#[test]
fn a_dry_run_of_a_thing_says_whom_it_would_ask_and_where_its_keys_are() {
    let thing = thing();
    let plan = json(&thing.join(&["--dry-run", "--format", "json"]));
    assert_eq!(plan["est"], thing.lab.registrar().url(), "{plan:#}");
    assert_eq!(plan["lookups"][0], "A and AAAA of localhost", "{plan:#}");
    let idevid = thing.folder.path().join("idevid.key");
    assert_eq!(plan["keys"][0]["place"], idevid.to_str().unwrap());
    let made = plan["keys"][1]["place"].as_str().unwrap();
    assert!(made.starts_with("a file of mode 0600 in"), "{made}");
    let files: Vec<_> = plan["stored"].as_array().unwrap().iter().collect();
    let ends = |ending: &str| {
        let is_it = |file: &&serde_json::Value| file["file"].as_str().unwrap().ends_with(ending);
        files.iter().copied().any(|file| is_it(&file))
    };
    for ending in ["/factory.network", "/factory.voucher", "/factory.json"] {
        assert!(ends(ending), "{plan:#}");
    }
    // A token is named by its URI, and a URI has no PIN in it.
    let place = "pkcs11:token=lab;object=new";
    let plan = json(&thing.join(&[
        "--dry-run",
        "--key-store",
        place,
        "--pin-fd",
        "0",
        "--format",
        "json",
    ]));
    assert_eq!(
        plan["keys"][1]["place"],
        format!("{place};type=private"),
        "{plan:#}"
    );
    assert_eq!(plan["keys"][1]["pin"], "from file descriptor 0");
    let said = text(&thing.join(&["--dry-run"]));
    let order = [
        "read the device's key",
        "ask ",
        "connect by TLS with the IDevID",
        "POST a voucher request",
        "GET /cacerts",
        "GET /eecerts",
        "/simpleenroll",
        "enrol status",
        "keep in",
    ];
    let places: Vec<_> = order.iter().map(|step| said.find(step).unwrap()).collect();
    assert!(places.is_sorted(), "{said}");
    assert!(thing.lab.registrar().requests().is_empty());
    assert!(thing.lab.dns().journal().is_empty());
    assert!(!thing.store().exists());
}

#[test]
fn a_thing_joins_by_its_manufacturers_voucher() {
    let thing = thing();
    let output = thing.join(&[]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for step in [
        "the server's certificate is not believed yet",
        "the manufacturer's voucher is good",
        "policies accepted registrar.example.net as registrar",
        "policies accepted example.net as conveyed-end-entity",
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
    let network = &shown["networks"][0];
    assert_eq!(network["authentication"], "voucher");
    assert_eq!(network["voucher"]["serial-number"], "00-D0-E5-F2-00-07");
    assert_eq!(network["voucher"]["assertion"], "proximity");
    assert_eq!(network["ldevid"]["is-due"], false, "{network:#}");
    let table = text(&thing.run(&["trust", "show"], ""));
    for said in [
        "began by the manufacturer's voucher (RFC 8995)",
        "voucher for 00-D0-E5-F2-00-07, proximity",
        "certificate of this device: ",
    ] {
        assert!(table.contains(said), "expected `{said}`: {table}");
    }
    // The network was trusted by a word that is no domain, so for any domain.
    let listed = json(&thing.run(&["network", "list", "--format", "json"], ""));
    assert_eq!(listed["networks"][0]["network"], "factory", "{listed:#}");
    assert!(listed["networks"][0]["domain"].is_null(), "{listed:#}");
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
