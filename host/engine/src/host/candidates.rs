//! `candidates`: the servers that discovery yielded, as far as the selectors before this one left them.

use bytes::Bytes;
use resolvet_proto::judgement;
use wasmtime::component::{ComponentType, Lower};

use super::{Crossing, Host, address_octets, count, fact, words};
use crate::state::Facts;

/// One candidate.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Candidate {
    transport: String,
    address: Bytes,
    port: u16,
    target: String,
    source: String,
}

impl Crossing for Candidate {
    fn octets(&self) -> usize {
        let texts = self.transport.len() + self.target.len() + self.source.len();
        texts + self.address.len() + size_of::<u16>()
    }
}

/// The candidate at this position of those that are offered.
fn offered(facts: &Facts, index: u32) -> Option<&judgement::Candidate> {
    let own = match &facts.offered {
        Some(offered) => *offered.get(index as usize)?,
        None => index,
    };
    facts.request.candidates.get(own as usize)
}

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "count", |facts, (): ()| match &facts.offered {
        Some(offered) => count(offered),
        None => count(&facts.request.candidates),
    })?;
    fact(host, "get", |facts, (index,): (u32,)| {
        offered(facts, index).map(|candidate| Candidate {
            transport: candidate.transport.as_str().to_owned(),
            address: address_octets(candidate.address),
            port: candidate.port,
            target: candidate.target.clone(),
            source: candidate.source.as_str().to_owned(),
        })
    })?;
    fact(host, "ranks", |facts, (index,): (u32,)| {
        offered(facts, index)
            .map(|candidate| candidate.ranks.clone())
            .unwrap_or_default()
    })?;
    fact(host, "weight", |facts, (index,): (u32,)| {
        offered(facts, index).and_then(|candidate| candidate.weight)
    })?;
    fact(host, "evidence", |facts, (index,): (u32,)| {
        offered(facts, index)
            .map(|candidate| candidate.evidence.clone())
            .unwrap_or_default()
    })?;
    fact(host, "sources", |facts, (index,): (u32,)| {
        offered(facts, index).map(|candidate| words(candidate.sources()))
    })?;
    fact(host, "path", |facts, (index,): (u32,)| {
        offered(facts, index).and_then(|candidate| candidate.path.clone())
    })?;
    fact(host, "identity", |facts, (index,): (u32,)| {
        let identity = offered(facts, index)?.identity.as_ref()?;
        Some((identity.kind().to_owned(), identity.value()))
    })
}
