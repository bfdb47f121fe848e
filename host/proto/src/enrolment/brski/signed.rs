//! Signed JSON: CMS SignedData with one signer (RFC 8366 section 5.4, RFC 5652 section 5).

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use cms::{
    attr::MessageDigest,
    cert::IssuerAndSerialNumber,
    content_info::CmsVersion,
    signed_data::{EncapsulatedContentInfo, SignerIdentifier, SignerInfo, SignerInfos},
};
use der::{
    Any, Decode as _, Encode as _, Tag,
    asn1::{GeneralizedTime, ObjectIdentifier, OctetString, SetOfVec, UtcTime},
    oid::db::{
        rfc5911::{ID_CONTENT_TYPE, ID_DATA, ID_MESSAGE_DIGEST},
        rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512, RSA_ENCRYPTION},
        rfc6268::ID_SIGNING_TIME,
    },
};
use rustls_pki_types::alg_id;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use thiserror::Error;
use x509_cert::{
    attr::{Attribute, Attributes},
    certificate::Certificate,
    ext::pkix::SubjectKeyIdentifier,
    spki::AlgorithmIdentifierOwned,
    time::Time,
};

use super::{Algorithms, limits};
use crate::{
    certificate::algorithm,
    enrolment::{est::CmsError, signed_data::SignedData},
    judgement::Der,
};

/// `id-ct-animaJSONVoucher` (RFC 8366 section 8.3).
const JSON_VOUCHER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.40");

/// What a signed content says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// `id-ct-animaJSONVoucher`: what the standard says.
    JsonVoucher,
    /// `id-data`: what the published vouchers have.
    Data,
}

/// Seconds since 1970; absent when the signer has no clock.
pub type SigningTime = Option<u64>;

/// A signed message cannot be made or is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// It is no CMS.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// It is larger than what is read.
    #[error("signed message of {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Its content is of another type.
    #[error(
        "content type `{presented}`, expected id-ct-animaJSONVoucher or id-data (RFC 8366 5.4)"
    )]
    ContentType {
        /// The OID.
        presented: String,
    },
    /// It has no content.
    #[error("the signed message has no content (RFC 8366 5.4)")]
    NoContent,
    /// It has not exactly one signer.
    #[error("{signers} signers, expected 1 (RFC 8366 5.4)")]
    Signers {
        /// How many it has.
        signers: usize,
    },
    /// The signer's certificate is not there.
    #[error(
        "the signer's certificate is not among the {certificates} of the message (RFC 5652 5.1)"
    )]
    NoSignerCertificate {
        /// How many there are.
        certificates: usize,
    },
    /// Signed attributes are missing where they must be.
    #[error("content type `{content_type}` without signed attributes (RFC 5652 5.3)")]
    NoSignedAttributes {
        /// The OID.
        content_type: String,
    },
    /// A signed attribute is missing, repeated or wrong.
    #[error("signed attribute `{attribute}` {problem} (RFC 5652 11)")]
    SignedAttribute {
        /// Which one.
        attribute: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The digest or signature algorithm is not one that is used here.
    #[error(
        "signature algorithm `{algorithm}` with digest `{digest}` is not acceptable (RFC 9325 4.5)"
    )]
    Algorithm {
        /// The OID of the signature's algorithm.
        algorithm: String,
        /// The OID of the digest's.
        digest: String,
    },
    /// The signature is not by the signer's key.
    #[error("the signature is not by the key of `{signer}` (RFC 5652 5.6)")]
    Signature {
        /// The subject of the signer's certificate.
        signer: String,
    },
}

impl From<der::Error> for SignatureError {
    fn from(reason: der::Error) -> Self {
        Self::Cms(CmsError::Malformed { reason })
    }
}

/// What has to be signed. The digest is SHA-256, so the signature must be made with SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSign {
    content_type: ObjectIdentifier,
    content: Vec<u8>,
    attributes: Attributes,
    octets: Vec<u8>,
    signer: IssuerAndSerialNumber,
    certificates: Vec<Any>,
}

impl ToSign {
    /// This content, to be signed by the key of the first of these certificates, DER.
    ///
    /// # Errors
    /// There is no certificate, or one is no DER.
    pub fn new(
        content: &[u8],
        kind: ContentKind,
        certificates: &[Der],
        time: SigningTime,
    ) -> Result<Self, SignatureError> {
        let content_type = match kind {
            ContentKind::JsonVoucher => JSON_VOUCHER,
            ContentKind::Data => ID_DATA,
        };
        let first = certificates
            .first()
            .ok_or(SignatureError::NoSignerCertificate { certificates: 0 })?;
        let certificate = Certificate::from_der(first)?;
        let tbs = certificate.tbs_certificate();
        let mut attributes = Attributes::new();
        let mut add = |oid, value: Any| -> der::Result<()> {
            let values = SetOfVec::try_from([value].to_vec())?;
            attributes.insert(Attribute { oid, values })
        };
        add(ID_CONTENT_TYPE, Any::encode_from(&content_type)?)?;
        let digest = Sha256::digest(content);
        add(
            ID_MESSAGE_DIGEST,
            Any::new(Tag::OctetString, digest.as_slice())?,
        )?;
        if let Some(seconds) = time {
            add(ID_SIGNING_TIME, Any::encode_from(&signing_time(seconds)?)?)?;
        }
        Ok(Self {
            content_type,
            content: content.to_vec(),
            octets: attributes.to_der()?,
            attributes,
            signer: IssuerAndSerialNumber {
                issuer: tbs.issuer().clone(),
                serial_number: tbs.serial_number().clone(),
            },
            certificates: certificates
                .iter()
                .map(|der| Any::from_der(der))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The octets that are signed: the signed attributes as a DER SET.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The whole message with its signature; `algorithm` is a DER AlgorithmIdentifier.
    ///
    /// # Errors
    /// The algorithm is malformed.
    pub fn signed(self, algorithm: &[u8], signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let digest_alg = AlgorithmIdentifierOwned {
            oid: ID_SHA_256,
            parameters: None,
        };
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(self.signer),
            digest_alg: digest_alg.clone(),
            signed_attrs: Some(self.attributes),
            signature_algorithm: AlgorithmIdentifierOwned::from_der(algorithm)?,
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let mut data = SignedData::bare(self.certificates, Vec::new())?;
        // RFC 5652 section 5.1: version 3 when the content is not id-data.
        if self.content_type != ID_DATA {
            data.version = CmsVersion::V3;
        }
        data.digest_algorithms = SetOfVec::try_from([digest_alg].to_vec())?;
        data.encap_content_info = EncapsulatedContentInfo {
            econtent_type: self.content_type,
            econtent: Some(Any::new(Tag::OctetString, self.content.as_slice())?),
        };
        data.signer_infos = SignerInfos(SetOfVec::try_from([signer].to_vec())?);
        Ok(data.to_octets()?)
    }
}

/// A signed message as it came; nothing is verified before [`Signed::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    data: SignedData,
    content: Vec<u8>,
    certificates: Vec<Der>,
}

impl Signed {
    /// Reads a message.
    ///
    /// # Errors
    /// It is too large, no SignedData with one signer, or its content is of another type.
    pub fn from_der(octets: &[u8]) -> Result<Self, SignatureError> {
        if octets.len() > limits::CMS_OCTETS {
            return Err(SignatureError::TooLarge {
                octets: octets.len(),
                limit: limits::CMS_OCTETS,
            });
        }
        let data = SignedData::read(octets)?;
        let (content_type, content) = data.content();
        if content_type != ID_DATA && content_type != JSON_VOUCHER {
            return Err(SignatureError::ContentType {
                presented: content_type.to_string(),
            });
        }
        let content = content.ok_or(SignatureError::NoContent)?.to_vec();
        let signers = data.signer_infos.0.len();
        if signers != 1 {
            return Err(SignatureError::Signers { signers });
        }
        let certificates = data.certificates(limits::CERTIFICATES)?;
        Ok(Self {
            data,
            content,
            certificates,
        })
    }

    /// The content, not verified.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The certificates of the message, DER.
    #[must_use]
    pub fn certificates(&self) -> &[Der] {
        &self.certificates
    }

    /// Verifies the signature and gives the signer's certificate, which is one of the message or one of `known`. Whether
    /// that signer is to be believed is not looked at.
    ///
    /// # Errors
    /// The signer is not there, an attribute is wrong, an algorithm is not acceptable, or the signature is another's.
    pub fn verify(&self, known: &[Der], algorithms: Algorithms) -> Result<Der, SignatureError> {
        let [signer] = self.data.signer_infos.0.as_slice() else {
            return Err(SignatureError::Signers {
                signers: self.data.signer_infos.0.len(),
            });
        };
        let (der, certificate) = self
            .certificates
            .iter()
            .chain(known)
            .filter_map(|der| Some((der, Certificate::from_der(der).ok()?)))
            .find(|(_, certificate)| is_of(&signer.sid, certificate))
            .ok_or(SignatureError::NoSignerCertificate {
                certificates: self.certificates.len(),
            })?;
        let (content_type, _) = self.data.content();
        let wrong_algorithm = || SignatureError::Algorithm {
            algorithm: signer.signature_algorithm.oid.to_string(),
            digest: signer.digest_alg.oid.to_string(),
        };
        let message = match &signer.signed_attrs {
            Some(attributes) => {
                let digest =
                    digest(signer.digest_alg.oid, &self.content).ok_or_else(wrong_algorithm)?;
                check_attributes(attributes, content_type, &digest)?;
                attributes.to_der()?
            }
            None if content_type == ID_DATA => self.content.clone(),
            None => {
                return Err(SignatureError::NoSignedAttributes {
                    content_type: content_type.to_string(),
                });
            }
        };
        let key = certificate.tbs_certificate().subject_public_key_info();
        let signature_algorithm = signature_algorithm(signer).ok_or_else(wrong_algorithm)?;
        let row = algorithm::find(&signature_algorithm, &key.algorithm.to_der()?)
            .ok_or_else(wrong_algorithm)?;
        let verifier = algorithms
            .iter()
            .find(|known| {
                known.signature_alg_id() == row.signature && known.public_key_alg_id() == row.key
            })
            .ok_or_else(wrong_algorithm)?;
        verifier
            .verify_signature(
                key.subject_public_key.raw_bytes(),
                &message,
                signer.signature.as_bytes(),
            )
            .map_err(|_| SignatureError::Signature {
                signer: crate::enrolment::quoted(
                    &certificate.tbs_certificate().subject().to_string(),
                    200,
                ),
            })?;
        Ok(der.clone())
    }
}

/// UTCTime up to 2049, GeneralizedTime from then on (RFC 5652 section 11.3).
fn signing_time(seconds: u64) -> der::Result<Time> {
    let time = Duration::from_secs(seconds);
    UtcTime::from_unix_duration(time)
        .map(Time::from)
        .or_else(|_| GeneralizedTime::from_unix_duration(time).map(Time::from))
}

fn is_of(id: &SignerIdentifier, certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            id.issuer == *tbs.issuer() && id.serial_number == *tbs.serial_number()
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            matches!(tbs.get_extension::<SubjectKeyIdentifier>(), Ok(Some((_, own))) if own == *id)
        }
    }
}

/// RFC 5652 sections 11.1 and 11.2: the type of the content and its digest, each once and with one value.
fn check_attributes(
    attributes: &Attributes,
    content_type: ObjectIdentifier,
    digest: &[u8],
) -> Result<(), SignatureError> {
    let only = |oid, name| {
        let wrong = |problem| SignatureError::SignedAttribute {
            attribute: name,
            problem,
        };
        let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (None, _) => Err(wrong("is missing")),
            (Some(_), Some(_)) => Err(wrong("stands there twice")),
            (Some(attribute), None) if attribute.values.len() != 1 => {
                Err(wrong("has not exactly one value"))
            }
            (Some(attribute), None) => Ok(attribute),
        }
    };
    let attribute = only(ID_CONTENT_TYPE, "content-type")?;
    let presented = attribute.values.as_slice().first();
    let presented = presented.and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
    if presented != Some(content_type) {
        return Err(SignatureError::SignedAttribute {
            attribute: "content-type",
            problem: "is another type than the content's",
        });
    }
    let presented = MessageDigest::try_from(only(ID_MESSAGE_DIGEST, "message-digest")?)?;
    if presented.as_bytes() != digest {
        return Err(SignatureError::SignedAttribute {
            attribute: "message-digest",
            problem: "is not the digest of the content",
        });
    }
    Ok(())
}

fn digest(algorithm: ObjectIdentifier, content: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        ID_SHA_256 => Some(Sha256::digest(content).to_vec()),
        ID_SHA_384 => Some(Sha384::digest(content).to_vec()),
        ID_SHA_512 => Some(Sha512::digest(content).to_vec()),
        _ => None,
    }
}

/// The algorithm with its digest: CMS may say `rsaEncryption` alone and leave the digest to its own field (RFC 5754 section
/// 3.2).
fn signature_algorithm(signer: &SignerInfo) -> Option<Vec<u8>> {
    if signer.signature_algorithm.oid != RSA_ENCRYPTION {
        return signer.signature_algorithm.to_der().ok();
    }
    let whole = match signer.digest_alg.oid {
        ID_SHA_256 => alg_id::RSA_PKCS1_SHA256,
        ID_SHA_384 => alg_id::RSA_PKCS1_SHA384,
        ID_SHA_512 => alg_id::RSA_PKCS1_SHA512,
        _ => return None,
    };
    Some(whole.as_ref().to_vec())
}
