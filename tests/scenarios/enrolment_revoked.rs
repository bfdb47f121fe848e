//! Revocation as an enrolment knows it: lists by `/crls`, and what a server staples.

use std::time::Duration;

use hickory_proto::rr::RecordType;
use resolvet::enrolment::{Attached, Step, reattach};
use resolvet::stub::{Evidence, Origin, Upstream};
use resolvet::{AttachError, Client, Recursive};
use resolvet_proto::judgement::{Der, Judgement, Purpose, UsageProfile, Verdict};
use resolvet_proto::session::{Config, FailureKind};
use resolvet_tests::lab::Lab;
use resolvet_tests::lab::ca::Leaf;
use resolvet_tests::lab::est::EstOptions;
use tokio::time::{sleep, timeout};

use crate::enrolment_desk::{Device, certificates, lab};
use crate::journey::{ASKED, Journey, defaults, policies};

/// How long it is waited for what must come, and how often it is looked for.
const WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

/// The codes of all findings.
fn codes(judgement: &Judgement<Verdict>) -> Vec<&str> {
    let evaluations = judgement.evaluations.iter();
    let verdicts = evaluations.filter_map(|evaluation| evaluation.result.as_ref().ok());
    let findings = verdicts.flat_map(|verdict| &verdict.findings);
    findings.map(|finding| finding.code.as_str()).collect()
}

/// The codes of what was found about certificates for this purpose.
fn found<'a>(steps: &'a [Step], wanted: &Purpose) -> Vec<&'a str> {
    let judged = steps.iter().filter_map(|step| match step {
        Step::Judged {
            purpose, judgement, ..
        } if purpose == wanted => Some(codes(judgement)),
        _ => None,
    });
    judged.flatten().collect()
}

async fn come_back(lab: &Lab, device: &Device) -> Attached {
    let recursive = Recursive::new(lab.resolver(), Duration::from_millis(400));
    let client = Client::new(policies(&UsageProfile::Strict, defaults()), recursive);
    let session = Config::new("example.net".to_owned(), 7);
    let place = (&device.store, &device.network);
    reattach(&device.enroller, &client, place, session, &mut |_| {})
        .await
        .unwrap()
}

/// The revoked certificate is not stored again, the server that still presents it is refused at the next attachment, and that
/// leads to the EST server once more.
#[tokio::test]
async fn a_dns_server_that_was_revoked_is_refused_and_est_is_asked_again() {
    let lab = lab();
    let mut device = Device::new(&lab);
    let enrolment = device.bootstrap().await.unwrap();
    assert_eq!(
        enrolment.crls.len(),
        2,
        "by the root and by the intermediate"
    );

    let server = &lab.site().servers()[0];
    let new = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    let both = [&server.identity, &new].map(|identity| identity.conveyed().clone());
    lab.est().convey(both.into());
    let crls = lab.authority().crls(&[&server.identity]).unwrap();
    lab.est().publish_crls(crls.into());
    device.shown.clear();
    let renewed = device.renew().await.unwrap();
    assert_eq!(
        found(&device.shown, &Purpose::ConveyedEndEntity),
        ["revoked"]
    );
    let [kept] = certificates(&renewed).try_into().unwrap();
    assert_eq!(*kept, *new.end_entity());

    let asked = lab.est().journal().len();
    let attached = come_back(&lab, &device).await;
    let Err(AttachError::Failed(failure)) = attached.attachment.vetted().await else {
        panic!("a revoked server serves")
    };
    assert_eq!(failure.kind, FailureKind::ValidationRefused);
    let journal = lab.est().journal();
    let again = journal[asked..]
        .iter()
        .any(|entry| entry.path.ends_with("/crls"));
    assert!(again, "EST is asked again: {journal:?}");

    server.dot.present(&new).unwrap();
    let attached = come_back(&lab, &device).await;
    assert!(attached.attachment.vetted().await.is_ok());
}

/// A response that nobody can read is a warning of `pkix`: it came as far as that.
#[tokio::test]
async fn what_an_est_server_staples_is_judged() {
    let lab = lab();
    let leaf = EstOptions::new("example.net").leaf();
    let est = lab.authority().issue(&leaf).unwrap();
    let est = est.stapling(b"no response".to_vec());
    lab.est().present(&est).unwrap();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    assert_eq!(found(&device.shown, &Purpose::EstServer), ["ocsp-unusable"]);
}

/// What the device's owner configures counts beside what the network conveyed, at the next attachment and under one that lives.
#[tokio::test]
async fn a_list_that_is_configured_counts_beside_what_was_conveyed() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    let server = &lab.site().servers()[0].identity;
    let revoked = lab.authority().crls(&[server]).unwrap();
    let revoked: Vec<Der> = revoked.into_iter().map(Der::from).collect();

    let recursive = Recursive::new(lab.resolver(), Duration::from_secs(3));
    let client = Client::new(policies(&UsageProfile::Strict, defaults()), recursive);
    let session = Config::new("example.net".to_owned(), 7);
    let origin = Origin::Enrolled {
        enroller: Box::new(device.enroller.clone()),
        store: device.store.clone(),
        network: device.network.clone(),
        session: Box::new(session.clone()),
    };
    let upstream = Upstream::begin(client.clone(), origin);
    let serving = loop {
        if let Some(attachment) = upstream.present().attachment {
            break attachment;
        }
        sleep(LOOK).await;
    };
    serving.query(ASKED, RecordType::A).await.unwrap();
    let evidence = Evidence {
        crls: revoked.clone(),
        ..Evidence::of(&session)
    };
    upstream.judge_by(evidence).await.unwrap();
    let refused = async {
        while serving.vetted_now().is_some() {
            sleep(LOOK).await;
        }
    };
    timeout(WITHIN, refused).await.unwrap();
    let session = Config {
        crls: revoked,
        ..session
    };
    let place = (&device.store, &device.network);
    let mut tell = |_: &Step| {};
    let attached = reattach(&device.enroller, &client, place, session, &mut tell).await;
    let Attached { attachment, .. } = attached.unwrap();
    let Err(AttachError::Failed(failure)) = attachment.vetted().await else {
        panic!("a revoked server was vetted");
    };
    assert_eq!(failure.kind, FailureKind::ValidationRefused);
}

/// From what is configured to an enrolment that cannot be had: nothing is asked any more of what was believed before.
#[tokio::test]
async fn what_was_configured_is_not_used_while_an_enrolment_is_sought() {
    let lab = lab();
    let device = Device::new(&lab);
    let (client, config) = Journey::new(&lab).prepared();
    let upstream = Upstream::begin(client.clone(), Origin::Configured(Box::new(config.clone())));
    let attached = async {
        loop {
            if let Some(attachment) = upstream.present().attachment {
                break attachment.vetted().await.unwrap();
            }
            sleep(LOOK).await;
        }
    };
    timeout(WITHIN, attached).await.unwrap();
    let nowhere = Origin::Enrolled {
        enroller: Box::new(device.enroller.clone()),
        store: device.store.clone(),
        network: device.network.clone(),
        session: Box::new(config),
    };
    upstream.replace(client, nowhere).await.unwrap();
    let withdrawn = async {
        while upstream.present().trouble.is_empty() {
            sleep(LOOK).await;
        }
    };
    timeout(WITHIN, withdrawn).await.unwrap();
    assert!(upstream.present().attachment.is_none());
}
