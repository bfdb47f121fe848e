//! Privacy statements that somebody signed: the policy assertion token (PAT) of draft-reddy-add-server-policy-selection-05 and of
//! draft-reddy-dprive-dprive-privacy-policy-01, which the drafts after this one's tenth section have in its place.
//!
//! A token is a JWS (RFC 7515) over claims in JSON. It is read here and not verified: who verifies it has keys of signers from
//! its settings, and nothing of what a token says counts before ([`Signature::verifiable`]). The header's `x5u` is a name for the
//! signer and is never fetched: a certificate from there would count only if it were known anyway, and the URL is whatever an
//! attacker writes. No library is used for JOSE: what they bring is keys in many forms, encryption and algorithms of the caller's
//! choice, and of all that a token has one form and two algorithms.

mod claims;
mod jws;

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use thiserror::Error;

pub use claims::{Claims, Filtering, PolicyInformation, PrivacyInformation, Servers};
pub use jws::{Algorithm, PublicKey, Signature, Token};

use crate::{endpoint::URI_OCTETS, json, judgement::Der};

/// The media type of a token (the draft's section 9).
pub const MEDIA_TYPE: &str = "application/pat";
/// The key of a RESINFO record (RFC 9606) that names the URL of a token. No document registers one, so it has the prefix that RFC
/// 9606 section 8.2 keeps for what is not registered.
pub const RESOLVER_INFO_KEY: &str = "temp-pat";

/// What is read of a token.
pub mod limits {
    /// Octets of a token. The drafts' examples have 500; one names its servers and its partners.
    pub const TOKEN_OCTETS: usize = 16_384;
    /// Signatures of one token: an operator's, an auditor's, and each once more while a key is replaced.
    pub const SIGNATURES: usize = 4;
    /// Names of servers in one token.
    pub const SERVERS: usize = 64;
    /// Octets of a URL at which a token is. A string of a RESINFO record has at most 255.
    pub const URL_OCTETS: usize = super::URI_OCTETS;
}

/// A text is no token, or one that nothing can be made of.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is too long.
    #[error("token has {octets} octets, at most {} are read", limits::TOKEN_OCTETS)]
    TooLong {
        /// How many came.
        octets: usize,
    },
    /// It has neither of the two forms.
    #[error(
        "token is no JWS: expected three parts with dots between them, or an object with `payload` and `signatures` (RFC 7515 7)"
    )]
    Form,
    /// A part cannot be decoded.
    #[error("`{part}` of the token is no base64url without padding (RFC 7515 2)")]
    Encoding {
        /// Which.
        part: &'static str,
    },
    /// A part is no JSON, or another than is expected.
    #[error("`{part}` of the token: {problem}")]
    Json {
        /// Which.
        part: &'static str,
        /// What was expected and what came.
        problem: json::Error,
    },
    /// More signatures than are looked at, or none.
    #[error("token has {came} signatures, expected 1 to {}", limits::SIGNATURES)]
    Signatures {
        /// How many came.
        came: usize,
    },
    /// An algorithm that is not verified.
    #[error("token is signed by `{came}`, expected `ES256` or `ES384` (RFC 7518 3.4)")]
    Algorithm {
        /// What came.
        came: String,
    },
    /// The header says that it is something else.
    #[error("token has the type `{came}`, expected `pat`")]
    Type {
        /// What came.
        came: String,
    },
    /// The header wants something understood that nobody here does.
    #[error("token's header has critical members, of which none is known (RFC 7515 4.1.11)")]
    Critical,
    /// A signature has another length than its algorithm's.
    #[error("token's signature has {came} octets, expected {expected} (RFC 7518 3.4)")]
    SignatureLength {
        /// How many came.
        came: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The claims contradict themselves, or say nothing.
    #[error("token's claims: {0}")]
    Claims(&'static str),
}

/// What a server says of a token: where it is, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrivacyToken {
    /// The URL that the server names.
    pub url: String,
    /// What was there; it was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Der>,
    /// Why there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Of a member whose value does not matter.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
