//! The servers that discovery yielded, in discovery's own order (`wit/candidates.wit`).

use std::net::IpAddr;

use resolvet_proto::judgement::{Source, Transport};

use super::context::{ReferenceIdentifier, reference_identifier};
use crate::host::candidates as host;

/// A server that discovery yielded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The host name that the address belongs to. Never a reference identifier (RFC 9525 section 6.1).
    pub target: String,
    /// Which way found it.
    pub source: Source,
}

/// How many there are.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// One of them. Absent beyond the end.
#[must_use]
pub fn get(index: u32) -> Option<Candidate> {
    let candidate = host::get(index)?;
    Some(Candidate {
        transport: Transport::from(candidate.transport.as_str()),
        address: super::address(&candidate.address)?,
        port: candidate.port,
        target: candidate.target,
        source: Source::from(candidate.source.as_str()),
    })
}

/// All of them with their positions, each fetched when it is reached.
pub fn all() -> impl Iterator<Item = (u32, Candidate)> {
    (0..count()).filter_map(|index| Some((index, get(index)?)))
}

/// The administrator's ranks, smaller first, from the outermost rule to the innermost.
#[must_use]
pub fn ranks(index: u32) -> Vec<u32> {
    host::ranks(index)
}

/// The SRV record's weight (RFC 2782).
#[must_use]
pub fn weight(index: u32) -> Option<u16> {
    host::weight(index)
}

/// The positions of the records that it rests on.
#[must_use]
pub fn evidence(index: u32) -> Vec<u32> {
    host::evidence(index)
}

/// Every way that found it, the one in [`Candidate::source`] first.
#[must_use]
pub fn sources(index: u32) -> Vec<Source> {
    let words = host::sources(index).unwrap_or_default();
    words
        .iter()
        .map(|word| Source::from(word.as_str()))
        .collect()
}

/// DoH: the path of its URI template, `/dns-query{?dns}`.
#[must_use]
pub fn path(index: u32) -> Option<String> {
    host::path(index)
}

/// What it must answer to where that is not the domain that discovery began at, as kind and value.
#[must_use]
pub fn identity(index: u32) -> Option<ReferenceIdentifier> {
    host::identity(index).map(reference_identifier)
}
