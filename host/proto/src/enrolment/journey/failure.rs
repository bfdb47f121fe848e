//! How a journey ends without what it was for.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::AuthenticationRefusal;
use crate::{
    enrolment::{
        brski::{PinError, VoucherError, VoucherRequestError},
        est::{CsrAttributesError, EndEntityError, Endpoint, ReplyError, SigningError},
    },
    judgement::{Judgement, Purpose, RequestError, Verdict},
    session::{ConnectionFailureKind, FailureKind},
};

/// Why a journey ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JourneyError {
    /// No server was found.
    #[error("no EST server or registrar was found (draft-reddy-dprive-bootstrap-dns-server-04 8)")]
    NoServer,
    /// No server could be connected to.
    #[error("`{endpoint}` cannot be connected to: {detail}")]
    Connection {
        /// Where.
        endpoint: Endpoint,
        /// In which way.
        kind: ConnectionFailureKind,
        /// Why.
        detail: String,
    },
    /// The server presented no certificate.
    #[error("`{endpoint}` presented no certificate (RFC 7030 3.3.1)")]
    NoCertificate {
        /// Where.
        endpoint: Endpoint,
    },
    /// The password proof failed.
    #[error("`{endpoint}` could not be authenticated by the password: {detail}")]
    Authentication {
        /// Where.
        endpoint: Endpoint,
        /// In which way.
        refusal: AuthenticationRefusal,
        /// In words.
        detail: String,
    },
    /// What was proved was bound to another certificate than the one that the connection has.
    #[error(
        "the proof of the password belongs to another certificate than the one that `{endpoint}` presented (RFC 5929 4)"
    )]
    OtherCertificate {
        /// Where.
        endpoint: Endpoint,
    },
    /// The registrar presented other certificates on a later connection.
    #[error("`{endpoint}` presented other certificates than before (RFC 8995 5.1)")]
    CertificatesChanged {
        /// Where.
        endpoint: Endpoint,
    },
    /// The EST server has no name under which it could prove a password inside the handshake.
    #[error(
        "`{endpoint}` is an address, expected the server's name: a password inside the handshake is proved to a name (draft-ietf-tls-pake)"
    )]
    NoServerName {
        /// Where.
        endpoint: Endpoint,
    },
    /// The EST server's certificate gives no reference identifier.
    #[error(
        "the certificate of `{endpoint}` has no DNS-ID without a wildcard to know it by later (draft-reddy-dprive-bootstrap-dns-server-04 4)"
    )]
    NoReferenceId {
        /// Where.
        endpoint: Endpoint,
    },
    /// There are no anchors to validate anything with.
    #[error(
        "no trust anchors: the Implicit database is disabled and `/cacerts` gave none (RFC 7030 3.6)"
    )]
    NoAnchors,
    /// A response cannot be used.
    #[error("`{path}` at `{endpoint}`: {reason}")]
    Reply {
        /// Who answered.
        endpoint: Endpoint,
        /// What was asked.
        path: String,
        /// What is wrong.
        reason: ReplyError,
    },
    /// An exchange brought no response.
    #[error("`{path}` brought no response: {detail}")]
    Exchange {
        /// What was asked.
        path: String,
        /// Why.
        detail: String,
    },
    /// The server sends elsewhere.
    #[error(
        "`{from}` redirects to `{to}`: another server needs the user's consent (RFC 7030 3.2.1)"
    )]
    OtherOrigin {
        /// Who redirects.
        from: Endpoint,
        /// Where to.
        to: Endpoint,
    },
    /// The server sends around.
    #[error("`{endpoint}` redirects more than {limit} times (RFC 9110 15.4)")]
    Redirects {
        /// Who redirects.
        endpoint: Endpoint,
        /// How often is followed.
        limit: u32,
    },
    /// The server asks who is there, and nobody could tell.
    #[error("`{path}` asks for a user (RFC 7030 3.2.3)")]
    Unauthorized {
        /// What was asked.
        path: String,
    },
    /// A request stayed pending for too long.
    #[error(
        "`{path}` has been pending for {seconds} seconds, at most {limit} are waited ({reference})"
    )]
    PendingTooLong {
        /// What was asked.
        path: String,
        /// Since when.
        seconds: u64,
        /// How long is waited.
        limit: u64,
        /// The paragraph.
        reference: &'static str,
    },
    /// The policies refused a certificate.
    #[error("the certificate of `{subject}` is not acceptable for `{purpose}`: {}", .judgement.why())]
    Refused {
        /// For what it was judged.
        purpose: Purpose,
        /// Whose it is.
        subject: String,
        /// What the policies said.
        judgement: Box<Judgement<Verdict>>,
    },
    /// A judgement was of another request or another time.
    #[error("a judgement for `{purpose}` does not belong to what was asked")]
    ForeignJudgement {
        /// For what it was judged.
        purpose: Purpose,
    },
    /// More came than is judged.
    #[error(transparent)]
    TooLarge(#[from] RequestError),
    /// The DNS server's certificate cannot be told.
    #[error(transparent)]
    EndEntity(#[from] EndEntityError),
    /// CSR attributes cannot be read.
    #[error(transparent)]
    CsrAttributes(#[from] CsrAttributesError),
    /// A certification request cannot be made, or its answer does not belong to it.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A voucher request cannot be made.
    #[error(transparent)]
    VoucherRequest(#[from] VoucherRequestError),
    /// The voucher is not acceptable.
    #[error(transparent)]
    Voucher(#[from] Box<VoucherError>),
    /// The registrar is not the one that the voucher names.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The registrar has no voucher for this device.
    #[error("`{endpoint}` answered the voucher request with status {status} (RFC 8995 5.6)")]
    NoVoucher {
        /// Who.
        endpoint: Endpoint,
        /// The status.
        status: u16,
    },
    /// The key store failed.
    #[error("the key store: {detail}")]
    Keys {
        /// What it said.
        detail: String,
    },
    /// The enrolment could not be stored.
    #[error("the enrolment could not be stored: {detail}")]
    Store {
        /// What the store said.
        detail: String,
    },
    /// A driver did not answer in time.
    #[error("no answer while {step} within {seconds} seconds")]
    Overdue {
        /// While doing what.
        step: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// There is still no DNS server after the EST server confirmed what is known.
    #[error(
        "no server of the network can be used: {message} (draft-reddy-dprive-bootstrap-dns-server-04 9)"
    )]
    NoDnsServer {
        /// The most telling reason.
        kind: FailureKind,
        /// In words.
        message: String,
    },
}

/// What a person may do about a hard failure (the draft's section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Choice {
    /// Attach to another network.
    AnotherNetwork,
    /// Trust this network, and use what discovery finds in it under the strict profile.
    TrustThisNetwork,
    /// Enrol anew, with the password or the manufacturer's voucher.
    EnrolAnew,
    /// Try again later.
    TryLater,
    /// Say which DNS server is meant.
    NameTheDomain,
    /// Have discovery's lookups answered by another resolver.
    AnotherResolver,
}

/// How a journey ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub error: JourneyError,
    /// Seconds to wait before another journey in this network.
    pub retry_after: u64,
    /// What a person may do.
    pub choices: Vec<Choice>,
}
