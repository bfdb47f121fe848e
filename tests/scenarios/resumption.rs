//! Connections that are made again: a session is resumed with the same server under the same verdict, and judged like any other.

use std::sync::Arc;
use std::time::Duration;

use resolvet::Answer;
use resolvet::stub::Evidence;
use resolvet_proto::discovery::dnr::{Carrier, NetworkOption};
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Conveyed, Der, Digest, Transport, UsageProfile,
};
use resolvet_proto::session::{FailureKind, Step};
use resolvet_tests::lab::ca::Leaf;
use resolvet_tests::lab::doh::HttpFault;
use resolvet_tests::lab::dot::{DotFault, DotOptions, Versions};
use resolvet_tests::lab::quic::QuicFault;
use resolvet_tests::lab::{Lab, Options};
use serde_json::json;

use crate::journey::{Journey, Outcome, defaults, rule, set, with_settings};
use crate::transports;

/// The end of a connection has to arrive before it can be noticed.
const NOTICED: Duration = Duration::from_millis(100);

/// A lab whose server closes each connection after one answer.
fn closing(options: Options) -> Lab {
    let lab = Lab::start(options).unwrap();
    lab.site().servers()[0].dot.fail(DotFault::ClosesAfter {
        answers: 1,
        abrupt: false,
    });
    lab
}

async fn ask(outcome: &Outcome) -> Answer {
    let answer = outcome.ask().await.unwrap();
    tokio::time::sleep(NOTICED).await;
    answer
}

/// What each handshake was judged by.
async fn judged(outcome: &Outcome) -> Vec<(Digest, u64)> {
    let story = outcome.attachment.story().await.unwrap();
    let judged = story.into_iter().filter_map(|entry| match entry.step {
        Step::Validation { judgement, .. } => {
            assert!(judgement.is_accepted());
            Some((judgement.request, judgement.generation))
        }
        _ => None,
    });
    judged.collect()
}

/// Handshakes that the lab's server made, and how many of them it resumed.
fn handshakes(lab: &Lab) -> (usize, usize) {
    let statistics = lab.site().servers()[0].dot.statistics();
    (statistics.handshakes, statistics.resumed)
}

#[tokio::test]
async fn a_lost_connection_is_resumed_and_judged_again() {
    let lab = closing(Options::new());
    let outcome = Journey::new(&lab).attach().await;
    let mut resumed = Vec::new();
    for _ in 0..3 {
        resumed.push(ask(&outcome).await.connection.resumed);
    }
    assert_eq!(resumed, [false, true, true]);
    assert_eq!(handshakes(&lab), (3, 2));
    assert_eq!(
        judged(&outcome).await.len(),
        3,
        "every connection is judged"
    );
}

#[tokio::test]
async fn what_goes_over_http_and_quic_is_resumed_too() {
    for transport in [Transport::Doh, Transport::Doh3, Transport::Doq] {
        let lab = transports::lab();
        let outcome = transports::vetted(&lab, transport.clone()).await;
        assert!(!ask(&outcome).await.connection.resumed, "{transport}");
        let server = &lab.site().servers()[0];
        let fail = |http, quic| match transport {
            Transport::Doh => server.doh().fail(http),
            Transport::Doh3 => server.quic().fail_over_http(http),
            _ => server.quic().fail(quic),
        };
        fail(HttpFault::Dies, QuicFault::Closes(0));
        let _met = outcome.ask().await;
        fail(HttpFault::None, QuicFault::None);
        tokio::time::sleep(NOTICED).await;
        assert!(ask(&outcome).await.connection.resumed, "{transport}");
    }
}

#[tokio::test]
async fn other_policies_end_what_could_be_resumed() {
    let lab = closing(Options::new());
    let outcome = Journey::new(&lab).attach().await;
    ask(&outcome).await;
    outcome
        .policies
        .swap(set(&UsageProfile::Strict, defaults()));
    assert!(!ask(&outcome).await.connection.resumed);
    assert_eq!(handshakes(&lab), (2, 0));
    let generations: Vec<u64> = judged(&outcome).await.into_iter().map(|it| it.1).collect();
    assert!(
        generations.is_sorted() && generations.first() < generations.last(),
        "{generations:?}"
    );
    // What the new ones judged can be resumed again.
    assert!(ask(&outcome).await.connection.resumed);
}

#[tokio::test]
async fn a_verdict_that_ended_ends_what_could_be_resumed() {
    let lab = closing(Options::new());
    let brief = json!({ "decision": "accept", "lifetime": 1 });
    let brief = with_settings(rule("guests/well-behaved"), brief);
    let rules = defaults().into_iter().chain([brief]).collect();
    let outcome = Journey::new(&lab).rules(rules).attach().await;
    ask(&outcome).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(!ask(&outcome).await.connection.resumed);
    assert_eq!(handshakes(&lab), (2, 0));
}

#[tokio::test]
async fn a_server_that_does_not_resume_is_judged_by_what_it_presents() {
    let lab = closing(Options::new());
    let outcome = Journey::new(&lab).attach().await;
    ask(&outcome).await;
    let server = &lab.site().servers()[0];
    // Another certificate, which nobody conveyed, of a server that knows nothing of sessions of before.
    let other = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    server.dot.present(&other).unwrap();
    let asked = server.dot.journal().len();
    outcome.ask().await.unwrap_err();
    assert_eq!(server.dot.journal().len(), asked, "nothing was sent to it");
    let failure = outcome.attachment.failed().await;
    assert!(
        matches!(&failure, resolvet::AttachError::Failed(failure) if failure.kind == FailureKind::ValidationRefused),
        "{failure}"
    );
}

#[tokio::test]
async fn what_was_revoked_meanwhile_is_not_resumed() {
    let lab = closing(Options::new());
    let outcome = Journey::new(&lab).attach().await;
    ask(&outcome).await;
    let server = &lab.site().servers()[0];
    let anchors = lab.anchors();
    let anchors = anchors
        .iter()
        .map(|anchor| anchor.as_ref().into())
        .collect();
    let conveyed = server.identity.conveyed().as_ref().into();
    let crls = lab.authority().crls(&[&server.identity]).unwrap();
    let evidence = Evidence {
        anchors: Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors)),
        conveyed: Conveyed::Certificates {
            certificates: vec![conveyed],
        },
        crls: crls.map(Der::from).into(),
    };
    outcome.attachment.judge_by(evidence).await.unwrap();
    outcome.ask().await.unwrap_err();
    assert_eq!(handshakes(&lab).1, 0);
}

#[tokio::test]
async fn sessions_of_tls_1_2_are_not_resumed() {
    let options = DotOptions {
        versions: Versions::Tls12,
        ..DotOptions::default()
    };
    let lab = closing(Options::new().dot(options));
    let outcome = Journey::new(&lab).attach().await;
    ask(&outcome).await;
    assert!(!ask(&outcome).await.connection.resumed);
    assert_eq!(handshakes(&lab), (2, 0));
}

/// RFC 9250 section 5.5.3: what the network says changes where it is another network, and there nobody is to be recognised.
#[tokio::test]
async fn what_another_network_says_ends_what_could_be_resumed() {
    let lab = closing(Options::new());
    let outcome = Journey::new(&lab).attach().await;
    ask(&outcome).await;
    let said = NetworkOption {
        carrier: Carrier::DhcpV4,
        data: Vec::new().into(),
        lifetime: None,
    };
    let attachment = &outcome.attachment;
    attachment.network_options(vec![said]).await.unwrap();
    assert!(!ask(&outcome).await.connection.resumed);
    assert_eq!(handshakes(&lab), (2, 0));
}
