//! The DNS records that discovery rests on (`wit/records.wit`). They came from a resolver that is not trusted.

use resolvet_proto::judgement::Dnssec;

use crate::host::records as host;

/// One record as it came, names uncompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRecord {
    /// Owner name in presentation form, absolute, lower-case A-labels.
    pub owner: String,
    /// The type's number.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// The record's data, names uncompressed.
    pub rdata: Vec<u8>,
}

/// How many records there are.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// One of them.
#[must_use]
pub fn get(index: u32) -> Option<DnsRecord> {
    let record = host::get(index)?;
    Some(DnsRecord {
        owner: record.owner,
        rtype: record.rtype,
        ttl: record.ttl,
        rdata: record.rdata,
    })
}

/// All of them in order, each fetched when it is reached.
pub fn all() -> impl Iterator<Item = DnsRecord> {
    (0..count()).map_while(get)
}

/// DNSSEC state of one of them (RFC 4035 section 4.3).
#[must_use]
pub fn dnssec(index: u32) -> Dnssec {
    Dnssec::from(host::dnssec(index).as_str())
}
