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

/// What a certificate says about itself.
struct Found {
    der: Der,
    is_authority: bool,
    self_issued: bool,
    key_id: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
    not_before: i64,
}

/// Sorts the certificates of an authority.
///
/// A root is self-issued, and its key identifiers do not say that another key signed it. What certifies one root's key by
/// another's leads from one to the other; which of the two is the newer, notBefore of the roots says, and where only one of
/// the two is there it is the current one, since that one must be (RFC 7030 section 4.1.3).
#[must_use]
pub fn sort(certificates: Vec<Der>) -> CaCertificates {
    let mut sorted = CaCertificates::default();
    let mut roots: Vec<Found> = Vec::new();
    let mut rest: Vec<Found> = Vec::new();
    for der in certificates {
        match read(&der) {
            None => sorted.others.push(der),
            Some(found) if found.is_root() => roots.push(found),
            Some(found) => rest.push(found),
        }
    }
    for found in rest {
        let root = |key_id: &Option<Vec<u8>>| {
            let same = |root: &&Found| key_id.is_some() && root.key_id == *key_id;
            roots.iter().find(same).map(|root| root.not_before)
        };
        let list = match (root(&found.key_id), root(&found.issuer_key_id)) {
            (Some(own), Some(issuer)) if own > issuer => &mut sorted.new_with_old,
            (Some(_), Some(_)) => &mut sorted.old_with_new,
            (Some(_), None) if found.self_issued => &mut sorted.new_with_old,
            (None, Some(_)) if found.self_issued => &mut sorted.old_with_new,
            _ if found.is_authority => &mut sorted.chain,
            _ => &mut sorted.others,
        };
        list.push(found.der);
    }
    sorted.roots = roots.into_iter().map(|root| root.der).collect();
    sorted
}

impl Found {
    fn is_root(&self) -> bool {
        let by_itself = self.issuer_key_id.is_none() || self.issuer_key_id == self.key_id;
        self.is_authority && self.self_issued && by_itself
    }
}

fn read(der: &Der) -> Option<Found> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let self_issued = certificate.subject().as_raw() == certificate.issuer().as_raw();
    let mut found = Found {
        der: der.clone(),
        // A self-issued certificate of version 1 has no way to say so.
        is_authority: certificate.is_ca() || (certificate.extensions().is_empty() && self_issued),
        self_issued,
        key_id: None,
        issuer_key_id: None,
        not_before: certificate.validity().not_before.timestamp(),
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
