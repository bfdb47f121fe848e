//! The stand-in for `crypto`: it verifies really, by the same table and the same library as the host.

use aws_lc_rs::{digest as aws_digest, signature as aws};
use resolvet_proto::certificate::algorithm::{self, Curve, Scheme, Sha};

/// As `crypto.verify-signature` of the contract.
pub(crate) fn verify_signature(
    signature_algorithm: &[u8],
    key_algorithm: &[u8],
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), String> {
    let row = algorithm::find(signature_algorithm, key_algorithm).ok_or("unsupported-algorithm")?;
    let key = aws::ParsedPublicKey::new(verifier(row.scheme), key).map_err(|_| "malformed-key")?;
    key.verify_sig(message, signature)
        .map_err(|_| "invalid-signature".to_owned())
}

/// As `crypto.digest` of the contract.
pub(crate) fn digest(algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    let algorithm = match algorithm {
        "sha-256" => &aws_digest::SHA256,
        "sha-384" => &aws_digest::SHA384,
        "sha-512" => &aws_digest::SHA512,
        _ => return Err("unsupported-algorithm".to_owned()),
    };
    Ok(aws_digest::digest(algorithm, data).as_ref().to_vec())
}

fn verifier(scheme: Scheme) -> &'static dyn aws::VerificationAlgorithm {
    match scheme {
        Scheme::Ecdsa(Curve::P256, Sha::Sha256) => &aws::ECDSA_P256_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P256, Sha::Sha384) => &aws::ECDSA_P256_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P256, Sha::Sha512) => &aws::ECDSA_P256_SHA512_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha256) => &aws::ECDSA_P384_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha384) => &aws::ECDSA_P384_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha512) => &aws::ECDSA_P384_SHA512_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha256) => &aws::ECDSA_P521_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha384) => &aws::ECDSA_P521_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha512) => &aws::ECDSA_P521_SHA512_ASN1,
        Scheme::RsaPkcs1(Sha::Sha256) => &aws::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1(Sha::Sha384) => &aws::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1(Sha::Sha512) => &aws::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPss(Sha::Sha256) => &aws::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Sha::Sha384) => &aws::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Sha::Sha512) => &aws::RSA_PSS_2048_8192_SHA512,
        Scheme::Ed25519 => &aws::ED25519,
    }
}
