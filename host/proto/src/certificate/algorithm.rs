//! The one table of signature algorithms: what a guest may have verified and what the host can verify.
//!
//! A row pairs an algorithm of the signature with one of the key, both as `AlgorithmIdentifier` without outer tag and
//! length, as rustls-pki-types has them. The name of a row is part of the contract's registry and stands in records.

use rustls_pki_types::{AlgorithmIdentifier, alg_id};

/// One pair of algorithms.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignatureAlgorithm {
    /// Its name, stable.
    pub name: &'static str,
    /// The algorithm of the signature.
    pub signature: AlgorithmIdentifier,
    /// The algorithm of the key.
    pub key: AlgorithmIdentifier,
    /// What the host does with it.
    pub scheme: Scheme,
}

/// How a signature is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// ECDSA (RFC 5758), its curve and its digest.
    Ecdsa(Curve, Sha),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), moduli of 2,048 to 8,192 bits.
    RsaPkcs1(Sha),
    /// RSASSA-PSS (RFC 8017 section 8.1), salt as long as the digest, moduli of 2,048 to 8,192 bits.
    RsaPss(Sha),
    /// Ed25519 (RFC 8410).
    Ed25519,
}

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

/// A digest of the SHA-2 family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `sha256WithRSAEncryption` without its NULL parameters, which RFC 4055 section 5 asks receivers to accept.
const RSA_PKCS1_SHA256_NO_PARAMETERS: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b,
]);
/// `sha384WithRSAEncryption`, likewise.
const RSA_PKCS1_SHA384_NO_PARAMETERS: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c,
]);
/// `sha512WithRSAEncryption`, likewise.
const RSA_PKCS1_SHA512_NO_PARAMETERS: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d,
]);

macro_rules! table {
    ($($name:literal: $signature:expr, $key:expr, $scheme:expr;)+) => {
        &[$(SignatureAlgorithm { name: $name, signature: $signature, key: $key, scheme: $scheme }),+]
    };
}

/// Every pair, the most frequent first. Nothing with MD5, SHA-1 or a key below 2,048 bits of RSA is among them
/// (RFC 9325 section 4.5; RFC 8996).
pub static TABLE: &[SignatureAlgorithm] = table! {
    "ecdsa-p256-sha256": alg_id::ECDSA_SHA256, alg_id::ECDSA_P256, Scheme::Ecdsa(Curve::P256, Sha::Sha256);
    "rsa-pkcs1-sha256": alg_id::RSA_PKCS1_SHA256, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha256);
    "ecdsa-p384-sha384": alg_id::ECDSA_SHA384, alg_id::ECDSA_P384, Scheme::Ecdsa(Curve::P384, Sha::Sha384);
    "ecdsa-p384-sha256": alg_id::ECDSA_SHA256, alg_id::ECDSA_P384, Scheme::Ecdsa(Curve::P384, Sha::Sha256);
    "ecdsa-p256-sha384": alg_id::ECDSA_SHA384, alg_id::ECDSA_P256, Scheme::Ecdsa(Curve::P256, Sha::Sha384);
    "rsa-pkcs1-sha384": alg_id::RSA_PKCS1_SHA384, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha384);
    "rsa-pkcs1-sha512": alg_id::RSA_PKCS1_SHA512, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha512);
    "rsa-pss-sha256": alg_id::RSA_PSS_SHA256, alg_id::RSA_ENCRYPTION, Scheme::RsaPss(Sha::Sha256);
    "rsa-pss-sha384": alg_id::RSA_PSS_SHA384, alg_id::RSA_ENCRYPTION, Scheme::RsaPss(Sha::Sha384);
    "rsa-pss-sha512": alg_id::RSA_PSS_SHA512, alg_id::RSA_ENCRYPTION, Scheme::RsaPss(Sha::Sha512);
    "ed25519": alg_id::ED25519, alg_id::ED25519, Scheme::Ed25519;
    "ecdsa-p521-sha512": alg_id::ECDSA_SHA512, alg_id::ECDSA_P521, Scheme::Ecdsa(Curve::P521, Sha::Sha512);
    "ecdsa-p521-sha384": alg_id::ECDSA_SHA384, alg_id::ECDSA_P521, Scheme::Ecdsa(Curve::P521, Sha::Sha384);
    "ecdsa-p521-sha256": alg_id::ECDSA_SHA256, alg_id::ECDSA_P521, Scheme::Ecdsa(Curve::P521, Sha::Sha256);
    "ecdsa-p384-sha512": alg_id::ECDSA_SHA512, alg_id::ECDSA_P384, Scheme::Ecdsa(Curve::P384, Sha::Sha512);
    "ecdsa-p256-sha512": alg_id::ECDSA_SHA512, alg_id::ECDSA_P256, Scheme::Ecdsa(Curve::P256, Sha::Sha512);
    "rsa-pkcs1-sha256-no-parameters": RSA_PKCS1_SHA256_NO_PARAMETERS, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha256);
    "rsa-pkcs1-sha384-no-parameters": RSA_PKCS1_SHA384_NO_PARAMETERS, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha384);
    "rsa-pkcs1-sha512-no-parameters": RSA_PKCS1_SHA512_NO_PARAMETERS, alg_id::RSA_ENCRYPTION, Scheme::RsaPkcs1(Sha::Sha512);
};

/// The row for this pair, each an `AlgorithmIdentifier` whole or without its outer tag and length.
#[must_use]
pub fn find(signature: &[u8], key: &[u8]) -> Option<&'static SignatureAlgorithm> {
    let (signature, key) = (content(signature), content(key));
    TABLE
        .iter()
        .find(|row| row.signature.as_ref() == signature && row.key.as_ref() == key)
}

/// The content of an `AlgorithmIdentifier`, whichever form it has. Both forms are told apart by the first octet: the
/// content begins with an OBJECT IDENTIFIER. Every algorithm of the table is shorter than 128 octets.
fn content(identifier: &[u8]) -> &[u8] {
    match identifier {
        [0x30, length, content @ ..] if usize::from(*length) == content.len() => content,
        _ => identifier,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_row_is_found_in_both_forms() {
        for row in TABLE {
            let whole = |id: &AlgorithmIdentifier| {
                let mut der: Vec<u8> = [0x30, u8::try_from(id.as_ref().len()).unwrap()].to_vec();
                der.extend_from_slice(id.as_ref());
                der
            };
            let found = find(row.signature.as_ref(), row.key.as_ref()).unwrap();
            assert_eq!(found.name, row.name);
            assert_eq!(
                find(&whole(&row.signature), &whole(&row.key)).unwrap().name,
                row.name
            );
        }
    }

    #[test]
    fn a_key_of_another_kind_is_no_pair() {
        assert!(
            find(
                alg_id::ECDSA_SHA256.as_ref(),
                alg_id::RSA_ENCRYPTION.as_ref()
            )
            .is_none()
        );
        assert!(find(&[], &[]).is_none());
    }
}
