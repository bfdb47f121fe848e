//! What ties a login to the connection that it runs on.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::PROFILE;

/// A connection: the exporter's value that names it (RFC 9266), and the certificate that its server presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    exporter: [u8; 32],
    certificate: [u8; 32],
}

impl Binding {
    /// The exporter's 32 octets, which must be those of TLS 1.3, and the server's certificate, DER.
    ///
    /// The exporter alone names the connection. The certificate is bound beside it, so that a server whose TLS ends
    /// elsewhere, where somebody hands the wrong exporter on, still answers for its certificate alone.
    #[must_use]
    pub fn new(exporter: [u8; 32], certificate: &[u8]) -> Self {
        Self {
            exporter,
            certificate: Sha256::digest(certificate).into(),
        }
    }

    /// The exporter: no two connections have the same.
    pub(super) const fn exporter(&self) -> &[u8; 32] {
        &self.exporter
    }

    /// OPAQUE's context (RFC 9807 section 6.4): profile and version, connection, certificate, and the server's identity.
    pub(super) fn context(&self, realm: &str) -> Vec<u8> {
        [PROFILE, &self.exporter, &self.certificate, realm.as_bytes()].concat()
    }
}
