//! The path from a signer or a registrar to an anchor, by rustls-webpki.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use thiserror::Error;
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert,
};

use super::Algorithms;
use crate::{certificate, judgement::Der};

/// There is no path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no path from the certificate to an anchor: {reason} (RFC 5280 6.1)")]
pub struct PathError {
    reason: String,
}

/// Whatever the key is for: no standard says which purpose a voucher's signer has, and what a registrar's must be is for
/// policies.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// Whether a path leads from this certificate over some of `others` to one of `anchors` at this time. A certificate that is
/// itself an anchor needs no path, only its validity.
pub(super) fn check(
    certificate: &[u8],
    others: &[Der],
    anchors: &[Der],
    time: u64,
    algorithms: Algorithms,
) -> Result<(), PathError> {
    let wrong = |error: webpki::Error| PathError {
        reason: error.to_string(),
    };
    if anchors.iter().any(|anchor| anchor[..] == *certificate) {
        let valid = certificate::validity(certificate)
            .is_some_and(|(from, until)| (from..=until).contains(&time));
        return if valid {
            Ok(())
        } else {
            Err(PathError {
                reason: "the anchor is not valid at this time".into(),
            })
        };
    }
    let anchors: Vec<CertificateDer<'_>> = anchors
        .iter()
        .map(|der| CertificateDer::from(&der[..]))
        .collect();
    let anchors: Vec<_> = anchors
        .iter()
        .filter_map(|der| anchor_from_trusted_cert(der).ok())
        .collect();
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|der| CertificateDer::from(&der[..]))
        .collect();
    // Only pairs of the one table count.
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = algorithms
        .iter()
        .copied()
        .filter(|known| {
            let (signature, key) = (known.signature_alg_id(), known.public_key_alg_id());
            certificate::algorithm::find(signature.as_ref(), key.as_ref()).is_some()
        })
        .collect();
    let der = CertificateDer::from(certificate);
    let leaf = EndEntityCert::try_from(&der).map_err(wrong)?;
    leaf.verify_for_usage(
        &algorithms,
        &anchors,
        &others,
        UnixTime::since_unix_epoch(Duration::from_secs(time)),
        AnyPurpose,
        None,
        None,
    )
    .map(|_| ())
    .map_err(wrong)
}
