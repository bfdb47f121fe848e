//! Each fault of an EST server ends the enrolment with an error of its own, and nothing is left.

use resolvet::enrolment::{EnrolErrorKind, Scheme, Step};
use resolvet_proto::enrolment::est::{BodyError, CmsError, EndEntityError, Operation, ReplyError};
use resolvet_proto::enrolment::journey::{AuthenticationRefusal, JourneyError};
use resolvet_proto::judgement::Purpose;
use resolvet_tests::lab::est::{EstFault, EstOptions, Relay, USER};

use crate::enrolment_desk::{Device, faulty_lab, lab, lab_with};
use crate::journey::errors;

/// The error of a bootstrap against this fault at one operation.
async fn refused(operation: Operation, fault: EstFault) -> (EnrolErrorKind, JourneyError) {
    let lab = faulty_lab(operation, fault);
    Device::new(&lab).refused().await
}

/// What is wrong with the answer to an operation.
async fn reply(operation: Operation, fault: EstFault) -> ReplyError {
    match refused(operation, fault).await.1 {
        JourneyError::Reply { path, reason, .. } => {
            assert!(path.ends_with(operation.name()), "{path}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

/// In which way the server was not authenticated, and the sentence about it.
async fn not_authenticated(device: &mut Device) -> (AuthenticationRefusal, String) {
    let (kind, error) = device.refused().await;
    assert_eq!(kind, EnrolErrorKind::NotAuthenticated);
    match error {
        JourneyError::Authentication {
            refusal, detail, ..
        } => (refusal, detail),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_password_and_unknown_user_look_alike() {
    let lab = lab_with(Scheme::Mutual);
    let mut said = Vec::new();
    for (user, password) in [(USER, "wrong"), ("mallory", "wrong")] {
        let mut device = Device::new(&lab);
        device.user = user.to_owned();
        device.password = password.to_owned();
        let (refusal, detail) = not_authenticated(&mut device).await;
        assert_eq!(refusal, AuthenticationRefusal::Password);
        assert!(detail.contains("`auth-failed`"), "{detail}");
        said.push(detail.replace(user, "USER"));
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn a_man_in_the_middle_with_another_certificate_is_refused() {
    let lab = lab_with(Scheme::Mutual);
    let leaf = EstOptions::new("example.net").leaf();
    // His certificate is even one of the right authority, for the right name: only the binding tells.
    let other = lab.authority().issue(&leaf).unwrap();
    let relay = Relay::start(&other, lab.est().addresses()[0]).unwrap();
    let mut device = Device::new(&lab);
    device.url = format!("https://est.example.net:{}", relay.port());
    let (refusal, detail) = not_authenticated(&mut device).await;
    assert_eq!(refusal, AuthenticationRefusal::Password);
    assert!(
        detail.contains("the certificate is not the server's"),
        "{detail}"
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
    let lab = lab_with(Scheme::Mutual);
    Device::new(&lab).bootstrap().await.unwrap();
    lab.est().fail(EstFault::WrongProof);
    let (refusal, detail) = not_authenticated(&mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::Password);
    assert!(detail.contains("`vks` is wrong"), "{detail}");
    lab.est().fail(EstFault::Replayed);
    let (refusal, detail) = not_authenticated(&mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::Protocol);
    assert!(detail.contains("for `sid`"), "{detail}");
}

/// Every answer is proved, also after the password was.
#[tokio::test]
async fn a_proof_that_is_missing_later_is_refused_too() {
    let lab = lab_with(Scheme::Mutual);
    lab.est().fail_at(Operation::CaCerts, EstFault::WrongProof);
    let (refusal, detail) = not_authenticated(&mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::Password);
    assert!(detail.contains("`vks` is wrong"), "{detail}");
}

/// An exchange that breaks off takes the proof with it from no later answer.
#[tokio::test]
async fn after_an_exchange_that_broke_off_answers_are_proved_as_before() {
    for (scheme, name) in [(Scheme::Opaque, "opaque"), (Scheme::Mutual, "mutual")] {
        let lab = lab_with(scheme);
        lab.est().fail_at(Operation::Crls, EstFault::Huge);
        let mut device = Device::new(&lab);
        device.bootstrap().await.unwrap();
        let without = |step: &Step| matches!(step, Step::Without { what, .. } if what == "crls");
        assert!(device.shown.iter().any(without), "{:?}", device.shown);
        let journal = lab.est().journal();
        let last = journal.last().unwrap();
        assert!(last.path.ends_with("/eecerts"), "{journal:?}");
        assert_eq!((last.scheme, last.status), (name, 200), "{journal:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_asks_is_not_believed() {
    let lab = lab();
    lab.est().fail(EstFault::NotAsked);
    let (refusal, _) = not_authenticated(&mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::NotOffered);
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
    let (_, error) = refused(Operation::CaCerts, EstFault::Huge).await;
    let JourneyError::Exchange { detail, .. } = error else {
        panic!("{error:?}")
    };
    assert!(detail.contains("sent a body of more than"), "{detail}");
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
    let (_, error) = refused(Operation::CaCerts, EstFault::Redirect(uri)).await;
    let JourneyError::OtherOrigin { to, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(to.to_string(), "https://est.elsewhere.example");
}

#[tokio::test]
async fn redirects_end() {
    let path = "/.well-known/est/cacerts".to_owned();
    let (_, error) = refused(Operation::CaCerts, EstFault::Redirect(path)).await;
    assert!(matches!(error, JourneyError::Redirects { .. }), "{error}");
}

#[tokio::test]
async fn an_end_entity_without_an_anchor_is_refused() {
    let (kind, error) = refused(Operation::EeCerts, EstFault::NotAnchored).await;
    assert_eq!(kind, EnrolErrorKind::NotAuthenticated);
    let JourneyError::Refused {
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
    let (_, error) = Device::new(&lab).refused().await;
    assert!(
        matches!(
            error,
            JourneyError::EndEntity(EndEntityError::AmbiguousSrvId { .. })
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
    let (_, error) = device.refused().await;
    assert!(
        matches!(
            error,
            JourneyError::EndEntity(EndEntityError::OtherDomain { .. })
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
    let (_, error) = Device::new(&lab).refused().await;
    assert!(
        matches!(
            error,
            JourneyError::EndEntity(EndEntityError::NoSrvId { certificates: 1 })
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
    let (refusal, detail) = not_authenticated(&mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::Password, "{detail}");
}
