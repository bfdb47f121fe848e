//! What can be wrong with a key, its file or its token.

use std::{io, path::PathBuf};

use resolvet_engine::FileError;
use thiserror::Error;

use super::{TokenUri, TokenUriError, pin::PinError};

/// A key cannot be used, or not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file cannot be read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("`{}` is no regular file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Others may read a secret.
    #[error("`{}` has mode {mode:04o}, expected 0600: others may read what is secret; mend with `chmod 600`", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else's.
    #[error("`{}` belongs to user {owner}, expected root or {expected}", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        expected: u32,
    },
    /// Too large.
    #[error("`{}` has more than {limit} octets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
    /// The file holds no key.
    #[error("`{}` holds no private key in PEM: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is of no kind that is used.
    #[error("the key cannot be used: {reason}")]
    Unusable {
        /// Why.
        reason: rustls::Error,
    },
    /// It signs by nothing that requests are signed with.
    #[error("the key signs neither by ECDSA on P-256 nor by RSA")]
    NoScheme,
    /// It has no public part.
    #[error("the public part of the key is not to be had")]
    NoPublic,
    /// It belongs to another certificate.
    #[error("the key is not the one of the certificate")]
    OtherCertificate,
    /// The server wants another kind.
    #[error("the server asks for a key of the kind {presented}, and keys are made on P-256")]
    Kind {
        /// What it asks for.
        presented: String,
    },
    /// A signature was not made.
    #[error("signing failed: {reason}")]
    Signing {
        /// Why.
        reason: rustls::Error,
    },
    /// The URI of a token.
    #[error(transparent)]
    Uri(#[from] TokenUriError),
    /// There is nothing to speak to tokens by.
    #[error(
        "which PKCS#11 module speaks to the token is not said: expected `?module-path=/…` in its URI, or a configured one"
    )]
    NoModule,
    /// The module must not be loaded: others may change it, or it is not there.
    #[error("PKCS#11 module {0}")]
    ModuleFile(#[from] FileError),
    /// The module cannot be loaded.
    #[error("PKCS#11 module `{}` cannot be loaded: {reason}", path.display())]
    Module {
        /// The module.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The URI tells no token.
    #[error("`{uri}` is no token that is there")]
    NoToken {
        /// What was looked for.
        uri: Box<TokenUri>,
    },
    /// The URI tells several tokens.
    #[error("`{uri}` are several tokens: name one by `token` or `serial`")]
    SeveralTokens {
        /// What was looked for.
        uri: Box<TokenUri>,
    },
    /// The URI tells no key.
    #[error("there is no private key `{uri}`")]
    NoKey {
        /// What was looked for.
        uri: Box<TokenUri>,
    },
    /// The URI tells several keys.
    #[error("`{uri}` are several private keys: name one by `object` or `id`")]
    SeveralKeys {
        /// What was looked for.
        uri: Box<TokenUri>,
    },
    /// There is no PIN.
    #[error("token `{token}` wants a PIN: {reason}")]
    Pin {
        /// The token.
        token: String,
        /// Why there is none.
        reason: PinError,
    },
    /// The token refused the PIN. It is not tried again: tokens lock after a few.
    #[error("the PIN of token `{token}` is wrong; it was tried once")]
    WrongPin {
        /// The token.
        token: String,
    },
    /// The token lets nobody in.
    #[error("the PIN of token `{token}` is locked or was never set")]
    Locked {
        /// The token.
        token: String,
    },
    /// A token made a key that it would give away.
    #[error("token `{token}` would give away the key that it made, so the key was destroyed")]
    Extractable {
        /// The token.
        token: String,
    },
    /// What a token gave is no signature of its kind.
    #[error("token `{token}` made a signature of another kind")]
    Signature {
        /// The token.
        token: String,
    },
    /// A key that is there already shall be in a token.
    #[error("networks' keys are made in `{uri}`, which takes in no key that was made elsewhere")]
    MadeElsewhere {
        /// The token.
        uri: Box<TokenUri>,
    },
    /// Something else that a token says.
    #[error("token `{token}`, {step}: {reason}")]
    Token {
        /// The token.
        token: String,
        /// What was done.
        step: &'static str,
        /// What was said.
        reason: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}
