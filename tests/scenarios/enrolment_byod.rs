//! From nothing but a password to an answer over DNS over TLS.

use resolvet::enrolment::{Scheme, Step};
use resolvet_proto::enrolment::mutual::Algorithm;
use resolvet_proto::enrolment::{AnchorSource, ServerAuthentication};
use resolvet_proto::judgement::{AnchorDatabase, Purpose};
use resolvet_tests::lab::dot::Versions;
use resolvet_tests::lab::est::{EstOptions, Layout};
use resolvet_tests::lab::{Lab, Options};

use crate::enrolment_desk::{Device, certificates, journey, lab};
use crate::journey::DOT;

#[tokio::test]
async fn a_password_becomes_an_answer() {
    let lab = lab();
    let mut device = Device::new(&lab);
    let enrolment = device.bootstrap().await.unwrap();
    let server = &lab.site().servers()[0];

    assert_eq!(
        enrolment.authentication_domain_name.as_deref(),
        Some("example.net")
    );
    let conveyed = certificates(&enrolment);
    assert_eq!(conveyed.len(), 1);
    assert_eq!(*conveyed[0], *server.identity.end_entity());
    assert_eq!(enrolment.database, AnchorDatabase::Explicit);
    assert_eq!(enrolment.anchors.len(), 1);
    assert_eq!(enrolment.anchors[0].source, AnchorSource::CaCerts);
    assert_eq!(*enrolment.anchors[0].certificate, **lab.authority().root());
    assert_eq!(
        enrolment.est.reference_ids,
        ["est.example.net", "localhost"]
    );
    assert_eq!(enrolment.est.authentication, ServerAuthentication::Opaque);
    assert_eq!(
        *enrolment.est.certificate,
        *lab.est().identity().end_entity()
    );

    // The wire: one connection, and no answer was used that the password did not prove.
    assert_eq!(lab.est().connections(), 1);
    let journal = lab.est().journal();
    let used: Vec<_> = journal
        .iter()
        .filter(|entry| entry.scheme == "opaque")
        .map(|entry| (entry.path.rsplit('/').next().unwrap(), entry.status))
        .collect();
    assert_eq!(
        used,
        [
            ("simpleenroll", 400),
            ("cacerts", 200),
            ("crls", 200),
            ("eecerts", 200)
        ]
    );

    // Stored, read back, used.
    let stored = device.store.load(&device.network).unwrap().unwrap();
    assert_eq!(stored, enrolment);
    let outcome = journey(&lab, &stored).attach().await;
    assert_eq!(outcome.failure, None);
    let answer = outcome.ask().await.unwrap();
    assert_eq!(
        answer.message.answers[0].data.ip_addr(),
        Some("192.0.2.80".parse().unwrap())
    );
    assert_eq!(answer.server.transport, DOT);
}

#[tokio::test]
async fn a_person_is_told_each_step() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    let steps: Vec<&str> = device
        .shown
        .iter()
        .map(|step| match step {
            Step::Connecting(_) => "connecting",
            Step::Provisional { .. } => "provisional",
            Step::Authenticated { .. } => "authenticated",
            Step::ReferenceIds(names) if names == &["est.example.net", "localhost"] => "names",
            Step::CaCertificates { roots: 1, .. } => "anchors",
            Step::Crls(2) => "crls",
            Step::Judged { purpose, .. } if *purpose == Purpose::EstServer => "est-server",
            Step::EndEntities(1) => "certificates",
            Step::Judged { purpose, .. } if *purpose == Purpose::ConveyedEndEntity => {
                "conveyed-end-entity"
            }
            Step::DnsServer { .. } => "dns-server",
            Step::Stored => "stored",
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        "connecting",
        "provisional",
        "authenticated",
        "names",
        "anchors",
        "crls",
        "est-server",
        "certificates",
        "conveyed-end-entity",
        "dns-server",
        "stored",
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn every_layout_of_base64_is_read() {
    let lab = lab();
    for layout in Layout::EVERY {
        lab.est().write_as(layout);
        let enrolment = Device::new(&lab).bootstrap().await;
        assert!(enrolment.is_ok(), "{layout:?}: {}", enrolment.unwrap_err());
    }
}

#[tokio::test]
async fn a_label_and_a_closed_server_make_no_difference() {
    let mut options = EstOptions::new("example.net");
    options.open.clear();
    let lab = Lab::start(Options::new().est(options)).unwrap();
    let mut device = Device::new(&lab);
    device.url += "/.well-known/est/lab";
    device.bootstrap().await.unwrap();
    let journal = lab.est().journal();
    let with_label = |path: &str| path.starts_with("/.well-known/est/lab/");
    assert!(
        journal.iter().all(|entry| with_label(&entry.path)),
        "{journal:?}"
    );
}

/// Widespread EST servers stop there.
#[tokio::test]
async fn tls_1_2_is_spoken_too() {
    let mut options = EstOptions::new("example.net");
    options.versions = Versions::Tls12;
    let lab = Lab::start(Options::new().est(options)).unwrap();
    Device::new(&lab).bootstrap().await.unwrap();
    let journal = lab.est().journal();
    assert!(
        journal.iter().all(|entry| entry.version == "TLSv1_2"),
        "{journal:?}"
    );
}

#[tokio::test]
async fn every_algorithm_of_the_password_proof_is_spoken() {
    for algorithm in Algorithm::ALL {
        let mut options = EstOptions::new("example.net");
        options.schemes = vec![Scheme::Mutual];
        options.algorithms = vec![algorithm];
        let lab = Lab::start(Options::new().est(options)).unwrap();
        let enrolment = Device::new(&lab).bootstrap().await;
        assert!(
            enrolment.is_ok(),
            "{algorithm:?}: {}",
            enrolment.unwrap_err()
        );
    }
}
