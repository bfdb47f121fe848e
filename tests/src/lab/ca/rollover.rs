//! A certification authority that changes its root's key (RFC 4210 section 4.4, RFC 7030 section 4.1.3).

use anyhow::Result;
use rcgen::BasicConstraints;
use rustls_pki_types::CertificateDer;

use super::leaf::Algorithm;
use super::{Authority, ROOT_NAME, issuer};

/// An authority that follows another one under the same name, and what leads from one to the other.
#[derive(Debug)]
pub struct Rollover {
    /// Who certifies from now on.
    pub new: Authority,
    /// The old root's key, certified by the new one.
    pub old_with_new: CertificateDer<'static>,
    /// The new root's key, certified by the old one.
    pub new_with_old: CertificateDer<'static>,
}

impl Authority {
    /// An authority with new keys that follows this one.
    ///
    /// # Errors
    /// When keys or certificates cannot be made.
    pub fn roll_over(&self) -> Result<Rollover> {
        let new = Self::with_algorithm(Algorithm::EcP256)?;
        let root = issuer(ROOT_NAME, BasicConstraints::Unconstrained);
        let (before, after) = (&self.trusted.root, &new.trusted.root);
        Ok(Rollover {
            old_with_new: root.signed_by(before.key(), after)?.into(),
            new_with_old: root.signed_by(after.key(), before)?.into(),
            new,
        })
    }
}
