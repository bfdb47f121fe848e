//! What the usage profiles of RFC 8310 give up, and what they never do.

use resolvet_proto::judgement::{Conveyed, UsageProfile};
use resolvet_proto::session::FailureKind;
use resolvet_tests::lab::ca::Fault;
use resolvet_tests::lab::dns::{Behaviour, When};
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{Journey, findings, nothing_leaked};

fn lab(fault: Fault) -> Lab {
    Lab::start(Options::new().faulty_site("example.net", fault)).unwrap()
}

#[tokio::test]
async fn opportunistic_serves_over_a_bad_certificate_and_says_so() {
    let lab = lab(Fault::Expired);
    let outcome = Journey::new(&lab)
        .profile(UsageProfile::Opportunistic)
        .conveyed(Conveyed::NotEnrolled)
        .attach()
        .await;
    assert_eq!(outcome.failure, None);
    outcome.ask().await.unwrap();
    let codes: Vec<_> = findings(outcome.validations()[0])
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert!(codes.contains(&"expired"), "{codes:?}");
}

/// RFC 4035 section 4.9.3: who says that records are authentic must be known.
#[tokio::test]
async fn only_an_authenticated_server_is_believed_that_records_are_authentic() {
    for (fault, profile) in [
        (Some(Fault::Expired), UsageProfile::Opportunistic),
        (None, UsageProfile::Opportunistic),
        (None, UsageProfile::Strict),
    ] {
        let lab = match fault {
            Some(fault) => lab(fault),
            None => Lab::start(Options::new().site("example.net")).unwrap(),
        };
        let responder = lab.site().servers()[0].dot.responder();
        responder.behave(When::always(), Behaviour::Authentic);
        let outcome = Journey::new(&lab)
            .profile(profile)
            .conveyed(Conveyed::NotEnrolled)
            .attach()
            .await;
        let answer = outcome.ask().await.unwrap();
        let is_believed = answer.message.metadata.authentic_data;
        assert_eq!(is_believed, fault.is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn what_an_enrolment_conveyed_binds_under_every_profile() {
    for fault in [Fault::NotConveyed, Fault::Expired] {
        let lab = lab(fault);
        let outcome = Journey::new(&lab)
            .profile(UsageProfile::Opportunistic)
            .attach()
            .await;
        assert_eq!(
            outcome.kind(),
            Some(FailureKind::ValidationRefused),
            "{fault}"
        );
        nothing_leaked(&lab);
    }
}

#[tokio::test]
async fn proof_of_possession_is_the_floor_under_every_profile() {
    let lab = lab(Fault::OtherKey);
    let outcome = Journey::new(&lab)
        .profile(UsageProfile::Opportunistic)
        .conveyed(Conveyed::NotEnrolled)
        .attach()
        .await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    assert!(
        outcome
            .connection_failures()
            .iter()
            .all(|reason| reason.contains("ProofOfPossession"))
    );
    nothing_leaked(&lab);
}

#[tokio::test]
async fn nothing_found_where_an_enrolment_conveyed_a_certificate_is_a_downgrade() {
    let lab = Lab::start(Options::new()).unwrap();
    lab.dns().behave(
        When::always(),
        Behaviour::Code(hickory_proto::op::ResponseCode::NXDomain),
    );
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::Downgrade));
    assert!(
        outcome.notes().contains(&"downgrade".to_owned()),
        "{:?}",
        outcome.notes()
    );
    let outcome = Journey::new(&lab)
        .conveyed(Conveyed::NotEnrolled)
        .attach()
        .await;
    assert_eq!(outcome.kind(), Some(FailureKind::NothingDiscovered));
    nothing_leaked(&lab);
}
