//! A person's device, by a password.

use std::{fs, os::unix::fs::PermissionsExt as _};

use resolvet_proto::enrolment::{authentication::Scheme, est::Operation, mutual::Algorithm};
use resolvet_tests::lab::{
    Lab, Options,
    ca::Fault,
    est::{EstFault, EstOptions, PASSWORD, Relay, USER},
};

use crate::device::{DOMAIN, Device, holds, json, text};

#[test]
fn a_device_that_knows_nothing_ends_with_a_vetted_server() {
    let device = Device::new();
    let output = device.bootstrap(&[DOMAIN]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for step in [
        "looking for an EST server at _est._tcp.example.net",
        "the server's certificate is not believed yet",
        "proved that they know the password",
        "explicit trust anchors: 1",
        "policies accepted est.example.net as est-server",
        "policies accepted example.net as conveyed-end-entity",
        "DNS server: authentication domain name example.net",
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

pub(crate) fn other_root() -> String {
    Lab::start(Options::new()).unwrap().authority().root_pem()
}

#[test]
fn all_four_algorithms_enrol() {
    for algorithm in Algorithm::ALL {
        let mut options = EstOptions::new(DOMAIN);
        options.schemes = vec![Scheme::Mutual];
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
    assert_eq!(conveyed.unwrap().scheme, "opaque", "{journal:?}");
}

#[test]
fn the_scheme_is_told_and_may_be_chosen() {
    let device = Device::new();
    for (chosen, said) in [
        (&[][..], "(OPAQUE, RFC 9807)"),
        (&["--authentication", "opaque"], "(OPAQUE, RFC 9807)"),
        (&["--authentication", "mutual"], "(HTTP Mutual, RFC 8120)"),
    ] {
        let output = device.bootstrap(&[&[DOMAIN], chosen].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let told = text(&output);
        assert!(told.contains(said), "{told}");
    }
    let mut options = EstOptions::new(DOMAIN);
    options.schemes = vec![Scheme::Mutual];
    let device = Device::with(options);
    let opaque = [DOMAIN, "--authentication", "opaque"];
    device.refused(&opaque, 5, "the server asks for `Mutual");
}

#[test]
fn a_wrong_password_is_refused() {
    let device = Device::new();
    let output = device.bootstrap_as(&[DOMAIN], "wrong");
    device.is_refused(&output, 5, "the password of user `alice` is wrong");
    let output = device.bootstrap_as(&[DOMAIN, "--authentication", "mutual"], "wrong");
    device.is_refused(&output, 5, "the password is wrong");
    let output = device.bootstrap_as(&[DOMAIN], "");
    device.is_refused(&output, 2, "an empty password");
    let output = device.bootstrap_as(&[DOMAIN], "a\tb");
    device.is_refused(
        &output,
        2,
        "a password with a character that is not allowed",
    );
}

#[test]
fn a_man_in_the_middle_is_refused() {
    let device = Device::new();
    // His certificate has the right names, by an authority that the network itself trusts.
    let leaf = EstOptions::new(DOMAIN).leaf();
    let identity = device.lab.authority().issue(&leaf).unwrap();
    let relay = Relay::start(&identity, device.lab.est().addresses()[0]).unwrap();
    let url = relay.url();
    device.refused(&["--est", &url], 5, "somebody stands between");
    let mutual = ["--est", &url, "--authentication", "mutual"];
    device.refused(&mutual, 5, "the certificate is not the server's");
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
        (EstFault::WrongProof, "`proof` is wrong"),
        (EstFault::NotAsked, "asks for no authentication"),
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
    device.refused(&[DOMAIN], 5, "does not come from whom the login was at");
    device.lab.est().fail(EstFault::ReplayedKe2);
    device.refused(&[DOMAIN], 5, "was altered, or is an old one");
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
        "the certificate of `example.net` is not acceptable for `conveyed-end-entity`",
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
            "the certificate of `est.example.net` is not acceptable for `est-server`",
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
            "`/.well-known/est/cacerts` at `https://est.example.net",
        ),
        (Operation::EeCerts, EstFault::NoBase64, 1, "no base64"),
        (
            Operation::EeCerts,
            EstFault::NoCertificates,
            1,
            "`/.well-known/est/eecerts` at `https://est.example.net",
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
            "redirects to `https://other.example`",
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
        "no EST server was found: `_est._tcp.example.org` has no records",
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
    let plan = |words: &[&str]| {
        json(&device.bootstrap_as(&[words, &["--dry-run", "--format", "json"]].concat(), ""))
    };
    // An address is not looked up, and the server is contacted there.
    for url in ["https://192.0.2.7:8443", "https://[2001:db8::7]"] {
        let by_address = plan(&["--est", url]);
        assert_eq!(by_address["lookups"], serde_json::json!([]));
        assert_eq!(by_address["est"], url, "{by_address:#}");
        let file = by_address["stored"][1]["file"].as_str().unwrap();
        assert!(file.ends_with("/DOMAIN.json"), "{file}");
    }
    let by_name = plan(&["--est", "https://est.example.net"]);
    assert_eq!(by_name["lookups"][0], "A and AAAA of est.example.net");
    assert_eq!(by_name["trusted"], true, "the command says so");
    assert_eq!(by_name["keys"], serde_json::json!([]), "{by_name:#}");
    let own = plan(&[DOMAIN, "--subject", "CN=laptop", "--login", USER, "--pal"]);
    let steps = own["steps"].to_string();
    for step in ["GET /pal", "POST /simpleenroll", "HTTP Digest or Basic"] {
        assert!(steps.contains(step), "{own:#}");
    }
    assert_eq!(own["keys"].as_array().unwrap().len(), 1, "{own:#}");
    let file = own["stored"][1]["file"].as_str().unwrap();
    assert!(file.ends_with("/example.net.json"), "{file}");
    assert_eq!(device.lab.est().connections(), 0);
    assert!(device.lab.dns().journal().is_empty());
    assert!(!device.store().exists());
}

#[test]
fn a_device_gets_a_certificate_of_its_own_by_a_login() {
    let words = [
        DOMAIN,
        "--subject",
        "CN=laptop",
        "--pal",
        "--format",
        "json",
    ];
    for (login, scheme) in [(&[][..], "opaque"), (&["--login", USER], "basic")] {
        let device = Device::new();
        let output = device.bootstrap(&[&words, login].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let report = json(&output);
        assert_eq!(report["ldevid"]["subject"], "CN=laptop", "{report:#}");
        assert_eq!(report["warnings"], serde_json::json!([]));
        assert_eq!(device.keys().len(), 1);
        let journal = device.lab.est().journal();
        let last = journal.last().unwrap();
        assert!(last.path.ends_with("/simpleenroll"), "{last:?}");
        assert_eq!((last.scheme, last.user.as_deref()), (scheme, Some(USER)));
        assert!(journal.iter().any(|entry| entry.path.ends_with("/pal")));
    }
}

#[test]
fn a_login_is_given_to_a_renewal_too() {
    let device = Device::new();
    device.enrol();
    let resolver = device.resolver();
    let renew = |login: &[&str], password| {
        let own = ["trust", "renew", DOMAIN, "--resolver", &resolver];
        let subject = ["--subject", "CN=laptop"];
        device.run(&[&own, &subject[..], login].concat(), password)
    };
    let output = renew(&[], "");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let login = ["--login", USER, "--login-password-fd", "0"];
    let output = renew(&login, "wrong");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(device.lab.est().issued().is_empty());
    let output = renew(&login, PASSWORD);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(device.lab.est().issued().len(), 1);
    let wrong = renew(&["--subject", "laptop"], "");
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong));
}

#[test]
fn a_certificate_that_is_not_issued_leaves_the_enrolment() {
    let device = Device::new();
    device
        .lab
        .est()
        .fail_at(Operation::SimpleEnroll, EstFault::Status(500));
    let words = [DOMAIN, "--subject", "CN=laptop", "--login", USER];
    let output = device.bootstrap(&words);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said = "enrolled in network example.net, but without a certificate of this device's own";
    assert!(text(&output).contains(said), "{}", text(&output));
    assert_eq!(device.networks(), 1);
    assert!(device.keys().is_empty());
    let output = device.bootstrap(&[DOMAIN, "--subject", "laptop"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
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
fn a_key_of_the_server_s_making_is_kept_as_an_own_one() {
    let device = Device::new();
    let output = device.bootstrap(&[DOMAIN, "--server-key"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let issued = device.lab.est().issued();
    let [certificate] = issued.as_slice() else {
        panic!("{issued:?}")
    };
    let keys = device.keys();
    let [file] = keys.as_slice() else {
        panic!("{keys:?}")
    };
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &fs::read(file).unwrap(),
    );
    let public = aws_lc_rs::signature::KeyPair::public_key(&key.unwrap())
        .as_ref()
        .to_vec();
    let certified = certificate.windows(public.len()).any(|w| w == public);
    assert!(certified, "the certificate is for another key");
    let stored = fs::read(device.store().join("example.net.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    let handle = stored["identity"]["key"].as_str().unwrap();
    assert_eq!(file.file_stem().unwrap().to_str(), Some(handle));
    // It was asked for by who proved the password.
    let journal = device.lab.est().journal();
    let asked = journal.iter().find(|e| e.path.ends_with("/serverkeygen"));
    assert_eq!(asked.unwrap().user.as_deref(), Some(USER));
}

#[test]
fn a_key_that_cannot_be_used_leaves_the_enrolment_without_one() {
    for (fault, said) in [
        (EstFault::EncryptedKey, "EnvelopedData"),
        (EstFault::OtherKey, "not the one of the certificate"),
        (EstFault::Status(404), "status 404"),
        (EstFault::Status(500), "status 500"),
    ] {
        let device = Device::new();
        device.lab.est().fail_at(Operation::ServerKeyGen, fault);
        let output = device.bootstrap(&[DOMAIN, "--server-key"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(said), "{}", text(&output));
        assert!(device.keys().is_empty());
        assert_eq!(device.networks(), 1);
    }
}

#[test]
fn no_key_is_made_by_a_server_that_nobody_asked() {
    let device = Device::new();
    device.enrol();
    let journal = device.lab.est().journal();
    assert!(journal.iter().all(|e| !e.path.ends_with("/serverkeygen")));
}
