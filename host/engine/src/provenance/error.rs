//! Why a component is not taken, each reason with a code that stays.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{KeyId, SIGNATURE_ENDING};
use crate::{AdmissionError, Reason};

/// A component does not meet the terms.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// There is no signature at all: it was never there, or somebody took it away.
    #[error(
        "it is not signed, and a signature is required: expected `{name}{SIGNATURE_ENDING}`, which `resolvet policy sign` writes"
    )]
    Missing {
        /// The component's name.
        name: String,
    },
    /// A signature cannot be read.
    #[error("a signature is no signature of minisign: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: &'static str,
    },
    /// A signature in the form of before 2019, over the whole file.
    #[error(
        "the signature by key {key} is of the old form: expected one that is prehashed (`minisign -S -H`)"
    )]
    Legacy {
        /// By which key it claims to be.
        key: KeyId,
    },
    /// There are signatures, all by keys that are not configured.
    #[error("it is signed by {}, expected {}", list(came), list(expected))]
    UnknownKeys {
        /// By which keys they claim to be.
        came: Vec<KeyId>,
        /// The keys that count.
        expected: Vec<KeyId>,
    },
    /// A signature by a key that counts does not belong to these octets.
    #[error(
        "the signature by key {key} is not over these octets: the component or the signature was changed, or they do not belong together"
    )]
    Wrong {
        /// By which key it claims to be.
        key: KeyId,
    },
    /// Fewer keys than needed say the same.
    #[error("{came} keys that count say the same of it, expected {needed}")]
    TooFew {
        /// How many do.
        came: usize,
        /// How many must.
        needed: usize,
    },
    /// The signature's trusted comment is no statement.
    #[error(
        "the signed comment `{comment}` is no statement: expected `resolvet-policy revision=N not-after=YYYY-MM-DDThh:mm:ssZ`"
    )]
    Statement {
        /// The comment, printable characters only.
        comment: String,
    },
    /// The signature has come to its end.
    #[error("the signature ended at {not_after}: sign it again, with a later `--not-after`")]
    Expired {
        /// The end, in words.
        not_after: String,
    },
    /// It is another policy than the one that is meant.
    #[error(
        "its manifest says that it is policy `{came}`, expected `{expected}`, which the configuration names: a signature does not say where a component is used"
    )]
    OtherPolicy {
        /// Its name.
        came: String,
        /// The name of the one that is meant.
        expected: String,
    },
    /// A higher revision was active before.
    #[error(
        "revision {came} of `{name}` is older than revision {mark}, which was active here: to go back, sign the older component with a higher revision"
    )]
    Older {
        /// The policy's name.
        name: String,
        /// Its revision.
        came: u64,
        /// The highest that was active.
        mark: u64,
    },
    /// Another component has the same revision.
    #[error(
        "revision {revision} of `{name}` was another component here (digest {mark}…, came {came}…): expected a higher revision"
    )]
    Reused {
        /// The policy's name.
        name: String,
        /// The revision.
        revision: u64,
        /// How the digest of the one that was active begins.
        mark: String,
        /// How this one's begins.
        came: String,
    },
    /// It imports what the operator does not grant.
    #[error("it imports {}, which `sees` does not grant", .imports.join(", "))]
    NotGranted {
        /// The functions.
        imports: Vec<String>,
    },
    /// The component itself is not sound.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The high-water marks cannot be read.
    #[error(transparent)]
    Marks(#[from] MarksError),
}

impl ProvenanceError {
    /// The reason, whose word stays.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Missing { .. } => Reason::SignatureMissing,
            Self::Unreadable { .. } => Reason::SignatureUnreadable,
            Self::Legacy { .. } => Reason::SignatureLegacy,
            Self::UnknownKeys { .. } => Reason::SignatureUnknownKey,
            Self::Wrong { .. } => Reason::SignatureWrong,
            Self::TooFew { .. } => Reason::SignaturesTooFew,
            Self::Statement { .. } => Reason::StatementUnreadable,
            Self::Expired { .. } => Reason::SignatureExpired,
            Self::OtherPolicy { .. } => Reason::OtherPolicy,
            Self::Older { .. } => Reason::RevisionOlder,
            Self::Reused { .. } => Reason::RevisionReused,
            Self::NotGranted { .. } => Reason::ImportsNotGranted,
            Self::Admission(error) => error.reason(),
            Self::Marks(_) => Reason::MarksUnusable,
        }
    }

    /// The reason in a word that stays: people and programs search for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason().as_str()
    }
}

/// Keys cannot be used to verify.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignatoriesError {
    /// A text is no public key.
    #[error("`{text}` is no public key of minisign: expected one that begins with `RW`")]
    Key {
        /// The text, printable characters only.
        text: String,
    },
    /// More signatures are needed than there are keys, or none.
    #[error("{needed} signatures are needed of {keys} different keys: expected 1 to {keys}")]
    Needed {
        /// How many are needed.
        needed: usize,
        /// How many keys there are.
        keys: usize,
    },
}

/// The folder of high-water marks cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MarksError {
    /// The system refuses.
    #[error("high-water mark `{}` cannot be used: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may write there, and so take a mark back.
    #[error("high-water mark `{}` cannot be used: {reason}", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Who may do what.
        reason: String,
    },
    /// The file is no mark.
    #[error("`{}` is no high-water mark: {reason}; who removes it takes any revision once more", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn list(keys: &[KeyId]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("key {key}")).collect();
    keys.join(", ")
}
