//! Updates to DANE: what TLSA records that were validated by DNSSEC do to `pkix`.

mod section_5;
mod section_9;

use resolvet_proto::judgement::{Der, DnsRecord, Dnssec, Request, Server, Transport};
use sha2::{Digest as _, Sha256, Sha512};

use crate::world::SERVER;

/// Certificate usages.
pub(crate) const PKIX_TA: u8 = 0;
pub(crate) const PKIX_EE: u8 = 1;
pub(crate) const DANE_TA: u8 = 2;
pub(crate) const DANE_EE: u8 = 3;
/// The settings that obey records.
pub(crate) const USE: &str = r#"{"dane": "use"}"#;
pub(crate) const REQUIRE: &str = r#"{"dane": "require"}"#;

/// A secure TLSA record of the server with a digest (1: SHA-256, 2: SHA-512) or the octets themselves (0).
pub(crate) fn tlsa(usage: u8, selector: u8, matching: u8, octets: &[u8]) -> DnsRecord {
    let data = match matching {
        0 => octets.to_vec(),
        1 => Sha256::digest(octets).to_vec(),
        _ => Sha512::digest(octets).to_vec(),
    };
    DnsRecord {
        owner: format!("_853._tcp.{SERVER}."),
        rtype: 52,
        ttl: 300,
        rdata: Der::from([&[usage, selector, matching][..], &data].concat()),
        dnssec: Dnssec::Secure,
    }
}

/// The request about the server over TLS, with these records.
pub(crate) fn with(mut request: Request, records: impl IntoIterator<Item = DnsRecord>) -> Request {
    request.authentication_domain_name = Some(SERVER.into());
    request.server = Some(Server {
        ech: None,
        transport: Transport::Dot,
        path: None,
        address: [192, 0, 2, 1].into(),
        port: 853,
    });
    request.records = records.into_iter().collect();
    request
}
