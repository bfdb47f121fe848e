//! Labels, redirects, errors and the binding to the connection.

use resolvet_proto::enrolment::est::{
    CaLabel, CertificationRequest, CsrAttributes, Operation, Outcome, ReplyError, RequestToSign,
    SigningError, Subject, challenge_password,
};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use super::{read, server};
use crate::forge::{ECDSA_SHA256, key};

/// 3.2.2: a label stands before the operation, and none has the name of one.
#[test]
fn paths() {
    let label = CaLabel::new("dns").unwrap();
    let path = Operation::EeCerts.path(Some(&label));
    assert_eq!(path, "/.well-known/est/dns/eecerts");
    for operation in Operation::ALL {
        assert!(CaLabel::new(operation.name()).is_err());
    }
}

/// 3.2.1: a redirect to the same server is told from one to another.
#[test]
fn redirects() {
    for (location, same) in [
        ("/.well-known/est/other/cacerts", true),
        ("https://est.example.net:443/x", true),
        ("https://est.example.net:8443/x", false),
        ("https://evil.example.net/x", false),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let outcome = read(Operation::CaCerts, status, &[("Location", location)], b"");
            let Ok(Outcome::Redirect {
                same_origin,
                endpoint,
                ..
            }) = outcome
            else {
                panic!("{outcome:?}");
            };
            assert_eq!(
                (same_origin, endpoint == server()),
                (same, same),
                "{location}"
            );
        }
    }
    for location in ["http://est.example.net/x", "x", "//evil.example.net/x", ""] {
        assert!(matches!(
            read(Operation::CaCerts, 302, &[("Location", location)], b""),
            Err(ReplyError::Location { status: 302, .. })
        ));
    }
}

/// 3.2.3: a challenge is handed on, never answered here.
#[test]
fn challenges() {
    let outcome = read(
        Operation::SimpleEnroll,
        401,
        &[
            ("WWW-Authenticate", "Basic realm=\"est\""),
            ("www-authenticate", "Digest realm=\"est\""),
        ],
        b"",
    );
    assert_eq!(
        outcome,
        Ok(Outcome::Unauthorized {
            challenges: vec!["Basic realm=\"est\"".into(), "Digest realm=\"est\"".into()]
        })
    );
}

/// 4.2.3: what a server says with an error reaches a person, bounded and printable.
#[test]
fn errors_say_what_the_server_said() {
    let text = format!("no\u{1b}[2J way{}", "y".repeat(2_000));
    let error = read(
        Operation::SimpleEnroll,
        500,
        &[("Content-Type", "text/plain")],
        text.as_bytes(),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with("`simpleenroll` was answered with status 500: `no\\u{1b}[2J wayy"),
        "{error}"
    );
    assert!(error.len() < 300, "{error}");
    let plain = read(
        Operation::CaCerts,
        404,
        &[("Content-Type", "text/html")],
        b"<p>",
    )
    .unwrap_err();
    assert_eq!(
        plain.to_string(),
        "`cacerts` was answered with status 404 (RFC 7030 4.1.3)"
    );
}

/// 3.5: the connection's value stands in the request as challengePassword, and where the server demands one there is no
/// request without.
#[test]
fn proof_of_possession_is_bound_to_the_connection() {
    use rcgen::{PublicKeyData as _, SigningKey as _};
    let pair = key();
    let binding = challenge_password(&[7; 32]).unwrap();
    let wanted = CsrAttributes {
        challenge_password: true,
        ..CsrAttributes::default()
    };
    let subject = Subject::Text("CN=laptop".into());
    let public = pair.subject_public_key_info();
    assert_eq!(
        RequestToSign::new(&subject, &public, &wanted, None),
        Err(SigningError::NoBinding)
    );
    let to_sign = RequestToSign::new(&subject, &public, &wanted, Some(&binding)).unwrap();
    let signature = pair.sign(to_sign.octets()).unwrap();
    let request = to_sign.signed(ECDSA_SHA256, &signature).unwrap();
    assert_eq!(request.key(), public);
    let (rest, parsed) = X509CertificationRequest::from_der(request.der()).unwrap();
    assert!(rest.is_empty());
    parsed.verify_signature().unwrap();
    let attribute = parsed
        .certification_request_info
        .iter_attributes()
        .find(|attribute| attribute.oid.to_id_string() == "1.2.840.113549.1.9.7")
        .unwrap();
    assert!(attribute.value.ends_with(binding.as_bytes()));
    assert!(matches!(
        challenge_password(&[0; 192]),
        Err(SigningError::ChallengePassword { octets: 256 })
    ));
    assert!(CertificationRequest::from_der(&request.der()[1..]).is_err());
}
