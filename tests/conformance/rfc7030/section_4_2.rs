//! Enrolment of clients.

use rcgen::{PublicKeyData as _, SigningKey as _};
use resolvet_proto::enrolment::est::{
    Answer, CertificationRequest, Operation, Outcome, ReplyError, RequestToSign, SigningError,
};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use super::{PKCS7, read};
use crate::{
    forge::{ECDSA_SHA256, dns, key},
    world::World,
};

/// 4.2.3: 202 means later; how much later, a number or a date says.
#[test]
fn pending() {
    for (retry_after, seconds) in [
        (Some("120"), 120),
        (Some("Sun, 06 Nov 1994 09:49:37 GMT"), 3_600),
        (Some("Sun, 06 Nov 1994 07:49:37 GMT"), 5),
        (Some("0"), 5),
        (Some("soon"), 60),
        (Some("99999999999999999999999"), u64::MAX),
        (None, 60),
    ] {
        let headers: Vec<_> = retry_after
            .map(|value| ("Retry-After", value))
            .into_iter()
            .collect();
        for operation in [Operation::SimpleEnroll, Operation::SimpleReenroll] {
            assert_eq!(
                read(operation, 202, &headers, b""),
                Ok(Outcome::Pending { seconds })
            );
        }
    }
    assert!(matches!(
        read(Operation::CaCerts, 202, &[], b""),
        Err(ReplyError::Pending { .. })
    ));
}

/// 4.2.3 and appendix A.3: the published answer.
#[test]
fn the_published_answer_is_read() {
    let body = include_bytes!("../../vectors/rfc7030/simpleenroll-resp.p7.b64");
    let outcome = read(Operation::SimpleEnroll, 200, PKCS7, body);
    let Ok(Outcome::Answer(Answer::Certificates(found))) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(found.len(), 1);
    let request = resolvet_proto::enrolment::est::decode(
        include_bytes!("../../vectors/rfc7030/simpleenroll-req.p10.b64"),
        65_536,
    )
    .unwrap();
    let request = CertificationRequest::from_der(&request).unwrap();
    assert_eq!(request.issued(&found).unwrap(), found[0]);
}

/// 4.2.3: a certificate for another key is none for this request (RFC 9148's answer to its own request is).
#[test]
fn the_answer_belongs_to_the_request() {
    let of = |der: &[u8]| CertificationRequest::from_der(der).unwrap();
    let request = of(include_bytes!(
        "../../vectors/rfc9148/A_2_enroll_reenroll-0.der"
    ));
    let answer = include_bytes!("../../vectors/rfc9148/A_2_enroll_reenroll-1.der");
    let found = resolvet_proto::enrolment::est::certificates(answer).unwrap();
    assert!(request.issued(&found).is_ok());
    let w = World::new();
    let other = vec![w.server().sign(&w.authority)];
    assert_eq!(
        request.issued(&other),
        Err(SigningError::OtherKey { certificates: 1 })
    );
}

/// 4.2.2: subject and subjectAltName of a renewal are those of the certificate that is renewed.
#[test]
fn a_renewal_keeps_the_names() {
    let w = World::new();
    let old = w
        .server_named(&[dns("a.example.net"), dns("b.example.net")])
        .sign(&w.authority);
    let new_key = key();
    let to_sign = RequestToSign::renewing(&old, &new_key.subject_public_key_info(), None).unwrap();
    let signature = new_key.sign(to_sign.octets()).unwrap();
    let request = to_sign.signed(ECDSA_SHA256, &signature).unwrap();
    let (_, parsed) = X509CertificationRequest::from_der(request.der()).unwrap();
    parsed.verify_signature().unwrap();
    let facts = resolvet_proto::certificate::facts(&old).unwrap();
    assert_eq!(
        parsed.certification_request_info.subject.to_string(),
        facts.subject
    );
    let names = format!(
        "{:?}",
        parsed.requested_extensions().unwrap().collect::<Vec<_>>()
    );
    assert!(
        names.contains("a.example.net") && names.contains("b.example.net"),
        "{names}"
    );
    assert!(!names.contains("ExtendedKeyUsage"), "{names}");
}
