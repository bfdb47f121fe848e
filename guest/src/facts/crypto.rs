//! Cryptography done natively by the host (`wit/crypto.wit`), each call counted against a budget of the evaluation.

use std::fmt;

use crate::host::crypto as host;

/// Why the host did not verify or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The signature is not this key's over this message.
    InvalidSignature,
    /// The host does not do this algorithm, or not for a key of this kind.
    UnsupportedAlgorithm,
    /// The key cannot be read.
    MalformedKey,
    /// A word that this version of the SDK does not know.
    Other(String),
}

impl CryptoError {
    /// The contract's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidSignature => "invalid-signature",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::MalformedKey => "malformed-key",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for CryptoError {
    fn from(word: String) -> Self {
        match word.as_str() {
            "invalid-signature" => Self::InvalidSignature,
            "unsupported-algorithm" => Self::UnsupportedAlgorithm,
            "malformed-key" => Self::MalformedKey,
            _ => Self::Other(word),
        }
    }
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::error::Error for CryptoError {}

/// A digest of the SHA-2 family (FIPS 180-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// 32 octets.
    Sha256,
    /// 48 octets.
    Sha384,
    /// 64 octets.
    Sha512,
}

impl DigestAlgorithm {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }
}

/// Verifies a signature. Each algorithm is the DER of an `AlgorithmIdentifier`, whole or without its outer tag and length;
/// `key` is the content of the key's BIT STRING in `SubjectPublicKeyInfo`.
///
/// # Errors
/// The signature does not hold, or the host cannot say.
pub fn verify_signature(
    signature_algorithm: &[u8],
    key_algorithm: &[u8],
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    host::verify_signature(signature_algorithm, key_algorithm, key, message, signature)
        .map_err(CryptoError::from)
}

/// Digests octets.
///
/// # Errors
/// The host does not do this algorithm.
pub fn digest(algorithm: DigestAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
    host::digest(algorithm.as_str(), data).map_err(CryptoError::from)
}
