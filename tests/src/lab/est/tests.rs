//! The EST server as a plain client sees it.

use resolvet_proto::enrolment::est::{Operation, certificates, decode};

use super::{EstFault, EstOptions, Layout, PASSWORD, USER};
use crate::lab::https::Client;
use crate::lab::{Lab, Options};
use base64::Engine as _;

fn lab() -> Lab {
    Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap()
}

fn client(lab: &Lab) -> Client {
    let server = lab.est().addresses()[0];
    Client::connect(server, "localhost", Some(&lab.anchors()), None).unwrap()
}

fn basic(user: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

#[test]
fn authority_certificates_are_there_for_everybody_in_every_layout() {
    let lab = lab();
    let mut client = client(&lab);
    for layout in Layout::EVERY {
        lab.est().write_as(layout);
        for path in ["/.well-known/est/cacerts", "/.well-known/est/lab/cacerts"] {
            let response = client.exchange("GET", path, &[], b"").unwrap();
            assert_eq!(response.status, 200);
            let found = certificates(&decode(&response.body, 1 << 20).unwrap()).unwrap();
            assert_eq!(found.len(), 2, "{layout:?}");
            assert!(found.iter().any(|der| **der == **lab.authority().root()));
        }
    }
    let unknown = client.exchange("GET", "/.well-known/est/other/cacerts", &[], b"");
    assert_eq!(unknown.unwrap().status, 404);
}

#[test]
fn end_entities_need_a_user() {
    let lab = lab();
    let mut client = client(&lab);
    let path = "/.well-known/est/eecerts";
    let refused = client.exchange("GET", path, &[], b"").unwrap();
    assert_eq!(refused.status, 401);
    let challenges: Vec<_> = refused
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        challenges,
        ["Mutual", "Mutual", "Mutual", "Mutual", "Basic"]
    );
    let wrong = basic(USER, "wrong");
    let refused = client
        .exchange("GET", path, &[("authorization", &wrong)], b"")
        .unwrap();
    assert_eq!(refused.status, 401);
    let right = basic(USER, PASSWORD);
    let response = client
        .exchange("GET", path, &[("authorization", &right)], b"")
        .unwrap();
    let found = certificates(&decode(&response.body, 1 << 20).unwrap()).unwrap();
    let conveyed = lab.site().servers()[0].identity.conveyed();
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0], **conveyed);
    let journal = lab.est().journal();
    let statuses: Vec<_> = journal.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [401, 401, 200]);
    assert_eq!(journal[2].user.as_deref(), Some(USER));
}

#[test]
fn faults_come_when_they_are_asked_for() {
    let lab = lab();
    let mut client = client(&lab);
    let mut get = || {
        client
            .exchange("GET", "/.well-known/est/cacerts", &[], b"")
            .unwrap()
    };
    lab.est().fail(EstFault::Status(500));
    assert_eq!(get().status, 500);
    lab.est()
        .fail(EstFault::Redirect("https://other.example/".to_owned()));
    assert_eq!(get().header("location"), Some("https://other.example/"));
    lab.est().fail(EstFault::Huge);
    assert_eq!(get().body.len(), 10 << 20);
    lab.est().fail(EstFault::Truncated);
    assert!(decode(&get().body, 1 << 20).is_err());
    lab.est().fail(EstFault::NoCertificates);
    assert!(certificates(&decode(&get().body, 1 << 20).unwrap()).is_err());
    lab.est().behave();
    lab.est().fail_at(Operation::EeCerts, EstFault::Status(500));
    assert_eq!(get().status, 200);
}
