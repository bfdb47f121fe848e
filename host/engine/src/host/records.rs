//! `records`: the DNS records that discovery rests on.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lower};

use super::{Crossing, Host, count, fact, shared};

/// One record as it came.
#[derive(ComponentType, Lower)]
#[component(record)]
struct DnsRecord {
    owner: String,
    rtype: u16,
    ttl: u32,
    rdata: Bytes,
}

impl Crossing for DnsRecord {
    fn octets(&self) -> usize {
        self.owner.len() + self.rdata.len() + size_of::<u16>() + size_of::<u32>()
    }
}

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "count", |facts, (): ()| count(&facts.request.records))?;
    fact(host, "get", |facts, (index,): (u32,)| {
        facts
            .request
            .records
            .get(index as usize)
            .map(|record| DnsRecord {
                owner: record.owner.clone(),
                rtype: record.rtype,
                ttl: record.ttl,
                rdata: shared(&record.rdata),
            })
    })?;
    // A record that does not exist has a state that nobody knows.
    fact(host, "dnssec", |facts, (index,): (u32,)| {
        let record = facts.request.records.get(index as usize);
        record
            .map_or("indeterminate", |record| record.dnssec.as_str())
            .to_owned()
    })
}
