//! OPAQUE on the way to an enrolment: preferred, bound to its connection, and never replaced by less.

use resolvet::enrolment::{EnrolErrorKind, Scheme, Step};
use resolvet_proto::enrolment::ServerAuthentication;
use resolvet_proto::enrolment::journey::{AuthenticationRefusal, JourneyError};
use resolvet_tests::lab::dot::Versions;
use resolvet_tests::lab::est::{EstFault, EstOptions, Relay, USER};
use resolvet_tests::lab::{Lab, Options};

use crate::enrolment_desk::{Device, lab};

/// A lab whose EST server asks for these schemes.
fn offering(schemes: &[Scheme]) -> Lab {
    let mut options = EstOptions::new("example.net");
    options.schemes = schemes.to_vec();
    Lab::start(Options::new().est(options)).unwrap()
}

/// In which way the server was not authenticated, and the sentence about it. Nobody was let in.
async fn refused(lab: &Lab, device: &mut Device) -> (AuthenticationRefusal, String) {
    let before = lab.est().journal().len();
    let (kind, error) = device.refused().await;
    assert_eq!(kind, EnrolErrorKind::NotAuthenticated);
    let journal = lab.est().journal();
    let of_enrolment = |path: &str| path.ends_with("cacerts") || path.ends_with("simpleenroll");
    assert!(
        journal.iter().skip(before).all(|entry| {
            !of_enrolment(&entry.path) || entry.scheme.is_empty() || entry.status == 400
        }),
        "{journal:?}"
    );
    match error {
        JourneyError::Authentication {
            refusal, detail, ..
        } => (refusal, detail),
        other => panic!("{other:?}"),
    }
}

/// How the server that enrolled this device was authenticated.
async fn method(lab: &Lab, schemes: &[Scheme]) -> ServerAuthentication {
    let mut device = Device::new(lab);
    device.enroller = device.enroller.with_schemes(schemes);
    let enrolment = device.bootstrap().await.unwrap();
    let told = device.shown.iter().any(|step| match step {
        Step::Authenticated { method } => *method == enrolment.est.authentication,
        _ => false,
    });
    assert!(told, "{:?}", device.shown);
    enrolment.est.authentication
}

#[tokio::test]
async fn opaque_is_preferred_and_either_will_do() {
    let (opaque, mutual) = (Scheme::Opaque, Scheme::Mutual);
    for (offered, allowed, expected) in [
        (
            &[mutual, opaque][..],
            &Scheme::ALL[..],
            ServerAuthentication::Opaque,
        ),
        (&[mutual], &Scheme::ALL, ServerAuthentication::HttpMutual),
        (&[opaque], &Scheme::ALL, ServerAuthentication::Opaque),
        (
            &[opaque, mutual],
            &[mutual],
            ServerAuthentication::HttpMutual,
        ),
    ] {
        let lab = offering(offered);
        assert_eq!(method(&lab, allowed).await, expected, "{offered:?}");
        let scheme = match expected {
            ServerAuthentication::Opaque => "opaque",
            _ => "mutual",
        };
        let journal = lab.est().journal();
        let proved: Vec<_> = journal
            .iter()
            .filter(|entry| !entry.scheme.is_empty())
            .collect();
        assert!(proved.len() >= 3);
        assert!(
            proved.iter().all(|entry| entry.scheme == scheme),
            "{journal:?}"
        );
        assert!(
            proved
                .iter()
                .all(|entry| entry.user.as_deref() == Some(USER))
        );
    }
}

#[tokio::test]
async fn nothing_else_is_spoken() {
    for (offered, allowed) in [
        // Basic alone.
        (&[][..], &Scheme::ALL[..]),
        (&[Scheme::Mutual], &[Scheme::Opaque]),
        (&[Scheme::Opaque], &[Scheme::Mutual]),
    ] {
        let lab = offering(offered);
        let mut device = Device::new(&lab);
        device.enroller = device.enroller.with_schemes(allowed);
        let (refusal, detail) = refused(&lab, &mut device).await;
        assert_eq!(refusal, AuthenticationRefusal::NotOffered);
        assert!(detail.contains("Basic"), "{detail}");
        let journal = lab.est().journal();
        assert!(journal.iter().all(|entry| entry.scheme.is_empty()));
    }
}

#[tokio::test]
async fn wrong_password_and_unknown_user_look_alike() {
    let lab = lab();
    let mut said = Vec::new();
    for (user, password) in [(USER, "wrong"), ("mallory", "wrong")] {
        let mut device = Device::new(&lab);
        device.user = user.to_owned();
        device.password = password.to_owned();
        let (refusal, detail) = refused(&lab, &mut device).await;
        assert_eq!(refusal, AuthenticationRefusal::Password);
        assert!(
            detail.contains("is wrong, or the server does not know"),
            "{detail}"
        );
        said.push(detail.replace(user, "USER"));
    }
    assert_eq!(said[0], said[1]);
    let journal = lab.est().journal();
    assert!(journal.iter().all(|entry| entry.scheme.is_empty()));
}

/// His certificate is even one of the right authority, for the right name: only the binding tells.
#[tokio::test]
async fn a_man_in_the_middle_is_told() {
    for (offered, expected, says) in [
        (
            &Scheme::ALL[..],
            AuthenticationRefusal::Binding,
            "somebody stands between",
        ),
        // Whoever takes OPAQUE away gets the other scheme, and no further.
        (
            &[Scheme::Mutual],
            AuthenticationRefusal::Password,
            "the certificate is not the server's",
        ),
    ] {
        let lab = offering(offered);
        let leaf = EstOptions::new("example.net").leaf();
        let other = lab.authority().issue(&leaf).unwrap();
        let relay = Relay::start(&other, lab.est().addresses()[0]).unwrap();
        let mut device = Device::new(&lab);
        device.url = format!("https://est.example.net:{}", relay.port());
        let (refusal, detail) = refused(&lab, &mut device).await;
        assert_eq!(refusal, expected);
        assert!(detail.contains(says), "{detail}");
        assert!(relay.relayed() > 0);
        let journal = lab.est().journal();
        assert!(journal.iter().all(|entry| entry.scheme.is_empty()));
    }
}

/// Another connection of the same server with the same certificate is another one all the same.
#[tokio::test]
async fn a_relay_with_the_server_s_own_certificate_is_refused() {
    let lab = lab();
    let own = lab.est().identity();
    let relay = Relay::start(own, lab.est().addresses()[0]).unwrap();
    let mut device = Device::new(&lab);
    device.url = format!("https://est.example.net:{}", relay.port());
    let (refusal, detail) = refused(&lab, &mut device).await;
    assert_eq!(refusal, AuthenticationRefusal::Binding);
    assert!(detail.contains("somebody stands between"), "{detail}");
}

#[tokio::test]
async fn altered_and_replayed_messages_are_told() {
    let lab = lab();
    Device::new(&lab).bootstrap().await.unwrap();
    for (fault, expected, says) in [
        (
            EstFault::AlteredKe2,
            AuthenticationRefusal::Protocol,
            "was altered, or is an old one",
        ),
        (
            EstFault::ReplayedKe2,
            AuthenticationRefusal::Protocol,
            "was altered, or is an old one",
        ),
        (
            EstFault::ForgedKe2,
            AuthenticationRefusal::Binding,
            "somebody stands between",
        ),
        (
            EstFault::WrongProof,
            AuthenticationRefusal::Protocol,
            "`proof` is wrong",
        ),
        (
            EstFault::Replayed,
            AuthenticationRefusal::Protocol,
            "`proof` is wrong",
        ),
    ] {
        lab.est().fail(fault.clone());
        let (refusal, detail) = refused(&lab, &mut Device::new(&lab)).await;
        assert_eq!(refusal, expected, "{fault:?}");
        assert!(detail.contains(says), "{fault:?}: {detail}");
        // Guesses were counted where KE3 never came; a login takes them back.
        lab.est().behave();
        Device::new(&lab).bootstrap().await.unwrap();
    }
}

#[tokio::test]
async fn guesses_are_slowed_down_and_it_is_said() {
    let lab = lab();
    for _ in 0..5 {
        let mut device = Device::new(&lab);
        device.password = "wrong".to_owned();
        refused(&lab, &mut device).await;
    }
    let (refusal, detail) = refused(&lab, &mut Device::new(&lab)).await;
    assert_eq!(refusal, AuthenticationRefusal::Password);
    assert!(detail.contains("wait a while"), "{detail}");
}

/// A server that closes each connection gets a new login on each.
#[tokio::test]
async fn a_connection_that_ends_is_replaced_by_one_with_a_login() {
    let lab = lab();
    lab.est().fail(EstFault::Closes);
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    let journal = lab.est().journal();
    let mut proved: Vec<_> = journal
        .iter()
        .filter(|entry| entry.scheme == "opaque")
        .collect();
    let all = proved.len();
    proved.dedup_by_key(|entry| entry.connection);
    assert!(all > 2 && proved.len() == all, "{journal:?}");
}

/// TLS 1.2 has no exporter that surely names a connection.
#[tokio::test]
async fn tls_1_2_is_left_to_the_other_scheme() {
    let mut options = EstOptions::new("example.net");
    options.versions = Versions::Tls12;
    let lab = Lab::start(Options::new().est(options)).unwrap();
    let method = method(&lab, &Scheme::ALL).await;
    assert_eq!(method, ServerAuthentication::HttpMutual);
}

/// What was typed in another form of the same letters is the same name and the same password.
#[tokio::test]
async fn names_and_passwords_are_prepared() {
    for scheme in Scheme::ALL {
        let mut options = EstOptions::new("example.net");
        options.schemes = vec![scheme];
        options.users = vec![("Renée".to_owned(), "Jack of ♦s à Paris".to_owned())];
        let lab = Lab::start(Options::new().est(options)).unwrap();
        let mut device = Device::new(&lab);
        device.user = "Rene\u{301}e".to_owned();
        device.password = "Jack\u{a0}of ♦s a\u{300}\u{1680}Paris".to_owned();
        device.bootstrap().await.unwrap();
    }
}
