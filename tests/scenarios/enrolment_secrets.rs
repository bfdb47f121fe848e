//! A password is nowhere but where it was typed: not in the store, not in errors, not in what a person is shown.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use resolvet::enrolment::{Password, User, in_words};
use resolvet_proto::enrolment::est::{Operation, Subject};
use resolvet_tests::lab::est::{EstFault, EstOptions, PASSWORD, USER};
use resolvet_tests::lab::registrar::RegistrarFault;
use resolvet_tests::lab::{Lab, Options};

use crate::enrolment_desk::{Device, journey, lab};
use crate::enrolment_iot::Thing;

/// Forms in which a password could leak: as it is, in base64, in hexadecimal, as a list of octets.
fn forms() -> Vec<String> {
    let octets = PASSWORD.as_bytes();
    let pair = format!("{USER}:{PASSWORD}");
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let list: Vec<String> = octets.iter().map(ToString::to_string).collect();
    vec![
        PASSWORD.to_owned(),
        STANDARD_NO_PAD.encode(octets),
        URL_SAFE_NO_PAD.encode(octets),
        STANDARD.encode(pair),
        hex,
        list.join(", "),
        list.join(","),
    ]
}

fn search(what: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "`{form}` stands in {what}");
    }
}

fn search_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search_folder(&path);
            continue;
        }
        let octets = fs::read(&path).unwrap();
        search(
            &path.display().to_string(),
            &String::from_utf8_lossy(&octets),
        );
        files += 1;
    }
    files
}

#[test]
fn the_search_finds_what_it_looks_for() {
    for form in forms() {
        let found = std::panic::catch_unwind(|| search("a test", &format!("x{form}y")));
        assert!(found.is_err(), "{form}");
    }
}

#[tokio::test]
async fn a_password_stands_in_no_store_transcript_or_output() {
    let lab = lab();
    let mut device = Device::new(&lab);
    let enrolment = device.bootstrap().await.unwrap();
    search("the enrolment", &format!("{enrolment:?}"));
    search("what a person is shown", &format!("{:?}", device.shown));
    assert!(search_folder(device.folder.path()) >= 1);
    let outcome = journey(&lab, &enrolment).attach().await;
    search("the story", &serde_json::to_string(&outcome.story).unwrap());
    search("the story", &format!("{:?}", outcome.story));
    // What the server saw: the password never went over the wire, not even inside TLS.
    search("the journal", &format!("{:?}", lab.est().journal()));
    assert!(
        lab.est()
            .journal()
            .iter()
            .all(|entry| entry.scheme != "basic")
    );
}

#[tokio::test]
async fn a_password_stands_in_no_error() {
    let lab = lab();
    for fault in [
        EstFault::WrongProof,
        EstFault::NotAsked,
        EstFault::Status(500),
        EstFault::NoBase64,
        EstFault::Replayed,
    ] {
        lab.est().fail(fault);
        let error = Device::new(&lab).bootstrap().await.unwrap_err();
        search("an error", &format!("{error} {error:?}"));
    }
}

/// A login by HTTP Basic gives the server the password, and nobody else: neither what is stored, also of a request that is not
/// decided, nor what is told, nor how the program's values print.
#[tokio::test]
async fn a_login_stands_nowhere_but_at_the_server() {
    for digest in [false, true] {
        let options = EstOptions {
            digest,
            ..EstOptions::new("example.net")
        };
        let lab = Lab::start(Options::new().est(options)).unwrap();
        let mut device = Device::new(&lab);
        device.bootstrap().await.unwrap();
        let password = Password::new(PASSWORD.as_bytes().to_vec().into()).unwrap();
        device.enroller = device
            .enroller
            .with_subject(Subject::parse("CN=laptop").unwrap())
            .with_login(User::new(USER, password).unwrap());
        let fault = EstFault::Pending {
            retry_after: "1".to_owned(),
            // The request without a login, and the one with it.
            times: 2,
        };
        lab.est().fail_at(Operation::SimpleEnroll, fault);
        let pending = device.renew().await.unwrap();
        assert!(pending.pending.is_some(), "it is not decided");
        assert!(
            search_folder(device.folder.path()) >= 2,
            "enrolment and key"
        );
        search("a pending enrolment", &format!("{pending:?}"));
        // As if the time that the server asked for had gone by.
        let mut due = pending;
        if let Some(pending) = &mut due.pending {
            pending.not_before = pending.since;
        }
        device.store.save(&device.network, &due).unwrap();
        let enrolment = device.renew().await.unwrap();
        assert!(enrolment.identity.is_some());
        search_folder(device.folder.path());
        search("the enrolment", &format!("{enrolment:?}"));
        search("what a person is shown", &format!("{:?}", device.shown));
        let words: Vec<_> = device.shown.iter().filter_map(in_words).collect();
        search("what a person reads", &words.join("\n"));
        let scheme = if digest { "digest" } else { "basic" };
        let journal = lab.est().journal();
        assert!(journal.iter().any(|entry| entry.scheme == scheme));

        lab.est()
            .fail_at(Operation::SimpleReenroll, EstFault::Status(500));
        lab.est().fail_at(Operation::CaCerts, EstFault::Status(500));
        let error = device.renew().await.unwrap_err();
        search("an error", &format!("{error} {error:?}"));
    }
}

/// What a thing keeps while nobody has decided: the voucher request, and the request for its certificate. Neither has the key.
#[tokio::test]
async fn what_is_pending_holds_no_key() {
    let thing = Thing::new();
    thing.lab.registrar().fail(RegistrarFault::Pending {
        retry_after: "30".to_owned(),
        times: u32::MAX,
    });
    let kept = |thing: &Thing| thing.store.pending_voucher(&thing.network).unwrap();
    {
        let joining = thing.join();
        tokio::pin!(joining);
        while kept(&thing).is_none() {
            tokio::select! {
                ended = &mut joining => panic!("{ended:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    }
    let key = thing.device_key();
    let folder = thing.store.folder();
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&octets);
        for form in [STANDARD.encode(&key), STANDARD_NO_PAD.encode(&key)] {
            assert!(!text.contains(&form), "the key stands in {folder:?}");
        }
        assert!(!octets.windows(key.len()).any(|window| window == key));
        files += 1;
    }
    assert!(files >= 1);
}

#[test]
fn a_password_has_no_debug_form() {
    let password = || Password::new(PASSWORD.as_bytes().to_vec().into()).unwrap();
    search("Password", &format!("{:?}", password()));
    search(
        "User",
        &format!("{:?}", User::new(USER, password()).unwrap()),
    );
}
