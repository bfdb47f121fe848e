//! What `/cacerts` brings, sorted (RFC 7030 sections 4.1.3, RFC 4210 section 4.4): roots, the certificates that lead from an
//! old root to a new one and back, and the rest of the chain.

use alloc::vec::Vec;

use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _,
};

use crate::judgement::Der;

/// The certificates of a certification authority, sorted by what they are for. Nothing is verified here: who trusts them
/// trusts the connection that they came over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaCertificates {
    /// Self-signed: each may become a trust anchor.
    pub roots: Vec<Der>,
    /// An old key certified by the new one: leads from what the old root issued to the new root.
    pub old_with_new: Vec<Der>,
    /// The new key certified by the old one: leads those who know the old root to what the new one issued.
    pub new_with_old: Vec<Der>,
    /// Other authorities.
    pub chain: Vec<Der>,
    /// What is no certificate of an authority or cannot be read: not used.
    pub others: Vec<Der>,
}

impl CaCertificates {
    /// Everything that helps to build a path and is no anchor.
    pub fn intermediates(&self) -> impl Iterator<Item = &Der> {
        self.chain
            .iter()
            .chain(&self.old_with_new)
            .chain(&self.new_with_old)
    }
}

struct Authority {
    self_issued: bool,
    key_id: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
    not_before: i64,
    subject: Vec<u8>,
}

/// Sorts the certificates of an authority.
///
/// A self-issued certificate is a root unless its key identifiers say that another key signed it; which of two keys is the
/// newer one, the roots' notBefore say, and where only one of the two is there it is the current one, since that one must
/// be (RFC 7030 section 4.1.3).
#[must_use]
pub fn sort(certificates: Vec<Der>) -> CaCertificates {
    let mut sorted = CaCertificates::default();
    let mut roots: Vec<Authority> = Vec::new();
    let mut rollovers: Vec<(Der, Authority)> = Vec::new();
    for der in certificates {
        match authority(&der) {
            None => sorted.others.push(der),
            Some(found) if !found.self_issued => sorted.chain.push(der),
            Some(found)
                if found.issuer_key_id.is_some()
                    && found.key_id.is_some()
                    && found.issuer_key_id != found.key_id =>
            {
                rollovers.push((der, found));
            }
            Some(found) => {
                sorted.roots.push(der);
                roots.push(found);
            }
        }
    }
    for (der, found) in rollovers {
        let root = |key_id: &Option<Vec<u8>>| {
            let same = |root: &&Authority| root.key_id == *key_id && root.subject == found.subject;
            roots.iter().find(same).map(|root| root.not_before)
        };
        match (root(&found.key_id), root(&found.issuer_key_id)) {
            (Some(own), Some(issuer)) if own > issuer => sorted.new_with_old.push(der),
            (Some(_), None) => sorted.new_with_old.push(der),
            (_, Some(_)) => sorted.old_with_new.push(der),
            (None, None) => sorted.chain.push(der),
        }
    }
    sorted
}

/// What a certificate of an authority says about itself; a version 1 certificate that is self-issued counts as one.
fn authority(der: &[u8]) -> Option<Authority> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    let self_issued = certificate.subject().as_raw() == certificate.issuer().as_raw();
    let old = certificate.extensions().is_empty() && self_issued;
    if !rest.is_empty() || !(certificate.is_ca() || old) {
        return None;
    }
    let mut found = Authority {
        self_issued,
        key_id: None,
        issuer_key_id: None,
        not_before: certificate.validity().not_before.timestamp(),
        subject: certificate.subject().as_raw().to_vec(),
    };
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => found.key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                found.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            _ => {}
        }
    }
    Some(found)
}
