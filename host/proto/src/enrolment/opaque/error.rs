//! What can go wrong, each with an error of its own.

use alloc::string::String;

use thiserror::Error;

use super::message::{MessageError, Reason};

/// A client refuses what it got, or was refused. The response's content is dropped unread.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// What the server keeps does not open with this password. An unknown user, and a peer that is not the server and
    /// knows no record, look the same from here.
    #[error(
        "the password of user `{}` is wrong, or the server does not know the user, or it is an impostor (RFC 9807 4.1.3)",
        .user.escape_debug()
    )]
    WrongPassword {
        /// The user.
        user: String,
    },
    /// The password is right, and the server's proof is about another connection than this one, or other messages.
    #[error(
        "the password is right, but the server's proof is for another connection: somebody stands between, who passes messages on (RFC 9807 6.4.3)"
    )]
    WrongProof,
    /// A response came over another connection than the login that it belongs to.
    #[error("the server closed the connection before the login was complete (RFC 9266 2)")]
    OtherConnection,
    /// A response does not belong to the request: it was altered, or is an old one.
    #[error(
        "`{parameter}` of the response is not that of this login: it was altered, or is an old one"
    )]
    Altered {
        /// The parameter.
        parameter: &'static str,
    },
    /// The server answers, and proves nothing.
    #[error(
        "the server answered {message} with status {status} and no proof that it knows the password"
    )]
    NoProof {
        /// The request that it answered.
        message: &'static str,
        /// The response's status.
        status: u16,
    },
    /// The server's proof of a response is wrong.
    #[error("the response's `proof` is wrong: it does not come from whom the login was at")]
    WrongResponse,
    /// The server refused KE3 or a later proof.
    #[error("the server refused user `{}` with `{}`", .user.escape_debug(), .reason.as_str().escape_debug())]
    Refused {
        /// The user.
        user: String,
        /// What the server said.
        reason: Reason,
    },
    /// Too many guesses were made for this name.
    #[error("the server lets nobody try a password for user `{}` now: wait a while", .user.escape_debug())]
    Throttled {
        /// The user.
        user: String,
    },
    /// A message cannot be read.
    #[error("the server's message is not acceptable: {0}")]
    Message(#[from] MessageError),
    /// A number in KE2 is no element of the group, or the server sent our own back.
    #[error("the server's `ke2` is not acceptable (RFC 9807 10.7)")]
    Element,
    /// The password cannot be stretched.
    #[error("there are no 64 MiB of memory to stretch the password with (RFC 9106 4)")]
    Memory,
    /// The random octets give no secret.
    #[error("the random octets give no secret")]
    Random,
    /// The server asks for another way of authentication, or for none.
    #[error("the server does not ask for OPAQUE (status {status})")]
    NotAsked {
        /// The response's status.
        status: u16,
    },
    /// A response came although no request was made.
    #[error("a response without a request")]
    OutOfSequence,
}

/// Why a server denies a request. The peer is told less.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Denial {
    /// It carries no credentials of this scheme.
    #[error("no credentials")]
    NoCredentials,
    /// Its credentials cannot be read.
    #[error("the credentials are not acceptable: {0}")]
    Message(#[from] MessageError),
    /// It is about another realm.
    #[error("the credentials say `{}` for `realm`, expected `{}`", .presented.escape_debug(), .expected.escape_debug())]
    Realm {
        /// What it should be.
        expected: String,
        /// What it is.
        presented: String,
    },
    /// A number in KE1 is no element of the group.
    #[error("`ke1` is not acceptable (RFC 9807 10.7)")]
    Element,
    /// The random octets give no secret.
    #[error("the random octets give no secret")]
    Random,
    /// Not denied for good: the login has begun, and KE3 is to come.
    #[error("the login of `{}` has begun", .user.escape_debug())]
    LoggingIn {
        /// Who it says it is.
        user: String,
    },
    /// This connection has had its login.
    #[error("a second login on one connection")]
    SecondLogin,
    /// Nobody has logged in on this connection, or the login is over.
    #[error("nobody is logged in on this connection")]
    UnknownSession,
    /// The number of the request is not above that of the one before.
    #[error("request number {nc} was used: a replayed request")]
    Replayed {
        /// The number.
        nc: u32,
    },
    /// KE3 or a proof is wrong: an unknown user, a man in the middle with another connection, or an altered message.
    #[error("the proof of `{}` is wrong: user, connection or message (RFC 9807 6.4.4)", .user.escape_debug())]
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
#[error("realm `{}` is not of 1 to 255 printable ASCII characters (RFC 9110 11.5)", .realm.escape_debug())]
pub struct RealmError {
    /// Its name.
    pub realm: String,
}

/// Secrets or a record cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// Another number of octets.
    #[error("{what} of {presented} octets, expected {expected}")]
    Length {
        /// `secrets` or `record`.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        presented: usize,
    },
    /// The octets are none.
    #[error("{what} that are no keys (RFC 9807 4)")]
    Malformed {
        /// `secrets` or `record`.
        what: &'static str,
    },
    /// The random octets give no secret.
    #[error("the random octets give no secret")]
    Random,
    /// The password cannot be registered: there is no memory to stretch it with.
    #[error(
        "the password cannot be registered: there are no 64 MiB of memory to stretch it with (RFC 9106 4)"
    )]
    Registration,
}
