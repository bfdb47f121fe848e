//! What discovery yielded: servers, and the DNS records that they rest on.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    Der, Pin, ReferenceId, Server,
    words::{Dnssec, Source, Transport},
};

/// A DNS record as it came, names uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DnsRecord {
    /// Owner in presentation form, absolute, lower case.
    pub owner: String,
    /// The type's number.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Data, names uncompressed.
    pub rdata: Der,
    /// DNSSEC state.
    #[serde(default = "indeterminate")]
    pub dnssec: Dnssec,
}

fn indeterminate() -> Dnssec {
    Dnssec::Indeterminate
}

/// A server that discovery yielded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Candidate {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The host name that the address belongs to. Never a reference identifier (RFC 9525 section 6.1).
    pub target: String,
    /// Which way found it: the first that counts when several did.
    pub source: Source,
    /// The further ways that found it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Source>,
    /// DoH: the path of its URI template ([`Server::path`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Configurations with which the ClientHello is encrypted ([`Server::ech`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<Der>,
    /// What it must answer to where that is not the domain that discovery began at: the name that a DNR option gave, the
    /// address of the resolver that designated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ReferenceId>,
    /// Digests of which its certification path must have one; none: any path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// The administrator's ranks, smaller first, from the outermost rule to the innermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<u32>,
    /// The weight of the SRV record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Positions, in the request's records, of what it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u32>,
}

impl Candidate {
    /// Where it is.
    #[must_use]
    pub fn server(&self) -> Server {
        Server {
            transport: self.transport.clone(),
            address: self.address,
            port: self.port,
            path: self.path.clone(),
            ech: self.ech.clone(),
        }
    }

    /// Every way that found it, the first that counts first.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        core::iter::once(&self.source).chain(&self.also)
    }

    pub(super) fn has_later_facts(&self) -> bool {
        let more = !self.also.is_empty() || !self.pins.is_empty();
        more || self.path.is_some() || self.identity.is_some()
    }
}
