//! What is done when what is stored does not hold any more, and what is shown of it.

use std::fs;

use resolvet_proto::enrolment::est::Operation;
use resolvet_tests::lab::{
    ca::Leaf,
    est::{EstFault, EstOptions},
};

use crate::device::{DOMAIN, Device, json, text};

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
        text(&output).contains("redirects to `https://other.example`"),
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
    assert_eq!(network["authentication"], "opaque");
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
