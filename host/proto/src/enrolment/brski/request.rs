//! Voucher requests: JSON of the YANG module `ietf-voucher-request` (RFC 8995 section 3).

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{DateTime, Decode as _, Encode as _, asn1::Ia5StringRef};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _,
};

use super::{
    Assertion, limits,
    voucher::{Binary, Date, JsonProblem, json},
};
use crate::{enrolment::est::Endpoint, judgement::Der};

/// `id-at-serialNumber` (RFC 5280 appendix A).
const SERIAL_NUMBER: &str = "2.5.4.5";
/// `id-pe-masa-url` (RFC 8995 section 2.3.2).
const MASA_URL: &str = "1.3.6.1.5.5.7.1.32";
/// `id-ce-authorityKeyIdentifier`.
const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";

/// The certificate that a device was made with (IDevID), and what is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IDevId {
    certificate: Der,
    serial_number: String,
    issuer: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
}

/// A certificate is no IDevID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IDevIdError {
    /// It is no certificate.
    #[error("the IDevID is no DER certificate: {reason} (RFC 5280 4.1)")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Its subject has no serial number.
    #[error("the IDevID's subject has no serialNumber (RFC 8995 2.3.1)")]
    NoSerialNumber,
    /// The serial number of its subject is of a type that it may not have.
    #[error("the serialNumber of the IDevID's subject is no PrintableString (RFC 5280 A.1)")]
    UnreadableSerialNumber,
}

impl IDevId {
    /// Reads a device's certificate, DER.
    ///
    /// # Errors
    /// It is malformed, or its subject has no serial number that can be read.
    pub fn new(certificate: &[u8]) -> Result<Self, IDevIdError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| IDevIdError::Malformed {
                reason: error.to_string(),
            })?;
        let serial_number = parsed
            .subject()
            .iter_attributes()
            .find(|attribute| attribute.attr_type().to_id_string() == SERIAL_NUMBER)
            .ok_or(IDevIdError::NoSerialNumber)?
            .as_str()
            .map_err(|_| IDevIdError::UnreadableSerialNumber)?;
        let authority = parsed
            .extensions()
            .iter()
            .find(|extension| extension.oid.to_id_string() == AUTHORITY_KEY_IDENTIFIER);
        let issuer_key_id = authority.and_then(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                id.key_identifier.as_ref().map(|id| id.0.to_vec())
            }
            _ => None,
        });
        Ok(Self {
            certificate: certificate.into(),
            serial_number: serial_number.into(),
            issuer: authority.map(|extension| extension.value.to_vec()),
            issuer_key_id,
        })
    }

    /// The certificate, DER.
    #[must_use]
    pub const fn certificate(&self) -> &Der {
        &self.certificate
    }

    /// The device's serial number.
    #[must_use]
    pub fn serial_number(&self) -> &str {
        &self.serial_number
    }

    /// The value of the authority key identifier extension, DER, as `idevid-issuer` has it.
    #[must_use]
    pub fn issuer(&self) -> Option<&[u8]> {
        self.issuer.as_deref()
    }

    /// Whether an `idevid-issuer` names this device's issuer. The standard leaves open whether the extension's value or the
    /// key identifier stands there: either counts, the latter also as an OCTET STRING.
    #[must_use]
    pub fn is_issued_by(&self, issuer: &[u8]) -> bool {
        let own = self.issuer_key_id.as_deref();
        let wrapped = own
            .and_then(|id| der::asn1::OctetStringRef::new(id).ok())
            .and_then(|id| id.to_der().ok());
        self.issuer.as_deref() == Some(issuer)
            || own == Some(issuer)
            || wrapped.as_deref() == Some(issuer)
    }
}

/// Where the manufacturer's MASA is, as a device's certificate says it (RFC 8995 section 2.3.2): an authority, or a URI.
#[must_use]
pub fn masa_endpoint(idevid: &[u8]) -> Option<Endpoint> {
    let (_, parsed) = X509Certificate::from_der(idevid).ok()?;
    let extension = parsed
        .extensions()
        .iter()
        .find(|extension| extension.oid.to_id_string() == MASA_URL)?;
    let text = Ia5StringRef::from_der(extension.value).ok()?.as_str();
    let uri = if text.contains("://") {
        text.into()
    } else {
        alloc::format!("https://{text}")
    };
    Endpoint::parse(&uri).ok().map(|(endpoint, _)| endpoint)
}

/// A voucher request cannot be read or made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoucherRequestError {
    /// It is no JSON of this form.
    #[error("no voucher request: {reason} (RFC 8995 3.4)")]
    Json {
        /// What the parser said.
        reason: String,
    },
    /// It is larger than what is read.
    #[error("voucher request of {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The random number has another length.
    #[error("nonce of {octets} octets, expected 8 to 32 (RFC 8366 5.3)")]
    Nonce {
        /// How many octets came.
        octets: usize,
    },
    /// It cannot be signed.
    #[error(transparent)]
    Signature(#[from] super::SignatureError),
}

/// What a voucher request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoucherRequest {
    /// How the request came about.
    pub assertion: Option<Assertion>,
    /// When it was made, seconds since 1970.
    pub created_on: Option<u64>,
    /// The device.
    pub serial_number: String,
    /// The nonce as it stands there.
    pub nonce: Option<String>,
    /// The authority key identifier of the device's certificate.
    pub idevid_issuer: Option<Der>,
    /// The certificate that the pledge saw the registrar present, DER.
    pub proximity_registrar_cert: Option<Der>,
    /// The pledge's request within the registrar's, CMS.
    pub prior_signed_voucher_request: Option<Der>,
}

#[derive(Deserialize)]
struct WrappedIn {
    #[serde(rename = "ietf-voucher-request:voucher")]
    voucher: InnerIn,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct InnerIn {
    #[serde(default)]
    assertion: Option<Assertion>,
    #[serde(default)]
    created_on: Option<Date>,
    serial_number: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    idevid_issuer: Option<Binary>,
    #[serde(default)]
    proximity_registrar_cert: Option<Binary>,
    #[serde(default)]
    prior_signed_voucher_request: Option<Binary>,
}

#[derive(Serialize)]
struct WrappedOut<'a> {
    #[serde(rename = "ietf-voucher-request:voucher")]
    voucher: InnerOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InnerOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion: Option<&'a Assertion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_on: Option<String>,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idevid_issuer: Option<&'a Der>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proximity_registrar_cert: Option<&'a Der>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prior_signed_voucher_request: Option<&'a Der>,
}

impl VoucherRequest {
    /// Reads a request's content.
    ///
    /// # Errors
    /// It has another form.
    pub fn from_json(octets: &[u8]) -> Result<Self, VoucherRequestError> {
        let WrappedIn { voucher } = json(octets).map_err(|problem| match problem {
            JsonProblem::TooLarge => VoucherRequestError::TooLarge {
                octets: octets.len(),
                limit: limits::JSON_OCTETS,
            },
            JsonProblem::Form(reason) => VoucherRequestError::Json { reason },
        })?;
        let binary = |binary: Option<Binary>| binary.map(|binary| binary.0);
        Ok(Self {
            assertion: voucher.assertion,
            created_on: voucher.created_on.map(|date| date.0),
            serial_number: voucher.serial_number,
            nonce: voucher.nonce,
            idevid_issuer: binary(voucher.idevid_issuer),
            proximity_registrar_cert: binary(voucher.proximity_registrar_cert),
            prior_signed_voucher_request: binary(voucher.prior_signed_voucher_request),
        })
    }

    /// The content, JSON.
    ///
    /// # Errors
    /// The time is after the year 9999.
    pub fn to_json(&self) -> Result<Vec<u8>, VoucherRequestError> {
        let wrapped = WrappedOut {
            voucher: InnerOut {
                assertion: self.assertion.as_ref(),
                created_on: self.created_on.map(date).transpose()?,
                serial_number: &self.serial_number,
                nonce: self.nonce.as_deref(),
                idevid_issuer: self.idevid_issuer.as_ref(),
                proximity_registrar_cert: self.proximity_registrar_cert.as_ref(),
                prior_signed_voucher_request: self.prior_signed_voucher_request.as_ref(),
            },
        };
        serde_json::to_vec(&wrapped).map_err(|error| VoucherRequestError::Json {
            reason: error.to_string(),
        })
    }
}

/// A time as RFC 3339 has it, in UTC.
pub(super) fn date(seconds: u64) -> Result<String, VoucherRequestError> {
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map(|date| date.to_string())
        .map_err(|error| VoucherRequestError::Json {
            reason: error.to_string(),
        })
}

/// A pledge's request (RFC 8995 section 3.3): it saw this registrar. The nonce is drawn anew for each attempt; the time is
/// absent when the device has no clock.
///
/// # Errors
/// The nonce is not of 8 to 32 octets.
pub fn pledge_request(
    device: &IDevId,
    registrar: &Der,
    nonce: &[u8],
    created_on: Option<u64>,
) -> Result<VoucherRequest, VoucherRequestError> {
    if !(8..=32).contains(&nonce.len()) {
        return Err(VoucherRequestError::Nonce {
            octets: nonce.len(),
        });
    }
    Ok(VoucherRequest {
        assertion: Some(Assertion::Proximity),
        created_on,
        serial_number: device.serial_number().into(),
        nonce: Some(STANDARD.encode(nonce)),
        idevid_issuer: None,
        proximity_registrar_cert: Some(registrar.clone()),
        prior_signed_voucher_request: None,
    })
}
