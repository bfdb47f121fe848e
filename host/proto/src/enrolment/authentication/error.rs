//! What can go wrong, whichever scheme it is.

use alloc::string::String;

use thiserror::Error;

use crate::enrolment::{
    journey::AuthenticationRefusal,
    mutual::{self, BindingError},
    opaque,
};

/// The server is not authenticated. The response's content is dropped unread.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server asks for nothing, or for nothing that may run here.
    #[error(
        "the server asks for {} (status {status}), and nothing but `OPAQUE` or `Mutual` may run over an unverified connection (RFC 7030 3.2.3)",
        offered(.schemes)
    )]
    NotAsked {
        /// The response's status.
        status: u16,
        /// The schemes that the server offers, separated by blanks; empty for none.
        schemes: String,
    },
    /// OPAQUE is all that the server offers, and the connection has nothing to bind it to.
    #[error("the server asks for `OPAQUE` alone, which needs TLS 1.3 (RFC 9266 2)")]
    NoExporter,
    /// A response came although no request was made.
    #[error("a response without a request")]
    OutOfSequence,
    /// OPAQUE.
    #[error(transparent)]
    Opaque(#[from] opaque::Error),
    /// HTTP Mutual authentication.
    #[error(transparent)]
    Mutual(#[from] mutual::Error),
    /// The server's certificate cannot be bound to.
    #[error(transparent)]
    Binding(#[from] BindingError),
}

impl Error {
    /// In which way, in the words of a journey.
    #[must_use]
    pub const fn refusal(&self) -> AuthenticationRefusal {
        use AuthenticationRefusal::{Binding, NotOffered, Password, Protocol};
        match self {
            Self::NotAsked { .. } | Self::NoExporter => NotOffered,
            Self::Binding(_) => Binding,
            Self::OutOfSequence => Protocol,
            Self::Opaque(error) => match error {
                opaque::Error::WrongPassword { .. }
                | opaque::Error::Refused { .. }
                | opaque::Error::Throttled { .. } => Password,
                opaque::Error::OtherConnection | opaque::Error::WrongProof => Binding,
                opaque::Error::NotAsked { .. } => NotOffered,
                _ => Protocol,
            },
            Self::Mutual(error) => match error {
                mutual::Error::Refused { .. } | mutual::Error::WrongProof => Password,
                mutual::Error::OtherCertificate => Binding,
                mutual::Error::NotAsked { .. }
                | mutual::Error::Algorithm { .. }
                | mutual::Error::Validation { .. }
                | mutual::Error::Scope { .. } => NotOffered,
                _ => Protocol,
            },
        }
    }
}

/// Schemes in words.
fn offered(schemes: &str) -> String {
    if schemes.is_empty() {
        return "no authentication".into();
    }
    alloc::format!("`{}`", schemes.escape_debug())
}
