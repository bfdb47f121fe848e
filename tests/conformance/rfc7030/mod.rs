//! RFC 7030: Enrolment over Secure Transport.

mod section_3;
mod section_4_1;
mod section_4_2;
mod section_4_4;
mod section_4_5;

use resolvet_proto::enrolment::est::{
    Endpoint, HttpReply, Operation, Outcome, ReplyError, classify,
};

/// The server that is asked.
pub(crate) fn server() -> Endpoint {
    Endpoint::new("est.example.net", 443).unwrap()
}

/// The time at which it is asked: 1994-11-06T08:49:37Z.
pub(crate) const NOW: u64 = 784_111_777;

/// What this response to this operation means.
pub(crate) fn read(
    operation: Operation,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Outcome, ReplyError> {
    classify(
        operation,
        &server(),
        &HttpReply::new(status, headers, body),
        NOW,
    )
}

/// The header fields of a certs-only answer.
pub(crate) const PKCS7: &[(&str, &str)] = &[(
    "Content-Type",
    "application/pkcs7-mime; smime-type=certs-only",
)];
