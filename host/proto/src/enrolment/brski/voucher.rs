//! The voucher's content: JSON of the YANG module `ietf-voucher` (RFC 8366 section 5.3).

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

use super::limits;
use crate::{enrolment::est::rfc3339, judgement::Der, word::open_word};

open_word! {
    /// How a MASA came to its decision (RFC 8366 section 5.3).
    Assertion {
        /// The owner was verified.
        Verified = "verified",
        /// It was written down.
        Logged = "logged",
        /// The pledge saw the registrar.
        Proximity = "proximity",
    }
}

/// What a voucher says. What is not known is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// How the MASA came to its decision.
    pub assertion: Assertion,
    /// When it was made, seconds since 1970. RFC 8366 demands it; RFC 8995's own example lacks it.
    pub created_on: Option<u64>,
    /// When it ends, seconds since 1970.
    pub expires_on: Option<u64>,
    /// The device.
    pub serial_number: String,
    /// The authority key identifier of the device's certificate.
    pub idevid_issuer: Option<Der>,
    /// The certificate that the registrar's must be or lead to, DER.
    pub pinned_domain_cert: Der,
    /// Whether revocation must (true) or must not (false) be checked in the domain.
    pub domain_cert_revocation_checks: Option<bool>,
    /// The nonce as it stands there; it is compared as text, for some write base64url.
    pub nonce: Option<String>,
}

/// A voucher's content has another form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoucherFormError {
    /// It is no JSON of this form.
    #[error("no voucher: {reason} (RFC 8366 5.3)")]
    Json {
        /// What the parser said.
        reason: String,
    },
    /// It is larger than what is read.
    #[error("voucher of {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
    /// It pins nothing, or something in a form that is not known here.
    #[error("the voucher has no pinned-domain-cert (RFC 8995 5.6.2)")]
    NoPin,
    /// A nonce that is too long.
    #[error("nonce of {octets} octets, at most {limit} are read")]
    Nonce {
        /// How long it is.
        octets: usize,
        /// How long it may be.
        limit: usize,
    },
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "ietf-voucher:voucher")]
    voucher: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Inner {
    assertion: Assertion,
    #[serde(default)]
    created_on: Option<Date>,
    #[serde(default)]
    expires_on: Option<Date>,
    serial_number: String,
    #[serde(default)]
    idevid_issuer: Option<Binary>,
    #[serde(default)]
    pinned_domain_cert: Option<Binary>,
    #[serde(default)]
    domain_cert_revocation_checks: Option<bool>,
    #[serde(default)]
    nonce: Option<String>,
}

impl Voucher {
    /// Reads a voucher's content.
    ///
    /// # Errors
    /// It has another form, or no pin.
    pub fn from_json(octets: &[u8]) -> Result<Self, VoucherFormError> {
        let Wrapped { voucher } = json(octets).map_err(|problem| match problem {
            JsonProblem::TooLarge => VoucherFormError::TooLarge {
                octets: octets.len(),
                limit: limits::JSON_OCTETS,
            },
            JsonProblem::Form(reason) => VoucherFormError::Json { reason },
        })?;
        if let Some(nonce) = voucher
            .nonce
            .as_ref()
            .filter(|n| n.len() > limits::NONCE_OCTETS)
        {
            return Err(VoucherFormError::Nonce {
                octets: nonce.len(),
                limit: limits::NONCE_OCTETS,
            });
        }
        Ok(Self {
            assertion: voucher.assertion,
            created_on: voucher.created_on.map(|date| date.0),
            expires_on: voucher.expires_on.map(|date| date.0),
            serial_number: voucher.serial_number,
            idevid_issuer: voucher.idevid_issuer.map(|binary| binary.0),
            pinned_domain_cert: voucher
                .pinned_domain_cert
                .map(|binary| binary.0)
                .ok_or(VoucherFormError::NoPin)?,
            domain_cert_revocation_checks: voucher.domain_cert_revocation_checks,
            nonce: voucher.nonce,
        })
    }
}

/// Why JSON could not be read.
pub(super) enum JsonProblem {
    TooLarge,
    Form(String),
}

/// Reads JSON within the limit.
pub(super) fn json<T: serde::de::DeserializeOwned>(octets: &[u8]) -> Result<T, JsonProblem> {
    if octets.len() > limits::JSON_OCTETS {
        return Err(JsonProblem::TooLarge);
    }
    serde_json::from_slice(octets)
        .map_err(|error| JsonProblem::Form(crate::enrolment::quoted(&error.to_string(), 200)))
}

/// A date of RFC 3339 as seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date(pub(super) u64);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        rfc3339(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a date and time of RFC 3339"))
    }
}

/// YANG's `binary`: base64 by the standard, base64url and without padding as it is met.
#[derive(Debug, Clone)]
pub(super) struct Binary(pub(super) Der);

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let mut text = String::deserialize(deserializer)?;
        text.retain(|c| !c.is_ascii_whitespace());
        let alphabet = if text.contains(['-', '_']) {
            &URL_SAFE
        } else {
            &STANDARD
        };
        let octets: Vec<u8> = GeneralPurpose::new(alphabet, CONFIG)
            .decode(text.as_bytes())
            .map_err(|error| D::Error::custom(format_args!("expected base64: {error}")))?;
        Ok(Self(octets.into()))
    }
}
