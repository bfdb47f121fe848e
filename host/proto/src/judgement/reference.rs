//! Whom a peer must prove to be: its names, and the digests that pin its keys.

use alloc::string::String;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Digest, digest::Writer};

/// A reference identifier (RFC 9525 section 6.1). In JSON `{"dns-id": "dns.example.net"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReferenceId {
    /// A DNS name, lower case, without a final dot.
    DnsId(String),
    /// An address.
    IpId(IpAddr),
    /// A service name (RFC 4985), `_service.name`.
    SrvId(String),
}

impl ReferenceId {
    /// `dns-id`, `ip-id` or `srv-id`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DnsId(_) => "dns-id",
            Self::IpId(_) => "ip-id",
            Self::SrvId(_) => "srv-id",
        }
    }

    /// The identifier in text.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::DnsId(name) | Self::SrvId(name) => name.clone(),
            Self::IpId(address) => alloc::format!("{address}"),
        }
    }
}

/// A digest that a certificate of the certification path must have. In JSON `{"spki-sha256": "64 hexadecimal digits"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pin {
    /// SHA-256 of a `SubjectPublicKeyInfo` (RFC 7858 section 4.2).
    SpkiSha256(Digest),
    /// SHA-256 of a `TBSCertificate`, as DNS stamps have it.
    TbsSha256(Digest),
}

impl Pin {
    /// `spki-sha256` or `tbs-sha256`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SpkiSha256(_) => "spki-sha256",
            Self::TbsSha256(_) => "tbs-sha256",
        }
    }

    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        match self {
            Self::SpkiSha256(digest) | Self::TbsSha256(digest) => digest,
        }
    }

    pub(super) fn write(w: &mut Writer, pin: &Self) {
        w.text(pin.kind());
        w.octets(pin.digest().as_octets());
    }
}
