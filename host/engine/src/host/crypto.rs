//! `crypto`: signatures and digests, done natively by aws-lc.

use aws_lc_rs::{
    digest,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use bytes::Bytes;
use resolvet_proto::{
    certificate::algorithm::{self, Curve, Scheme, Sha},
    judgement::{Digest, VerifiedSignature},
};
use wasmtime::{
    StoreContextMut,
    component::{WasmList, WasmStr},
};

use super::{Host, misuse};
use crate::state::State;

/// Words of the contract.
const UNSUPPORTED: &str = "unsupported-algorithm";
const MALFORMED: &str = "malformed-key";
const INVALID: &str = "invalid-signature";
/// What stands in the record for an algorithm that is not in the table.
const UNKNOWN: &str = "unknown";

type Signature = (
    WasmList<u8>,
    WasmList<u8>,
    WasmList<u8>,
    WasmList<u8>,
    WasmList<u8>,
);

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    host.func_wrap(
        "verify-signature",
        |mut store: StoreContextMut<'_, State>, parameters: Signature| {
            let (signature_algorithm, key_algorithm, key, message, signature) = &parameters;
            let lists = [signature_algorithm, key_algorithm, key, message, signature];
            let crossed = lists.map(WasmList::len).iter().sum();
            let hashed = key.len().saturating_add(message.len());
            let state = store.data_mut();
            state.cross(crossed)?;
            state.count_verification()?;
            state.count_crypto(hashed)?;
            // Nothing is copied: all five are read where they stand, in the guest's memory.
            let [signature_algorithm, key_algorithm, key, message, signature] =
                lists.map(|list| list.as_le_slice(&store));
            let row = algorithm::find(signature_algorithm, key_algorithm);
            let result = row.map_or(Err(UNSUPPORTED), |row| {
                verify(row.scheme, key, message, signature)
            });
            let record = VerifiedSignature {
                algorithm: row.map_or(UNKNOWN, |row| row.name).to_owned(),
                key: sha256(key),
                message: sha256(message),
                valid: result.is_ok(),
            };
            store.data_mut().signatures.push(record);
            Ok((result,))
        },
    )?;
    host.func_wrap(
        "digest",
        |mut store: StoreContextMut<'_, State>, (name, data): (WasmStr, WasmList<u8>)| {
            let state = store.data_mut();
            state.cross(data.len())?;
            state.count_crypto(data.len())?;
            let name = name
                .to_str(&store)
                .map_err(|_| misuse("`crypto.digest` was given text that is no UTF-8"))?;
            let algorithm = match &*name {
                "sha-256" => Some(&digest::SHA256),
                "sha-384" => Some(&digest::SHA384),
                "sha-512" => Some(&digest::SHA512),
                _ => None,
            };
            let digest = algorithm.map(|algorithm| {
                Bytes::copy_from_slice(digest::digest(algorithm, data.as_le_slice(&store)).as_ref())
            });
            Ok((digest.ok_or(UNSUPPORTED),))
        },
    )
}

/// Verifies natively; the error is the contract's word.
fn verify(
    scheme: Scheme,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), &'static str> {
    let key = ParsedPublicKey::new(native(scheme), key).map_err(|_| MALFORMED)?;
    key.verify_sig(message, signature).map_err(|_| INVALID)
}

/// The native algorithm of a row.
fn native(scheme: Scheme) -> &'static dyn VerificationAlgorithm {
    match scheme {
        Scheme::Ecdsa(Curve::P256, Sha::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P256, Sha::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P256, Sha::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P384, Sha::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P521, Sha::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        Scheme::RsaPkcs1(Sha::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1(Sha::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1(Sha::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPss(Sha::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Sha::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Sha::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        Scheme::Ed25519 => &signature::ED25519,
    }
}

/// SHA-256 by aws-lc, which is faster here than the digest of a request's portable one.
fn sha256(octets: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    Digest::from_octets(digest)
}
