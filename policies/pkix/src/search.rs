//! Finds certification paths from the end entity to a trust anchor.
//!
//! Two ways. [`by_webpki`] is the usual one: rustls-webpki, whose signatures the host verifies. [`by_depth`] is asked
//! when webpki found nothing, because it does not process what RFC 5280 allows and private authorities use: certificate
//! policies, constraints on directory names and SRVNames, self-issued certificates, names that differ in case; and at
//! once where authorities share a name ([`have_namesakes`]). Either way a path counts only when none of its keys is
//! known to be compromised and every rule of [`crate::rules`] holds for it, and another is tried when that is not so.

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

/// Whether two of the presented authorities have one name. webpki tries them in every order and verifies a signature for
/// each: a peer that presents enough of them would have it spend all that the host verifies in one evaluation.
pub(crate) fn have_namesakes(presented: &[Certificate<'_>]) -> bool {
    let authorities = presented.get(1..).unwrap_or_default();
    authorities.iter().enumerate().any(|(position, one)| {
        let before = authorities.get(..position).unwrap_or_default();
        before.iter().any(|other| other.subject == one.subject)
    })
}

/// A certificate by an issuer without a name, which nobody signed; valid from 1970 on.
const UNSIGNED: &[u8] = b"\x30\x40\x30\x35\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x03\x06\x01\x2a\x30\x00\
    \x30\x20\x17\x0d700101000000Z\x18\x0f99991231235959Z\x30\x00\x30\x00\x30\x03\x06\x01\x2a\x03\x02\x00\x00";

/// Whether webpki knows this key, a `SubjectPublicKeyInfo` with tag and length, to be compromised. Its list is not public: it
/// is asked by a certificate of which the key would be the anchor, since anchors' keys are looked up before any signature.
fn is_distrusted(key_info: &[u8]) -> bool {
    let der = CertificateDer::from(UNSIGNED);
    let anchors = [TrustAnchor {
        subject: b"".as_slice().into(),
        subject_public_key_info: content(key_info).into(),
        name_constraints: None,
    }];
    EndEntityCert::try_from(&der).is_ok_and(|leaf| {
        let time = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        let outcome = leaf.verify_for_usage(&[], &anchors, &[], time, Purposes(&[]), None, None);
        matches!(outcome, Err(Error::CertDistrusted))
    })
}

/// The content of a value; the whole where it is none.
fn content(value: &[u8]) -> &[u8] {
    crate::der::Reader::new(value)
        .value()
        .map_or(value, |value| value.content)
}

/// An anchor's name and key. Its name constraints are judged with everybody else's in [`crate::constraints`].
fn trust_anchor<'a>(anchor: &Certificate<'a>) -> TrustAnchor<'a> {
    TrustAnchor {
        subject: content(anchor.subject).into(),
        subject_public_key_info: content(anchor.key_info).into(),
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
    /// A path was there, and one of its keys is known to be compromised.
    pub(crate) distrusted: bool,
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
                let accepted = self.trusts(path) && accepts(path);
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

    fn trusts(&mut self, path: &[&Certificate<'_>]) -> bool {
        let distrusted = path.iter().any(|step| is_distrusted(step.key_info));
        self.obstacles.distrusted |= distrusted;
        !distrusted
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of emSign DV TLS CA - G3B, which webpki knows to be compromised.
    const COMPROMISED: &str = "3076301006072a8648ce3d020106052b8104002203620004e79ed9c04a9773c4735e51111da85ac2\
        bd5e64ab374b80e12cbc2038ec1e4f0e3b812fc9859e1e67afb04e2f8bc97f7485ba65aa911ee8a4\
        e45b62d5cc03d56be678b3c38cb4dc937ca2460e238453c892935d29d44f91e15606b63ccedab468";

    #[test]
    fn compromised_keys_are_known() {
        let octets = (0..COMPROMISED.len()).step_by(2);
        let mut key: Vec<u8> = octets
            .map(|at| u8::from_str_radix(&COMPROMISED[at..at + 2], 16).unwrap())
            .collect();
        assert!(is_distrusted(&key));
        *key.last_mut().unwrap() ^= 1;
        assert!(!is_distrusted(&key));
        assert!(!is_distrusted(&[]));
    }
}
