//! Why an artefact could not be fetched.

use std::{io, net::IpAddr, path::PathBuf, time::Duration};

use hyper::StatusCode;
use resolvet_engine::Reason;
use resolvet_proto::judgement::Digest;
use thiserror::Error;

use super::{gate::Forbidden, manifest::ManifestError};
use crate::anchors::AnchorsError;

/// An exchange with a registry failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The host has no address.
    #[error("host `{host}` cannot be resolved: {reason}")]
    Resolve {
        /// The host.
        host: String,
        /// How.
        reason: String,
    },
    /// The host has an address that is not connected to.
    #[error("host `{host}` leads to {address}, which is refused: {reason}")]
    Refused {
        /// The host.
        host: String,
        /// Where it leads.
        address: IpAddr,
        /// Why it is refused.
        reason: Forbidden,
    },
    /// No connection came about.
    #[error("no connection to `{authority}`: {reason}")]
    Connect {
        /// Host and port.
        authority: String,
        /// How.
        reason: String,
    },
    /// All of it took too long.
    #[error("`{registry}` was not done within {} ms", .within.as_millis())]
    Late {
        /// The registry.
        registry: String,
        /// How long was waited.
        within: Duration,
    },
    /// HTTP failed.
    #[error("exchange with `{authority}` failed: {reason}")]
    Http {
        /// Host and port.
        authority: String,
        /// How.
        reason: String,
    },
    /// The registry says no.
    #[error("`{authority}` answered {status} for {what}{}", told(.message))]
    Status {
        /// Host and port.
        authority: String,
        /// The status.
        status: StatusCode,
        /// For what.
        what: &'static str,
        /// What it says, printable characters only.
        message: String,
    },
    /// It wants to know who asks.
    #[error("`{authority}` wants credentials, and {reason}")]
    Access {
        /// Host and port.
        authority: String,
        /// What is wrong.
        reason: String,
    },
    /// Credentials of Docker's configuration cannot be used.
    #[error("credentials for `{registry}`: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// More came, or is said to come, than is read.
    #[error("{what} of `{authority}` has more than {limit} octets")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Whose.
        authority: String,
        /// How much is read.
        limit: u64,
    },
    /// Less came than the manifest says, or more.
    #[error("the component has {came} octets: the manifest says {expected}")]
    Length {
        /// What the manifest says.
        expected: u64,
        /// What came.
        came: u64,
    },
    /// It leads somewhere where nobody goes.
    #[error("`{authority}` leads to `{}`: {reason}", .location.escape_debug())]
    Location {
        /// Who.
        authority: String,
        /// Where to.
        location: String,
        /// Why not.
        reason: &'static str,
    },
    /// What came is no policy.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What came is something else than was asked for.
    #[error("{what} has another digest: expected sha256:{expected}, came sha256:{came}")]
    Digest {
        /// What.
        what: &'static str,
        /// Which was asked for.
        expected: Digest,
        /// Which came.
        came: Digest,
    },
    /// An address with a digest cannot be pushed to.
    #[error("an artefact is pushed to a tag: its digest is what it is")]
    Pinned,
    /// Trust anchors for registries cannot be had.
    #[error(transparent)]
    Anchors(#[from] AnchorsError),
    /// A file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn told(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

impl RegistryError {
    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Resolve { .. } | Self::Connect { .. } | Self::Http { .. } => {
                Reason::RegistryUnreachable
            }
            Self::Late { .. } => Reason::RegistryLate,
            Self::Status { .. } => Reason::RegistryRefuses,
            Self::Access { .. } | Self::Credentials { .. } => Reason::RegistryAccess,
            Self::Refused { .. } | Self::Location { .. } => Reason::RegistryAddress,
            Self::TooLarge { .. } | Self::Length { .. } => Reason::ArtefactSize,
            Self::Digest { .. } => Reason::ArtefactDigest,
            Self::Manifest(_) => Reason::ArtefactUnreadable,
            Self::Pinned => Reason::ArtefactPinned,
            Self::Anchors(_) | Self::File { .. } => Reason::RegistryConfiguration,
        }
    }

    /// The reason in a word that stays: people and programs search for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason().as_str()
    }

    /// Whether nobody spoke who could be believed: then what was had before is as good as it was. Anything else is an answer, and
    /// refuses.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Resolve { .. } | Self::Connect { .. } | Self::Http { .. } | Self::Late { .. } => {
                true
            }
            Self::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}
