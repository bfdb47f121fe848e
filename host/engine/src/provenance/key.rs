//! Public keys of minisign.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign_verify::PublicKey;
use serde::{Serialize, Serializer};

use super::SignatoriesError;
use crate::text::printable;

/// Octets of a key as minisign writes it: algorithm, identifier, key.
const KEY_OCTETS: usize = 42;
/// Characters of a text in an error.
const SHOWN: usize = 80;

/// The identifier that minisign gives to a key pair and shows as 16 hexadecimal digits. It is a hint, no digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(u64);

impl KeyId {
    /// The identifier in octets 2 to 9 of a key or signature.
    pub(super) fn within(octets: &[u8]) -> Option<Self> {
        let id = octets.get(2..10)?.try_into().ok()?;
        Some(Self(u64::from_le_bytes(id)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    pub(super) key: PublicKey,
    pub(super) id: KeyId,
}

impl VerificationKey {
    /// Reads a key as minisign shows it, `RW…`, or its file, where a comment stands before it.
    ///
    /// # Errors
    /// The text is no such key.
    pub fn parse(text: &str) -> Result<Self, SignatoriesError> {
        let wrong = || SignatoriesError::Key {
            text: printable(text.trim(), SHOWN),
        };
        let mut lines = text.trim().lines();
        let mut line = lines.next().unwrap_or_default().trim();
        if line.starts_with("untrusted comment:") {
            line = lines.next().unwrap_or_default().trim();
        }
        let octets = STANDARD.decode(line).map_err(|_| wrong())?;
        let id = KeyId::within(&octets).filter(|_| octets.len() == KEY_OCTETS);
        Ok(Self {
            key: PublicKey::from_base64(line).map_err(|_| wrong())?,
            id: id.ok_or_else(wrong)?,
        })
    }

    /// Its identifier.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}
