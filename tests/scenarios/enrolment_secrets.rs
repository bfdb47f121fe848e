//! A password is nowhere but where it was typed: not in the store, not in errors, not in what a person is shown.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use resolvet::enrolment::{Password, User};
use resolvet_tests::lab::est::{EstFault, PASSWORD, USER};

use crate::enrolment_desk::{Device, journey, lab};

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

#[test]
fn a_password_has_no_debug_form() {
    let password = || Password::new(PASSWORD.as_bytes().to_vec().into()).unwrap();
    search("Password", &format!("{:?}", password()));
    search(
        "User",
        &format!("{:?}", User::new(USER, password()).unwrap()),
    );
}
