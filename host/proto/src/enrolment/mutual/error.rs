//! What can go wrong, each with an error of its own.

use alloc::string::String;

use thiserror::Error;

use super::{
    kam3::ExchangeError,
    message::{MessageError, Reason},
    scope::AuthScope,
};

/// A client refuses what it got, or was refused. The response's content is dropped unread.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the proof. The password or the user name is wrong, or somebody stands between who shows another
    /// certificate than the server's and passes messages on, or who changed them: all of these look the same from here,
    /// because the proof covers all of it.
    #[error(
        "the server refused the proof of user `{user}` with `{}`: the password is wrong, or the certificate is not the server's (RFC 8120 4.1)",
        .reason.as_str().escape_debug()
    )]
    Refused {
        /// The user.
        user: String,
        /// What the server said.
        reason: Reason,
    },
    /// The server's proof is wrong: it does not know the password, and is an impostor; or the message was replayed.
    #[error(
        "the server did not prove that it knows the password: `vks` is wrong, so it is an impostor or its answer is an old one (RFC 8120 10)"
    )]
    WrongProof,
    /// The server answers, and proves nothing.
    #[error(
        "the server answered {message} with status {status} and no proof that it knows the password (RFC 8120 10)"
    )]
    NoProof {
        /// The request that it answered.
        message: &'static str,
        /// The response's status.
        status: u16,
    },
    /// A response came over a connection with another certificate than the exchange began with.
    #[error("the server's certificate changed during the exchange (RFC 8120 7)")]
    OtherCertificate,
    /// A response does not belong to the request: it was altered, or is of another exchange.
    #[error(
        "the response says `{}` for `{parameter}`, expected `{}`: it was altered or belongs to another exchange (RFC 8120 10)",
        .presented.escape_debug(), .expected.escape_debug()
    )]
    Altered {
        /// The parameter.
        parameter: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        presented: String,
    },
    /// A message cannot be read.
    #[error("the server's message is not acceptable: {0}")]
    Message(#[from] MessageError),
    /// A number of the exchange is not acceptable.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The server asks for another way of authentication, or for none.
    #[error(
        "the server does not ask for HTTP Mutual authentication (status {status}), and nothing else may run over an unverified connection (RFC 7030 3.2.3)"
    )]
    NotAsked {
        /// The response's status.
        status: u16,
    },
    /// None of the server's algorithms is known and allowed.
    #[error("the server offers the algorithms `{}`, none of which is known and allowed (RFC 8121 3)", .offered.escape_debug())]
    Algorithm {
        /// What the server offers.
        offered: String,
    },
    /// The server offers no validation that holds over TLS with a certificate.
    #[error(
        "the server offers the validation `{}`, expected `tls-server-end-point` (RFC 8120 7)", .presented.escape_debug()
    )]
    Validation {
        /// What the server offers.
        presented: String,
    },
    /// The server asks for a password that is meant for others.
    #[error("the server asks for a password of `{}`, to which it does not belong (RFC 8120 5)", .auth_scope.as_str().escape_debug())]
    Scope {
        /// The auth-scope that it names.
        auth_scope: AuthScope,
    },
    /// The server calls a session stale that it has just made.
    #[error("the server forgot the session that it has just made (RFC 8120 10)")]
    Stale,
    /// A response came although no request was made.
    #[error("a response without a request")]
    OutOfSequence,
}

/// Why a server denies a request. The peer is told less: for its own protection, it cannot tell an unknown user from a wrong
/// password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Denial {
    /// It carries no credentials of this scheme.
    #[error("no credentials")]
    NoCredentials,
    /// Its credentials cannot be read.
    #[error("the credentials are not acceptable: {0}")]
    Message(#[from] MessageError),
    /// It is about another realm, algorithm, validation or auth-scope.
    #[error(
        "the credentials say `{}` for `{parameter}`, expected `{}` (RFC 8120 11)",
        .presented.escape_debug(), .expected.escape_debug()
    )]
    Space {
        /// The parameter.
        parameter: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        presented: String,
    },
    /// A number of the exchange is not acceptable.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Not denied for good: the exchange has begun, and the proof is to come.
    #[error("the key exchange with `{}` has begun", .user.escape_debug())]
    Exchanging {
        /// Who it says it is.
        user: String,
    },
    /// The session is unknown or over.
    #[error("the session is unknown or over (RFC 8120 11)")]
    UnknownSession,
    /// The nonce number was used, or is out of the window or above the maximum: the request is a replay.
    #[error("nonce number {nc} is used or out of range: a replayed request (RFC 8120 6)")]
    Replayed {
        /// The nonce number.
        nc: u32,
    },
    /// vkc is wrong: a wrong password, an unknown user, a man in the middle with another certificate, or an altered message.
    #[error("the proof of `{}` is wrong: password, certificate or message (RFC 8120 11)", .user.escape_debug())]
    WrongProof {
        /// Who it says it is.
        user: String,
    },
    /// The caller's counter allows no attempt for this user now.
    #[error("no attempt is allowed for `{}` now", .user.escape_debug())]
    Throttled {
        /// Who it says it is.
        user: String,
    },
}

/// A realm cannot be configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RealmError {
    /// Its name is empty, too long, or not printable ASCII.
    #[error("realm `{}` is not of 1 to 255 printable ASCII characters (RFC 8120 3.1)", .realm.escape_debug())]
    Name {
        /// The name.
        realm: String,
    },
    /// It has no algorithm.
    #[error("a realm without algorithm (RFC 8120 4.1)")]
    NoAlgorithm,
}
