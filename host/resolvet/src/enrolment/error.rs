//! What can go wrong on the way to an enrolment, each with an error of its own.

use resolvet_proto::{
    enrolment::{
        brski::IDevIdError,
        est::{BodyError, EndEntityError, Endpoint, ReplyError, limits},
        journey::{Failure, JourneyError, ProfileError},
        mutual::{self, BindingError},
    },
    judgement::{Judgement, Outcome, Purpose, RequestError, Verdict},
};
use thiserror::Error;

use super::{channel::ChannelError, keys::KeyError, locate::LinkError, store::StoreError};
use crate::LookupError;

/// There is no enrolment, and nothing was stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A lookup failed.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// No EST server was found.
    #[error(
        "no EST server was found at `_est._tcp.{domain}` (draft-reddy-dprive-bootstrap-dns-server-04 8)"
    )]
    NotFound {
        /// Where it was looked for.
        domain: String,
    },
    /// No server was found in any of the places where it was looked for.
    #[error("no {service} was found: {} (draft-reddy-dprive-bootstrap-dns-server-04 8, RFC 8995 4.1)", .told.join("; "))]
    NothingFound {
        /// What was looked for, in words.
        service: &'static str,
        /// What came of each place.
        told: Vec<String>,
    },
    /// The link cannot be listened on.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The host has no address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The host.
        host: String,
    },
    /// The connection or an exchange over it failed, or policies refused the server's certificate.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The server did not prove that it knows the password, or refused ours.
    #[error(transparent)]
    Mutual(#[from] mutual::Error),
    /// The server's certificate cannot be bound to.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The server's certificate has no name by which it could be known again.
    #[error(
        "the EST server's certificate has no DNS-ID without a wildcard, so it could not be known again (draft-reddy-dprive-bootstrap-dns-server-04 4)"
    )]
    NoReferenceId,
    /// The server answered something that cannot be used.
    #[error("`{operation}` at {endpoint}: {reason}")]
    Reply {
        /// What was asked.
        operation: &'static str,
        /// Whom.
        endpoint: Endpoint,
        /// What is wrong.
        reason: ReplyError,
    },
    /// The server has nothing of this kind, or asks for a login.
    #[error("`{operation}` at {endpoint} brought nothing: {reason}")]
    Nothing {
        /// What was asked.
        operation: &'static str,
        /// Whom.
        endpoint: Endpoint,
        /// Why.
        reason: &'static str,
    },
    /// The answer is at another server.
    #[error(
        "{from} redirects to {to}: another server is asked only when you name it (RFC 7030 3.2.1)"
    )]
    Redirected {
        /// Who says so.
        from: Endpoint,
        /// Where to.
        to: Endpoint,
    },
    /// Redirects do not end.
    #[error(
        "{from} redirects more than {} times (RFC 9110 15.4)",
        limits::REDIRECTS
    )]
    RedirectLoop {
        /// Who says so.
        from: Endpoint,
    },
    /// There is nobody to begin a certification path at.
    #[error(
        "`/cacerts` brought no self-signed certificate, and the system's trust anchors are not to be used (RFC 7030 4.1.3)"
    )]
    NoAnchors,
    /// Policies refused a certificate.
    #[error("{what} is not acceptable: {}", super::why(.judgement))]
    Refused {
        /// Which certificate.
        what: String,
        /// For what it was judged.
        purpose: Purpose,
        /// What was said.
        judgement: Box<Judgement<Verdict>>,
    },
    /// More came than is judged.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The DNS server's certificate cannot be told.
    #[error(transparent)]
    EndEntity(#[from] EndEntityError),
    /// The body of an answer.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A device's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The device's certificate is none.
    #[error(transparent)]
    Device(#[from] IDevIdError),
    /// The journey with a voucher ended without an enrolment.
    #[error("{}", .0.error)]
    Pledge(Box<Failure>),
    /// The journey may not begin.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A piece of work was ended.
    #[error("the work was ended: {0}")]
    Ended(String),
}

/// What an [`EnrolError`] amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolErrorKind {
    /// Nothing was found.
    NotFound,
    /// The server or a certificate was not authenticated.
    NotAuthenticated,
    /// A policy failed.
    PolicyFault,
    /// The network, a file or the system.
    Failed,
}

impl EnrolError {
    /// What it amounts to.
    #[must_use]
    pub fn kind(&self) -> EnrolErrorKind {
        match self {
            Self::NotFound { .. } | Self::NothingFound { .. } | Self::NoAddress { .. } => {
                EnrolErrorKind::NotFound
            }
            Self::Channel(ChannelError::Refused { judgement, .. })
            | Self::Refused { judgement, .. } => match judgement.outcome {
                Outcome::Faulted => EnrolErrorKind::PolicyFault,
                _ => EnrolErrorKind::NotAuthenticated,
            },
            Self::Pledge(failure) => match &failure.error {
                JourneyError::NoServer => EnrolErrorKind::NotFound,
                JourneyError::Refused { outcome, .. } if *outcome == Outcome::Faulted.as_str() => {
                    EnrolErrorKind::PolicyFault
                }
                JourneyError::Refused { .. }
                | JourneyError::Voucher(_)
                | JourneyError::Pin(_)
                | JourneyError::CertificatesChanged { .. }
                | JourneyError::NoAnchors
                | JourneyError::EndEntity(_) => EnrolErrorKind::NotAuthenticated,
                _ => EnrolErrorKind::Failed,
            },
            Self::Channel(ChannelError::ProofOfPossession { .. })
            | Self::Mutual(_)
            | Self::Binding(_)
            | Self::NoReferenceId
            | Self::NoAnchors
            | Self::EndEntity(_) => EnrolErrorKind::NotAuthenticated,
            _ => EnrolErrorKind::Failed,
        }
    }
}
