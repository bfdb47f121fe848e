//! Certs-only and CRL-only messages: CMS SignedData without signers (RFC 7030 section 4.1.3, RFC 8295 sections 3 and 4).

use alloc::{string::String, vec::Vec};

use der::{Any, Decode as _};
use thiserror::Error;

use super::limits;
use crate::{
    enrolment::signed_data::SignedData,
    judgement::{Der, limits::CERTIFICATE_OCTETS},
};

/// A CMS message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CmsError {
    /// It is no CMS.
    #[error("no CMS SignedData: {reason} (RFC 5652 5.1)")]
    Malformed {
        /// What the decoder said.
        reason: der::Error,
    },
    /// It is CMS of another kind.
    #[error("content type `{presented}`, expected SignedData `1.2.840.113549.1.7.2` (RFC 5652 5)")]
    ContentType {
        /// The type's OID.
        presented: String,
    },
    /// It holds no certificate.
    #[error("the CMS message holds no certificates (RFC 7030 4.1.3)")]
    NoCertificates,
    /// It holds no CRL.
    #[error("the CMS message holds no CRLs (RFC 8295 4)")]
    NoCrls,
    /// It holds more than what is read.
    #[error("the CMS message holds {came} {what}, at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many came.
        came: usize,
        /// How many are read.
        limit: usize,
    },
    /// One of its values is larger than what is read.
    #[error("{what} of {octets} octets, at most {limit} are read")]
    TooLarge {
        /// Of what kind.
        what: &'static str,
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
}

impl From<der::Error> for CmsError {
    fn from(reason: der::Error) -> Self {
        Self::Malformed { reason }
    }
}

/// The certificates of a certs-only message, octet for octet, in the order of their encoding: the set has none of its own.
///
/// # Errors
/// It is no SignedData, holds no certificate, or too many or too large ones.
pub fn certificates(cms: &[u8]) -> Result<Vec<Der>, CmsError> {
    let found = SignedData::read(cms)?.certificates(limits::CERTIFICATES)?;
    if found.is_empty() {
        return Err(CmsError::NoCertificates);
    }
    bounded("a certificate", found, CERTIFICATE_OCTETS)
}

/// The CRLs of a message, octet for octet.
///
/// # Errors
/// It is no SignedData, holds no CRL, or too many or too large ones.
pub fn crls(cms: &[u8]) -> Result<Vec<Der>, CmsError> {
    let found = SignedData::read(cms)?.crls(limits::CRLS)?;
    if found.is_empty() {
        return Err(CmsError::NoCrls);
    }
    bounded("a CRL", found, limits::CRL_OCTETS)
}

/// A message of these certificates and CRLs without signers, DER.
///
/// # Errors
/// One of them is no DER.
pub fn certs_only(certificates: &[Der], crls: &[Der]) -> Result<Vec<u8>, CmsError> {
    let any = |values: &[Der]| {
        values
            .iter()
            .map(|value| Any::from_der(value))
            .collect::<Result<Vec<_>, _>>()
    };
    SignedData::bare(any(certificates)?, any(crls)?)?.to_octets()
}

fn bounded(what: &'static str, values: Vec<Der>, limit: usize) -> Result<Vec<Der>, CmsError> {
    match values.iter().find(|value| value.len() > limit) {
        Some(value) => Err(CmsError::TooLarge {
            what,
            octets: value.len(),
            limit,
        }),
        None => Ok(values),
    }
}
