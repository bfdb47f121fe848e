//! `tls-server-end-point`: what ties an exchange to the certificate of the connection that it runs on (RFC 5929 section 4).

use alloc::{string::String, vec::Vec};

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use thiserror::Error;
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer as _, signature_algorithm::SignatureAlgorithm,
    x509::AlgorithmIdentifier,
};

/// The name of this validation method in messages (RFC 8120 section 7).
pub(super) const VALIDATION: &str = "tls-server-end-point";

/// vh of a TLS connection: a hash of the certificate that its server presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding(Vec<u8>);

/// A certificate has no `tls-server-end-point`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindingError {
    /// It is no DER certificate.
    #[error("the server's certificate is no DER certificate (RFC 5280 4.1)")]
    Malformed,
    /// Its signature algorithm has no single hash function, so both sides cannot agree on one.
    #[error(
        "the server's certificate is signed with `{algorithm}`, for which no `tls-server-end-point` is defined (RFC 5929 4.1)"
    )]
    Undefined {
        /// The signature algorithm's object identifier.
        algorithm: String,
    },
}

impl Binding {
    /// Hashes a server's certificate with the hash of its signature algorithm; SHA-256 takes the place of MD5 and SHA-1.
    ///
    /// # Errors
    /// No certificate, or one whose signature algorithm has no single hash: Ed25519, Ed448, RSASSA-PSS with two, and
    /// everything that is not known here. The caller must not fall back to anything else: there is no other validation
    /// that keeps a man in the middle out of an unverified TLS connection.
    pub fn tls_server_end_point(certificate: &[u8]) -> Result<Self, BindingError> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| BindingError::Malformed)?;
        if !rest.is_empty() {
            return Err(BindingError::Malformed);
        }
        let algorithm = &parsed.signature_algorithm;
        let hash = hash(algorithm).ok_or_else(|| BindingError::Undefined {
            algorithm: algorithm.algorithm.to_id_string(),
        })?;
        Ok(Self(match hash {
            Hash::Sha224 => Sha224::digest(certificate).to_vec(),
            Hash::Sha256 => Sha256::digest(certificate).to_vec(),
            Hash::Sha384 => Sha384::digest(certificate).to_vec(),
            Hash::Sha512 => Sha512::digest(certificate).to_vec(),
        }))
    }

    /// vh.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Clone, Copy)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash with which a certificate signed by an algorithm is hashed.
fn hash(algorithm: &AlgorithmIdentifier<'_>) -> Option<Hash> {
    if let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = SignatureAlgorithm::try_from(algorithm)
    {
        let hash = parameters.hash_algorithm_oid().to_id_string();
        let mask = parameters.mask_gen_algorithm().ok()?;
        // One hash function only when both are the same one.
        if mask.hash.to_id_string() != hash {
            return None;
        }
        return match hash.as_str() {
            "1.3.14.3.2.26" | "2.16.840.1.101.3.4.2.1" => Some(Hash::Sha256),
            "2.16.840.1.101.3.4.2.2" => Some(Hash::Sha384),
            "2.16.840.1.101.3.4.2.3" => Some(Hash::Sha512),
            "2.16.840.1.101.3.4.2.4" => Some(Hash::Sha224),
            _ => None,
        };
    }
    match algorithm.algorithm.to_id_string().as_str() {
        // RSASSA-PKCS1-v1_5 with MD5 and SHA-1, DSA and ECDSA with SHA-1: never those themselves.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10040.4.3"
        | "1.2.840.10045.4.1" => Some(Hash::Sha256),
        // RSASSA-PKCS1-v1_5, ECDSA and DSA with SHA-2 (RFC 4055, RFC 5758).
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" | "2.16.840.1.101.3.4.3.1" => {
            Some(Hash::Sha224)
        }
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" | "2.16.840.1.101.3.4.3.2" => {
            Some(Hash::Sha256)
        }
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.3.3" => {
            Some(Hash::Sha384)
        }
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.3.4" => {
            Some(Hash::Sha512)
        }
        _ => None,
    }
}
