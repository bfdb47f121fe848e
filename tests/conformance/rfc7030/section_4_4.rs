//! Keys that a server makes.

use resolvet_proto::enrolment::est::{Answer, Operation, Outcome, ReplyError};

use super::read;

const MIXED: &[(&str, &str)] = &[(
    "Content-Type",
    "multipart/mixed ; boundary=estServerExampleBoundary",
)];
const KEY: &str = include_str!("../../vectors/rfc7030/serverkeygen-key.p8.b64");
const CERTIFICATE: &str = include_str!("../../vectors/rfc7030/serverkeygen-resp.p7.b64");

fn body(key_type: &str, certificate_type: &str) -> String {
    format!(
        "--estServerExampleBoundary\r\nContent-Type: {key_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n{KEY}\r\n\
         --estServerExampleBoundary\r\nContent-Type: {certificate_type}\r\n\r\n{CERTIFICATE}\r\n\
         --estServerExampleBoundary--\r\n"
    )
}

/// 4.4.2 and appendix A.4: the published answer, a key and a certificate.
#[test]
fn the_published_answer_is_read() {
    let body = body(
        "application/pkcs8",
        "application/pkcs7-mime; smime-type=certs-only",
    );
    let outcome = read(Operation::ServerKeyGen, 200, MIXED, body.as_bytes());
    let Ok(Outcome::Answer(Answer::GeneratedKey {
        key,
        encrypted,
        certificates,
    })) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(key.len() > 500 && !encrypted);
    assert_eq!(certificates.len(), 1);
}

/// 4.4.2: a part that is missing is told.
#[test]
fn both_parts_are_there() {
    for (body, expected) in [
        (
            body("text/plain", "application/pkcs7-mime"),
            "application/pkcs8",
        ),
        (
            body("application/pkcs8", "text/plain"),
            "application/pkcs7-mime; smime-type=certs-only",
        ),
    ] {
        assert_eq!(
            read(Operation::ServerKeyGen, 200, MIXED, body.as_bytes()),
            Err(ReplyError::Part { expected })
        );
    }
}
