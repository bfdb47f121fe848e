//! Each fault of an EST server ends the enrolment with an error of its own, and nothing is left.

use resolvet::enrolment::{ChannelError, EnrolError, EnrolErrorKind};
use resolvet_proto::enrolment::est::{BodyError, CmsError, EndEntityError, Operation, ReplyError};
use resolvet_proto::enrolment::mutual::{Error as MutualError, Reason};
use resolvet_proto::judgement::Purpose;
use resolvet_tests::lab::est::{EstFault, EstOptions, Relay, USER};

use crate::enrolment_desk::{Device, faulty_lab, lab};
use crate::journey::errors;

/// The error of a bootstrap against this fault at one operation.
async fn refused(operation: Operation, fault: EstFault) -> EnrolError {
    let lab = faulty_lab(operation, fault);
    Device::new(&lab).bootstrap().await.unwrap_err()
}

/// What is wrong with the answer to an operation.
async fn reply(operation: Operation, fault: EstFault) -> ReplyError {
    match refused(operation, fault).await {
        EnrolError::Reply {
            operation: of,
            reason,
            ..
        } => {
            assert_eq!(of, operation.name());
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_password_and_unknown_user_look_alike() {
    let lab = lab();
    for (user, password) in [(USER, "wrong"), ("mallory", "wrong")] {
        let mut device = Device::new(&lab);
        device.user = user.to_owned();
        device.password = password.to_owned();
        let error = device.bootstrap().await.unwrap_err();
        assert_eq!(error.kind(), EnrolErrorKind::NotAuthenticated);
        let EnrolError::Mutual(error) = error else {
            panic!("{error:?}")
        };
        let reason = Reason::AuthFailed;
        assert_eq!(
            error,
            MutualError::Refused {
                user: user.into(),
                reason
            }
        );
    }
}

#[tokio::test]
async fn a_man_in_the_middle_with_another_certificate_is_refused() {
    let lab = lab();
    let leaf = EstOptions::new("example.net").leaf();
    // His certificate is even one of the right authority, for the right name: only the binding tells.
    let other = lab.authority().issue(&leaf).unwrap();
    let relay = Relay::start(&other, lab.est().addresses()[0]).unwrap();
    let mut device = Device::new(&lab);
    device.url = format!("https://est.example.net:{}", relay.port());
    let error = device.bootstrap().await.unwrap_err();
    assert!(
        matches!(error, EnrolError::Mutual(MutualError::Refused { .. })),
        "{error}"
    );
    assert!(relay.relayed() > 0);
    let journal = lab.est().journal();
    assert!(
        journal.iter().all(|entry| entry.scheme.is_empty()),
        "{journal:?}"
    );
}

#[tokio::test]
async fn wrong_and_replayed_proofs_are_refused() {
    let lab = lab();
    Device::new(&lab).bootstrap().await.unwrap();
    lab.est().fail(EstFault::WrongProof);
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    assert!(
        matches!(error, EnrolError::Mutual(MutualError::WrongProof)),
        "{error}"
    );
    lab.est().fail(EstFault::Replayed);
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    let EnrolError::Mutual(MutualError::Altered { parameter, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(parameter, "sid");
}

#[tokio::test]
async fn a_server_that_never_asks_is_not_believed() {
    let lab = lab();
    lab.est().fail(EstFault::NotAsked);
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    assert!(
        matches!(error, EnrolError::Mutual(MutualError::NotAsked { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let error = reply(Operation::CaCerts, EstFault::Truncated).await;
    assert!(
        matches!(
            error,
            ReplyError::Body(BodyError::Length { .. } | BodyError::Base64 { .. })
        ),
        "{error}"
    );
    let error = reply(Operation::EeCerts, EstFault::NoBase64).await;
    assert!(
        matches!(error, ReplyError::Body(BodyError::Base64 { .. })),
        "{error}"
    );
    let error = reply(Operation::EeCerts, EstFault::NoCertificates).await;
    assert!(
        matches!(error, ReplyError::Cms(CmsError::NoCertificates)),
        "{error}"
    );
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let error = refused(Operation::CaCerts, EstFault::Huge).await;
    assert!(
        matches!(error, EnrolError::Channel(ChannelError::TooLarge { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_status_is_told() {
    let error = reply(Operation::CaCerts, EstFault::Status(500)).await;
    assert!(
        matches!(error, ReplyError::Status { status: 500, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn another_origin_is_not_followed() {
    let uri = "https://est.elsewhere.example/.well-known/est/cacerts".to_owned();
    let error = refused(Operation::CaCerts, EstFault::Redirect(uri)).await;
    let EnrolError::Redirected { to, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(to.to_string(), "https://est.elsewhere.example");
}

#[tokio::test]
async fn redirects_end() {
    let path = "/.well-known/est/cacerts".to_owned();
    let error = refused(Operation::CaCerts, EstFault::Redirect(path)).await;
    assert!(matches!(error, EnrolError::RedirectLoop { .. }), "{error}");
}

#[tokio::test]
async fn an_end_entity_without_an_anchor_is_refused() {
    let error = refused(Operation::EeCerts, EstFault::NotAnchored).await;
    assert_eq!(error.kind(), EnrolErrorKind::NotAuthenticated);
    let EnrolError::Refused {
        purpose, judgement, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(purpose, Purpose::ConveyedEndEntity);
    assert_eq!(errors(&judgement), ["signature-invalid"]);
}

#[tokio::test]
async fn two_domains_are_a_question_that_a_name_answers() {
    let lab = faulty_lab(Operation::EeCerts, EstFault::TwoDnsServers);
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    assert!(
        matches!(
            error,
            EnrolError::EndEntity(EndEntityError::AmbiguousSrvId { .. })
        ),
        "{error}"
    );
    let mut device = Device::new(&lab);
    device.domain = Some("example.net".to_owned());
    let enrolment = device.bootstrap().await.unwrap();
    assert_eq!(
        enrolment.authentication_domain_name.as_deref(),
        Some("example.net")
    );
    assert_eq!(enrolment.end_entities.len(), 1);
    let mut device = Device::new(&lab);
    device.domain = Some("other.example".to_owned());
    let error = device.bootstrap().await.unwrap_err();
    assert!(
        matches!(
            error,
            EnrolError::EndEntity(EndEntityError::OtherDomain { .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_without_srv_id_is_no_dns_server() {
    use resolvet_tests::lab::ca::{Fault, Leaf};
    let lab = lab();
    let leaf = Leaf::good("example.net").with(Fault::NoSrvId);
    let other = lab.authority().issue(&leaf).unwrap();
    lab.est().convey(vec![other.conveyed().clone()]);
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    assert!(
        matches!(
            error,
            EnrolError::EndEntity(EndEntityError::NoSrvId { certificates: 1 })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let lab = lab();
    for _ in 0..5 {
        let mut device = Device::new(&lab);
        device.password = "wrong".to_owned();
        device.bootstrap().await.unwrap_err();
    }
    let error = Device::new(&lab).bootstrap().await.unwrap_err();
    assert!(
        matches!(error, EnrolError::Mutual(MutualError::Refused { .. })),
        "{error}"
    );
}
