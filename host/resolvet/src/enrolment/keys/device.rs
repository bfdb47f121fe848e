//! A private key, wherever it is: in memory from a file, or in a token.

use std::{fmt, path::Path, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use resolvet_proto::judgement::Der;
use rustls::{
    Error, InconsistentKeys, SignatureScheme,
    crypto::aws_lc_rs::sign::any_supported_type,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, alg_id,
    pem::PemObject as _,
};
use zeroize::Zeroizing;

use super::{KeyError, file};

/// Octets of a key's file.
pub(super) const FILE_OCTETS: usize = 65_536;

/// A private key that signs with SHA-256. It is never shown.
#[derive(Clone)]
pub struct DeviceKey(Arc<dyn SigningKey>);

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").finish_non_exhaustive()
    }
}

impl DeviceKey {
    /// Reads a key in PEM: PKCS#8, SEC1 or PKCS#1. The file has mode 0600 or less.
    ///
    /// # Errors
    /// The file cannot be read, somebody else may read it too, or it holds no key that can be used.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = file::read_secret_file(path, FILE_OCTETS)?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| KeyError::Content {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::new(&key)
    }

    /// Makes a key on P-256 and gives it in PKCS#8 too.
    pub(in crate::enrolment) fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| KeyError::Random)?;
        let octets = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok((Self::from_pkcs8(&octets)?, octets))
    }

    /// The key of these octets.
    pub(in crate::enrolment) fn from_pkcs8(octets: &[u8]) -> Result<Self, KeyError> {
        Self::new(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(octets)))
    }

    /// A key that signs by itself.
    pub(super) fn signing(key: Arc<dyn SigningKey>) -> Self {
        Self(key)
    }

    fn new(key: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        let key = any_supported_type(key);
        key.map(Self)
            .map_err(|reason| KeyError::Unusable { reason })
    }

    /// Its public part, DER SubjectPublicKeyInfo.
    pub(in crate::enrolment) fn public(&self) -> Result<Der, KeyError> {
        let public = self.0.public_key().ok_or(KeyError::NoPublic)?;
        Ok(public.as_ref().into())
    }

    /// Signs with SHA-256: the algorithm as DER AlgorithmIdentifier, and the signature. A token may take its time.
    pub(in crate::enrolment) fn sign(&self, octets: &[u8]) -> Result<(Der, Der), KeyError> {
        const SCHEMES: [SignatureScheme; 2] = [
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256,
        ];
        let signer = self.0.choose_scheme(&SCHEMES).ok_or(KeyError::NoScheme)?;
        let algorithm = match signer.scheme() {
            SignatureScheme::ECDSA_NISTP256_SHA256 => alg_id::ECDSA_SHA256,
            _ => alg_id::RSA_PKCS1_SHA256,
        };
        let signature = signer.sign(octets);
        let signature = signature.map_err(|reason| KeyError::Signing { reason })?;
        Ok((sequence(algorithm), signature.into()))
    }

    /// The key with its certificates, for a handshake.
    ///
    /// # Errors
    /// The first certificate is of another key, as far as the public part is to be had.
    pub(in crate::enrolment) fn certified(
        &self,
        chain: &[Der],
    ) -> Result<Arc<CertifiedKey>, KeyError> {
        let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec()));
        let certified = CertifiedKey::new(chain.collect(), Arc::clone(&self.0));
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(Error::InconsistentKeys(_)) => Err(KeyError::OtherCertificate),
            Err(reason) => Err(KeyError::Unusable { reason }),
        }
    }
}

/// rustls keeps the content of the SEQUENCE alone; both algorithms are shorter than 128 octets.
fn sequence(algorithm: AlgorithmIdentifier) -> Der {
    let mut der = vec![0x30, u8::try_from(algorithm.len()).unwrap_or_default()];
    der.extend_from_slice(&algorithm);
    der.into()
}
