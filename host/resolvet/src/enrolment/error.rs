//! What can go wrong on the way to an enrolment, each with an error of its own.

use resolvet_proto::{
    enrolment::{
        authentication,
        brski::IDevIdError,
        journey::{AuthenticationRefusal, Failure, JourneyError, ProfileError},
    },
    judgement::{Judgement, Outcome, Verdict},
    session::ConnectionFailureKind,
};
use thiserror::Error;

use super::{
    ServerKeyError,
    channel::ChannelError,
    keys::KeyError,
    locate::LinkError,
    store::{NetworkName, StoreError},
};
use crate::{AttachError, LookupError};

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
    /// The domain that was named is none.
    #[error("domain `{}` {problem}", .domain.escape_debug())]
    Domain {
        /// What was named.
        domain: String,
        /// What is wrong with it.
        problem: &'static str,
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
    /// There is no enrolment to begin with.
    #[error("there is no enrolment of network `{network}`")]
    NotEnrolled {
        /// The network.
        network: NetworkName,
    },
    /// The connection or an exchange over it failed, or policies refused the server's certificate.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A server that the policies accepted did not prove that it knows the password.
    #[error(transparent)]
    Proof(Box<ProofError>),
    /// A key that the server makes.
    #[error(transparent)]
    ServerKey(#[from] ServerKeyError),
    /// A device's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The device's certificate is none.
    #[error(transparent)]
    Device(#[from] IDevIdError),
    /// The journey ended without an enrolment.
    #[error("{}", .0.error)]
    Journey(Box<Failure>),
    /// No session could begin.
    #[error(transparent)]
    Attach(#[from] AttachError),
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

/// A server did not prove what it had to, or an exchange with it failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The password.
    #[error(transparent)]
    Password(#[from] authentication::Error),
    /// The exchange failed.
    #[error(transparent)]
    Exchange(Box<EnrolError>),
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
            Self::NothingFound { .. } | Self::NoAddress { .. } => EnrolErrorKind::NotFound,
            Self::Journey(failure) => kind(&failure.error),
            Self::Channel(ChannelError::Refused { judgement, .. }) => refused(judgement),
            Self::Proof(error) if error.refusal().is_some() => EnrolErrorKind::NotAuthenticated,
            Self::Channel(ChannelError::ProofOfPossession { .. }) => {
                EnrolErrorKind::NotAuthenticated
            }
            _ => EnrolErrorKind::Failed,
        }
    }
}

fn refused(judgement: &Judgement<Verdict>) -> EnrolErrorKind {
    match judgement.outcome {
        Outcome::Faulted => EnrolErrorKind::PolicyFault,
        _ => EnrolErrorKind::NotAuthenticated,
    }
}

fn kind(error: &JourneyError) -> EnrolErrorKind {
    match error {
        JourneyError::NoServer => EnrolErrorKind::NotFound,
        JourneyError::Refused { judgement, .. } => refused(judgement),
        JourneyError::Connection {
            kind: ConnectionFailureKind::ProofOfPossession,
            ..
        } => EnrolErrorKind::NotAuthenticated,
        JourneyError::Authentication { refusal, .. } => match refusal {
            AuthenticationRefusal::Connection | AuthenticationRefusal::Cancelled => {
                EnrolErrorKind::Failed
            }
            _ => EnrolErrorKind::NotAuthenticated,
        },
        JourneyError::Voucher(_)
        | JourneyError::Pin(_)
        | JourneyError::CertificatesChanged { .. }
        | JourneyError::OtherCertificate { .. }
        | JourneyError::NoCertificate { .. }
        | JourneyError::NoReferenceId { .. }
        | JourneyError::NoAnchors
        | JourneyError::EndEntity(_) => EnrolErrorKind::NotAuthenticated,
        _ => EnrolErrorKind::Failed,
    }
}
