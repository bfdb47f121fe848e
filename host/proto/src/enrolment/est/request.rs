//! Certification requests (RFC 2986): what is to be signed, what was signed, and whether the answer belongs to it.

use alloc::{string::String, vec::Vec};
use core::str::FromStr as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{
    Any, Decode as _, Encode as _, Tag,
    asn1::{BitString, ObjectIdentifier, SetOfVec},
};
use thiserror::Error;
use x509_cert::{
    attr::{Attribute, AttributeTypeAndValue},
    certificate::Certificate,
    ext::Extension,
    name::{Name, RdnSequence, RelativeDistinguishedName},
    request::{CertReq, CertReqInfo, ExtensionReq, Version},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

use super::{CsrAttributes, csr_attributes::CHALLENGE_PASSWORD, limits};
use crate::{certificate::privacy::PrivacyError, judgement::Der};

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// The subject of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// In words (RFC 4514), `CN=laptop,O=Example`.
    Text(String),
    /// A DER `Name`.
    Name(Der),
}

impl Subject {
    /// A subject in words (RFC 4514).
    ///
    /// # Errors
    /// The text is no name.
    pub fn parse(text: &str) -> Result<Self, SigningError> {
        Name::from_str(text).map_err(part("the subject"))?;
        Ok(Self::Text(text.into()))
    }
}

/// A request cannot be made, or its answer does not belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SigningError {
    /// One of the parts is no DER of its kind.
    #[error("{part} of the certification request: {reason} (RFC 2986 4)")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What the decoder said.
        reason: der::Error,
    },
    /// The challengePassword is longer than what fits.
    #[error("challengePassword of {octets} octets, at most 255 are possible (RFC 2985 5.4.1)")]
    ChallengePassword {
        /// How long it is.
        octets: usize,
    },
    /// The server asks for a binding to the connection, and there is none.
    #[error("the server asks for a challengePassword and the connection gives none (RFC 7030 3.5)")]
    NoBinding,
    /// None of the certificates is for the key of the request.
    #[error(
        "none of the {certificates} certificates of the answer is for the key of the request (RFC 7030 4.2.3)"
    )]
    OtherKey {
        /// How many came.
        certificates: usize,
    },
    /// The privacy statement has no encoding.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
}

/// The value that binds a request to its connection (RFC 7030 section 3.5): base64 of the TLS exporter's 32 octets (RFC
/// 9266, as RFC 9148 section 3 uses it), or of tls-unique with TLS 1.2.
///
/// # Errors
/// It is longer than a challengePassword can be.
pub fn challenge_password(binding: &[u8]) -> Result<String, SigningError> {
    let text = STANDARD.encode(binding);
    if text.len() > limits::CHALLENGE_PASSWORD_OCTETS {
        return Err(SigningError::ChallengePassword { octets: text.len() });
    }
    Ok(text)
}

/// What has to be signed by the key of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestToSign {
    info: CertReqInfo,
    octets: Vec<u8>,
}

impl RequestToSign {
    /// A first request: this subject unless the server's template has all of one, this key (DER SubjectPublicKeyInfo), what
    /// the server asks for, and the binding to the connection.
    ///
    /// # Errors
    /// A part is malformed, or the server asks for a binding that is not there.
    pub fn new(
        subject: &Subject,
        key: &[u8],
        wanted: &CsrAttributes,
        binding: Option<&str>,
    ) -> Result<Self, SigningError> {
        let own = match subject {
            Subject::Text(text) => Name::from_str(text),
            Subject::Name(der) => Name::from_der(der),
        };
        let own = own.map_err(part("the subject"))?;
        let subject = template_subject(wanted, &own)?.unwrap_or(own);
        let extensions = wanted
            .extensions
            .iter()
            .map(|der| Extension::from_der(der))
            .collect::<Result<Vec<_>, _>>()
            .map_err(part("an extension"))?;
        if wanted.challenge_password && binding.is_none() {
            return Err(SigningError::NoBinding);
        }
        Self::of(subject, key, extensions, binding)
    }

    /// A request that renews a certificate: the same subject and the same names (RFC 7030 section 4.2.2), for this key.
    ///
    /// # Errors
    /// The certificate or the key is malformed.
    pub fn renewing(
        certificate: &[u8],
        key: &[u8],
        binding: Option<&str>,
    ) -> Result<Self, SigningError> {
        let certificate =
            Certificate::from_der(certificate).map_err(part("the certificate that is renewed"))?;
        let tbs = certificate.tbs_certificate();
        let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
        let names = extensions
            .iter()
            .filter(|extension| extension.extn_id == SUBJECT_ALT_NAME)
            .cloned()
            .collect();
        Self::of(tbs.subject().clone(), key, names, binding)
    }

    fn of(
        subject: Name,
        key: &[u8],
        extensions: Vec<Extension>,
        binding: Option<&str>,
    ) -> Result<Self, SigningError> {
        let mut attributes = SetOfVec::new();
        if let Some(binding) = binding {
            if binding.len() > limits::CHALLENGE_PASSWORD_OCTETS {
                return Err(SigningError::ChallengePassword {
                    octets: binding.len(),
                });
            }
            let value =
                Any::new(Tag::Utf8String, binding.as_bytes()).map_err(part("challengePassword"))?;
            let values = SetOfVec::try_from([value].to_vec()).map_err(part("challengePassword"))?;
            let attribute = Attribute {
                oid: CHALLENGE_PASSWORD,
                values,
            };
            attributes
                .insert(attribute)
                .map_err(part("challengePassword"))?;
        }
        if !extensions.is_empty() {
            let attribute =
                Attribute::try_from(ExtensionReq(extensions)).map_err(part("extensions"))?;
            attributes.insert(attribute).map_err(part("extensions"))?;
        }
        let info = CertReqInfo {
            version: Version::V1,
            subject,
            public_key: SubjectPublicKeyInfoOwned::from_der(key).map_err(part("the key"))?,
            attributes,
        };
        let octets = info.to_der().map_err(part("the request"))?;
        Ok(Self { info, octets })
    }

    /// The octets that are signed: DER CertificationRequestInfo.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The request with its signature; `algorithm` is a DER AlgorithmIdentifier.
    ///
    /// # Errors
    /// The algorithm is malformed.
    pub fn signed(
        self,
        algorithm: &[u8],
        signature: &[u8],
    ) -> Result<CertificationRequest, SigningError> {
        let request = CertReq {
            algorithm: AlgorithmIdentifierOwned::from_der(algorithm)
                .map_err(part("the algorithm"))?,
            signature: BitString::from_bytes(signature).map_err(part("the signature"))?,
            info: self.info,
        };
        CertificationRequest::from_der(&request.to_der().map_err(part("the request"))?)
    }
}

/// A signed certification request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificationRequest {
    der: Der,
    key: Vec<u8>,
}

impl CertificationRequest {
    /// Reads a request, of an earlier run for example. Its signature is not verified.
    ///
    /// # Errors
    /// It is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, SigningError> {
        let request = CertReq::from_der(der).map_err(part("the request"))?;
        let key = request.info.public_key.to_der().map_err(part("the key"))?;
        Ok(Self {
            der: der.into(),
            key,
        })
    }

    /// The whole request, DER.
    #[must_use]
    pub const fn der(&self) -> &Der {
        &self.der
    }

    /// The key, DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The certificate that answers this request. Only the key is compared: what a server puts into the subject is its own
    /// matter, and whether it is acceptable a policy's.
    ///
    /// # Errors
    /// None of the certificates is for the request's key.
    pub fn issued(&self, certificates: &[Der]) -> Result<Der, SigningError> {
        let is_ours = |der: &&Der| {
            let certificate = Certificate::from_der(der);
            let key = certificate
                .and_then(|found| found.tbs_certificate().subject_public_key_info().to_der());
            key.is_ok_and(|key| key == self.key)
        };
        certificates
            .iter()
            .find(is_ours)
            .cloned()
            .ok_or(SigningError::OtherKey {
                certificates: certificates.len(),
            })
    }
}

pub(super) fn part(part: &'static str) -> impl Fn(der::Error) -> SigningError {
    move |reason| SigningError::Malformed { part, reason }
}

/// The subject that a template asks for, with what it leaves open taken from our own; none when it leaves open what we do
/// not have, or asks for no subject.
fn template_subject(wanted: &CsrAttributes, own: &Name) -> Result<Option<Name>, SigningError> {
    let Some(parts) = &wanted.subject else {
        return Ok(None);
    };
    let wrong = part("the template's subject");
    let mut names: Vec<RelativeDistinguishedName> = Vec::new();
    let last = parts.iter().map(|part| part.rdn).max();
    for rdn in 0..=last.unwrap_or_default() {
        let mut set = SetOfVec::new();
        for part in parts.iter().filter(|part| part.rdn == rdn) {
            let oid = ObjectIdentifier::new(&part.kind).map_err(|error| wrong(error.into()))?;
            let value = match &part.value {
                Some(der) => Some(Any::from_der(der).map_err(&wrong)?),
                None => {
                    let mut ours = own.iter().filter(|single| single.oid == oid);
                    ours.next().map(|single| single.value.clone())
                }
            };
            let Some(value) = value else {
                return Ok(None);
            };
            set.insert(AttributeTypeAndValue { oid, value })
                .map_err(&wrong)?;
        }
        if !set.is_empty() {
            names.push(RelativeDistinguishedName::from(set));
        }
    }
    let names = RdnSequence::from(names).to_der().map_err(&wrong)?;
    Ok(Some(Name::from_der(&names).map_err(&wrong)?))
}
