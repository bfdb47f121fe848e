//! Finds certification paths from the end entity to a trust anchor.
//!
//! Two ways. [`by_webpki`] is the usual one: rustls-webpki, whose signatures the host verifies. [`by_depth`] is asked
//! when webpki found nothing, because it does not process what RFC 5280 allows and private authorities use: certificate
//! policies, constraints on directory names and SRVNames, self-issued certificates, names that differ in case. Either
//! way a path counts only when every rule of [`crate::rules`] holds for it, and another is tried when one does not.

use core::cell::RefCell;

use resolvet_guest::certificate::algorithm::{SignatureAlgorithm, TABLE};
use resolvet_guest::crypto::{self, CryptoError};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
    TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

use crate::{
    certificate::{Certificate, oid},
    name,
};

/// Signatures that [`by_depth`] has verified. A path of eight certificates with two candidates for each issuer needs 16.
const SIGNATURES: u32 = 32;
/// Certificates that [`by_depth`] looks at.
const STEPS: u32 = 512;
/// Longest path, trust anchor and self-issued certificates included.
const LENGTH: usize = 18;

/// A row of the table of algorithms, verified by the host.
#[derive(Debug)]
struct Row(&'static SignatureAlgorithm);

impl SignatureVerificationAlgorithm for Row {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let Self(row) = self;
        crypto::verify_signature(
            row.signature.as_ref(),
            row.key.as_ref(),
            key,
            message,
            signature,
        )
        .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature
    }
}

/// Lets through what [`crate::rules`] judges for itself and with better words: any of these purposes, anyExtendedKeyUsage,
/// or no extension.
struct Purposes<'a>(&'a [&'static [u8]]);

impl ExtendedKeyUsageValidator for Purposes<'_> {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut absent = true;
        let any = KeyPurposeId::new(oid::ANY_EXTENDED_KEY_USAGE);
        for purpose in purposes {
            absent = false;
            let purpose = purpose?;
            if purpose == any
                || self
                    .0
                    .iter()
                    .any(|wanted| KeyPurposeId::new(wanted) == purpose)
            {
                return Ok(());
            }
        }
        if absent {
            Ok(())
        } else {
            Err(Error::EndEntityUsedAsCa)
        }
    }
}

/// Asks rustls-webpki. `accepts` is called with each path that it found valid, end entity first and anchor last, until it
/// says true.
///
/// # Errors
/// Why there is no such path.
pub(crate) fn by_webpki<'a>(
    presented: &[Certificate<'a>],
    anchors: &[Certificate<'a>],
    purposes: &[&'static [u8]],
    time: u64,
    accepts: &mut dyn FnMut(&[&Certificate<'a>]) -> bool,
) -> Result<(), Error> {
    let (end_entity, others) = presented.split_first().ok_or(Error::UnknownIssuer)?;
    let der = CertificateDer::from(end_entity.der);
    let leaf = EndEntityCert::try_from(&der)?;
    let intermediates: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|other| CertificateDer::from(other.der))
        .collect();
    let roots: Vec<TrustAnchor<'_>> = anchors.iter().map(trust_anchor).collect();
    let rows: Vec<Row> = TABLE.iter().map(Row).collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = rows
        .iter()
        .map(|row| row as &dyn SignatureVerificationAlgorithm)
        .collect();
    let accepts = RefCell::new(accepts);
    let judge = |path: &webpki::VerifiedPath<'_>| {
        let mut certificates = Vec::with_capacity(presented.len() + 1);
        certificates.push(end_entity);
        for used in path.intermediate_certificates() {
            let der = used.der();
            let same = |other: &&Certificate<'a>| core::ptr::eq(other.der.as_ptr(), der.as_ptr());
            certificates.push(others.iter().find(same).ok_or(Error::UnknownIssuer)?);
        }
        let position = roots
            .iter()
            .position(|root| core::ptr::eq(root, path.anchor()));
        certificates.push(
            position
                .and_then(|index| anchors.get(index))
                .ok_or(Error::UnknownIssuer)?,
        );
        if (accepts.borrow_mut())(&certificates) {
            Ok(())
        } else {
            Err(Error::UnknownIssuer)
        }
    };
    leaf.verify_for_usage(
        &algorithms,
        &roots,
        &intermediates,
        UnixTime::since_unix_epoch(core::time::Duration::from_secs(time)),
        Purposes(purposes),
        None,
        Some(&judge),
    )
    .map(|_| ())
}

/// An anchor's name and key. Its name constraints are judged with everybody else's in [`crate::constraints`].
fn trust_anchor<'a>(anchor: &Certificate<'a>) -> TrustAnchor<'a> {
    let content = |value: &'a [u8]| {
        crate::der::Reader::new(value)
            .value()
            .map_or(value, |value| value.content)
            .into()
    };
    TrustAnchor {
        subject: content(anchor.subject),
        subject_public_key_info: content(anchor.key_info),
        name_constraints: None,
    }
}

/// Why [`by_depth`] came to no anchor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Obstacles {
    /// A certificate with the issuer's name was there, and the signature is not by its key.
    pub(crate) bad_signature: Option<usize>,
    /// The position of one whose signature algorithm or issuer's key the host does not do.
    pub(crate) unsupported: Option<usize>,
    /// The search was given up.
    pub(crate) gave_up: bool,
}

/// Looks for paths by itself, depth first.
pub(crate) struct Search<'s, 'a> {
    pub(crate) presented: &'s [Certificate<'a>],
    pub(crate) anchors: &'s [Certificate<'a>],
    pub(crate) obstacles: Obstacles,
    signatures: u32,
    steps: u32,
}

impl<'s, 'a> Search<'s, 'a> {
    pub(crate) fn new(presented: &'s [Certificate<'a>], anchors: &'s [Certificate<'a>]) -> Self {
        Self {
            presented,
            anchors,
            obstacles: Obstacles::default(),
            signatures: SIGNATURES,
            steps: STEPS,
        }
    }

    /// As [`by_webpki`].
    pub(crate) fn by_depth(
        &mut self,
        accepts: &mut dyn FnMut(&[&Certificate<'a>]) -> bool,
    ) -> bool {
        let Some(end_entity) = self.presented.first() else {
            return false;
        };
        let mut path = Vec::with_capacity(LENGTH);
        path.push(end_entity);
        self.extend(&mut path, accepts)
    }

    fn extend(
        &mut self,
        path: &mut Vec<&'s Certificate<'a>>,
        accepts: &mut dyn FnMut(&[&Certificate<'a>]) -> bool,
    ) -> bool {
        let Some(&head) = path.last() else {
            return false;
        };
        for anchor in self.anchors {
            if self.issued(head, anchor, path.len() - 1) {
                path.push(anchor);
                let accepted = accepts(path);
                path.pop();
                if accepted {
                    return true;
                }
            }
        }
        if path.len() + 1 >= LENGTH {
            return false;
        }
        for issuer in self.presented.iter().skip(1) {
            let used = path.iter().any(|step| {
                core::ptr::eq(*step, issuer)
                    || (step.subject == issuer.subject && step.key_info == issuer.key_info)
            });
            if !used && self.issued(head, issuer, path.len() - 1) {
                path.push(issuer);
                let accepted = self.extend(path, accepts);
                path.pop();
                if accepted {
                    return true;
                }
            }
        }
        false
    }

    fn issued(
        &mut self,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        position: usize,
    ) -> bool {
        let Some(left) = self.steps.checked_sub(1) else {
            self.obstacles.gave_up = true;
            return false;
        };
        self.steps = left;
        if !name::matches(issuer.subject, certificate.issuer) {
            return false;
        }
        let Some(left) = self.signatures.checked_sub(1) else {
            self.obstacles.gave_up = true;
            return false;
        };
        self.signatures = left;
        match verify(
            certificate.signature_algorithm,
            certificate.signed,
            certificate.signature,
            issuer,
        ) {
            Ok(()) => true,
            Err(CryptoError::UnsupportedAlgorithm) => {
                self.obstacles.unsupported = Some(position);
                false
            }
            Err(_) => {
                self.obstacles.bad_signature = Some(position);
                false
            }
        }
    }
}

/// Verifies a signature by the key of a certificate.
pub(crate) fn verify(
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
    signer: &Certificate<'_>,
) -> Result<(), CryptoError> {
    crypto::verify_signature(
        algorithm,
        signer.key_algorithm,
        signer.key,
        message,
        signature,
    )
}
