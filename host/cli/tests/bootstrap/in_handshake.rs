//! A password that is proved inside the handshake of TLS 1.3 (draft-ietf-tls-pake).

use resolvet_tests::lab::est::{EstOptions, PASSWORD, Relay, USER};

use crate::device::{DOMAIN, Device, json, text};

const SERVER: &str = "est.example.net";
const PAKE: [&str; 2] = ["--authentication", "tls-pake"];

/// A front that knows the user under this name of a server, and presents what the EST server does.
fn front(device: &Device, server: &str) -> (Relay, String) {
    let leaf = EstOptions::new(DOMAIN).leaf();
    let identity = device.lab.authority().issue(&leaf).unwrap();
    let target = device.lab.est().addresses()[0];
    let relay = Relay::with_password(&identity, target, server, (USER, PASSWORD)).unwrap();
    let url = format!("https://{SERVER}:{}", relay.port());
    (relay, url)
}

#[test]
fn it_enrols_and_the_server_is_known_by_its_name() {
    let device = Device::new();
    let (relay, url) = front(&device, SERVER);
    let output = device.bootstrap(&[&[DOMAIN, "--est", &url], &PAKE[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("PAKE within TLS"),
        "{}",
        text(&output)
    );
    // One connection for the password and the anchors, one by certificate.
    assert_eq!(relay.relayed(), 2);
    let journal = device.lab.est().journal();
    assert!(
        journal.iter().all(|entry| entry.user.is_none()),
        "{journal:?}"
    );
    assert!(journal[0].path.ends_with("/cacerts"), "{journal:?}");
    let shown = json(&device.run(&["trust", "show", "--format", "json"], ""));
    let network = &shown["networks"][0];
    assert_eq!(network["authentication"], "tls-pake");
    assert_eq!(network["state"], "good");
    // Coming back needs no password.
    let renewed = device.journey(&["trust", "renew", DOMAIN]);
    assert_eq!(renewed.status.code(), Some(0), "{}", text(&renewed));
    let asked = device.journey(&["query", "www.example.net", "A"]);
    assert_eq!(asked.status.code(), Some(0), "{}", text(&asked));
}

#[test]
fn a_wrong_password_is_refused() {
    let device = Device::new();
    let (relay, url) = front(&device, SERVER);
    let words = [&["--est", &url][..], &PAKE].concat();
    let output = device.bootstrap_as(&words, "wrong");
    device.is_refused(&output, 5, "the password or the user's name is wrong");
    assert_eq!(relay.relayed(), 0);
}

#[test]
fn a_server_that_has_no_pake_is_refused() {
    let device = Device::new();
    let url = format!("https://{SERVER}:{}", device.lab.est().port());
    let words = [&["--est", &url][..], &PAKE].concat();
    device.refused(&words, 5, "offers no PAKE inside TLS 1.3");
}

#[test]
fn a_server_of_another_name_is_refused() {
    let device = Device::new();
    let (_relay, url) = front(&device, "est.example.org");
    let words = [&["--est", &url][..], &PAKE].concat();
    device.refused(&words, 5, "offers no PAKE inside TLS 1.3");
}

#[test]
fn an_address_is_no_name() {
    let device = Device::new();
    let (relay, _) = front(&device, SERVER);
    let url = format!("https://127.0.0.1:{}", relay.port());
    let words = [&["--est", &url][..], &PAKE].concat();
    device.refused(&words, 1, "is an address, expected the server's name");
}
