//! Keys of a device: the manufacturer's, from a file, and the one that is made for a network.

use std::{fmt, fs, path::Path, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use resolvet_proto::judgement::Der;
use rustls::{
    SignatureScheme,
    crypto::aws_lc_rs::sign::any_supported_type,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, alg_id,
    pem::PemObject as _,
};
use zeroize::Zeroizing;

use super::EnrolError;

/// Octets of a key's file.
const FILE_OCTETS: u64 = 65_536;

/// A private key that signs with SHA-256. It is never shown.
#[derive(Clone)]
pub struct DeviceKey(Arc<dyn SigningKey>);

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").finish_non_exhaustive()
    }
}

fn unusable(reason: impl ToString) -> EnrolError {
    EnrolError::Key {
        reason: reason.to_string(),
    }
}

impl DeviceKey {
    /// Reads a key in PEM: PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// The file cannot be read, or holds no key that can be used.
    pub fn read(path: &Path) -> Result<Self, EnrolError> {
        let wrong = |reason: String| unusable(format!("`{}`: {reason}", path.display()));
        let length = fs::metadata(path)
            .map_err(|error| wrong(error.to_string()))?
            .len();
        if length > FILE_OCTETS {
            return Err(wrong(format!(
                "{length} octets, at most {FILE_OCTETS} are read"
            )));
        }
        let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&Zeroizing::new(text))
            .map_err(|error| wrong(error.to_string()))?;
        Self::new(&key).map_err(|error| wrong(error.to_string()))
    }

    /// Makes a key on P-256 and gives it in PKCS#8 too.
    pub(super) fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), EnrolError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| EnrolError::Random)?;
        let octets = Zeroizing::new(pkcs8.as_ref().to_vec());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(octets.as_slice()));
        Ok((Self::new(&key)?, octets))
    }

    fn new(key: &PrivateKeyDer<'_>) -> Result<Self, EnrolError> {
        any_supported_type(key).map(Self).map_err(unusable)
    }

    /// Its public part, DER SubjectPublicKeyInfo.
    pub(super) fn public(&self) -> Result<Der, EnrolError> {
        let public = self.0.public_key();
        let public = public.ok_or_else(|| unusable("it has no public part"))?;
        Ok(public.as_ref().into())
    }

    /// Signs with SHA-256: the algorithm as DER AlgorithmIdentifier, and the signature.
    pub(super) fn sign(&self, octets: &[u8]) -> Result<(Der, Der), EnrolError> {
        const SCHEMES: [SignatureScheme; 2] = [
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256,
        ];
        let signer = self.0.choose_scheme(&SCHEMES);
        let signer =
            signer.ok_or_else(|| unusable("it signs neither by ECDSA on P-256 nor by RSA"))?;
        let algorithm = match signer.scheme() {
            SignatureScheme::ECDSA_NISTP256_SHA256 => alg_id::ECDSA_SHA256,
            _ => alg_id::RSA_PKCS1_SHA256,
        };
        let signature = signer.sign(octets).map_err(unusable)?;
        Ok((sequence(algorithm), signature.into()))
    }

    /// The key with its certificates, for a handshake.
    pub(super) fn certified(&self, chain: &[Der]) -> Arc<CertifiedKey> {
        let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec()));
        Arc::new(CertifiedKey::new(chain.collect(), Arc::clone(&self.0)))
    }
}

/// rustls keeps the content of the SEQUENCE alone; both algorithms are shorter than 128 octets.
fn sequence(algorithm: AlgorithmIdentifier) -> Der {
    let mut der = vec![0x30, u8::try_from(algorithm.len()).unwrap_or_default()];
    der.extend_from_slice(&algorithm);
    der.into()
}
