//! One walk over the answers that are known.
//!
//! The ways of discovery are gone one after another, each in a file of its own; they share the lookups, the records and the
//! candidates. A server that a later way finds again is one candidate with several sources, unless it must answer to another name
//! there.

mod associated;
mod given;
mod s_naptr;
mod services;
mod srv;
mod svcb;
mod tlsa;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use core::net::IpAddr;

use super::{
    Answer, DiscoveryNote, DomainName, Kind, NoteCode, Outcome, Protocol, Question, Template,
    Timestamp,
    limits::{ADDRESSES, CANDIDATES, LONGEST_LIFETIME, NOTES, RECORDS, SHORTEST_LIFETIME},
    record::{Data, Record},
    resolution::{Resolution, Slot},
};
use crate::judgement::{
    Candidate, Der, DnsRecord, Pin, ReferenceId, Source, Transport, limits::SOURCES,
};

/// What a walk has seen.
pub(super) struct Walk<'a> {
    resolution: &'a Resolution,
    /// Lookups that nobody asked for yet.
    pub(super) needed: Vec<Question>,
    /// How many lookups were met that are not answered.
    pub(super) open: usize,
    /// Whether a way was gone to its end and found something.
    pub(super) ready: bool,
    pub(super) records: Vec<DnsRecord>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) ends: Vec<Timestamp>,
    pub(super) notes: Vec<DiscoveryNote>,
    positions: BTreeMap<(&'a DomainName, u16, &'a [u8]), u32>,
    /// NAPTR and SRV sets that were pursued for a protocol.
    visited: BTreeSet<(Protocol, Question)>,
    /// The candidates at each place: several where they must answer to different names, or are asked under different paths.
    servers: BTreeMap<(Transport, IpAddr, u16), Vec<usize>>,
}

/// What led to where the walk is.
#[derive(Clone)]
struct Trail {
    ranks: Vec<u32>,
    evidence: Vec<u32>,
    end: Timestamp,
}

impl Trail {
    /// Nothing yet.
    const fn new() -> Self {
        Self {
            ranks: Vec::new(),
            evidence: Vec::new(),
            end: Timestamp {
                unix: u64::MAX,
                boot: u64::MAX,
            },
        }
    }

    fn ranked(&self, rank: u16) -> Self {
        let mut trail = self.clone();
        trail.ranks.push(u32::from(rank));
        trail
    }
}

/// A host to find addresses of, and what a server there would be.
#[derive(Clone)]
struct Host<'a> {
    name: &'a DomainName,
    transport: Transport,
    port: u16,
    path: Option<Template>,
    /// Configurations for an encrypted ClientHello.
    ech: Option<&'a [u8]>,
    source: Source,
    identity: Option<ReferenceId>,
    pins: &'a [Pin],
    weight: Option<u16>,
    /// It is the target of an SRV record, which must not be an alias.
    target: bool,
    /// Addresses to use where none can be looked up.
    hints: Vec<IpAddr>,
}

impl<'a> Host<'a> {
    /// A host that answers to the domain that discovery began at.
    const fn new(name: &'a DomainName, transport: Transport, port: u16, source: Source) -> Self {
        Self {
            name,
            transport,
            port,
            path: None,
            ech: None,
            source,
            identity: None,
            pins: &[],
            weight: None,
            target: false,
            hints: Vec::new(),
        }
    }
}

impl<'a> Walk<'a> {
    /// What is written down comes first, then what the domain says, then what the network says: DNR before DDR (RFC 9463
    /// section 3.1.1).
    pub(super) fn over(resolution: &'a Resolution) -> Self {
        let mut walk = Self {
            resolution,
            needed: Vec::new(),
            open: 0,
            ready: false,
            records: Vec::new(),
            candidates: Vec::new(),
            ends: Vec::new(),
            notes: Vec::new(),
            positions: BTreeMap::new(),
            visited: BTreeSet::new(),
            servers: BTreeMap::new(),
        };
        let ways = [
            Self::configured,
            Self::s_naptr,
            Self::svcb_of_domain,
            Self::services,
            Self::dnr,
            Self::ddr,
        ];
        for way in ways {
            let before = (walk.open, walk.candidates.len());
            way(&mut walk);
            walk.ready |= walk.open == before.0 && walk.candidates.len() > before.1;
        }
        walk.ready &= walk.tlsa();
        walk
    }

    /// The addresses of a host, each a candidate.
    fn host(&mut self, host: &Host<'a>, trail: &Trail) {
        if !self.port_is_possible(host) {
            return;
        }
        // All questions are put before any answer is looked at.
        let questions = [Kind::Aaaa, Kind::A].map(|kind| Question {
            name: host.name.clone(),
            kind,
        });
        let (mut none, mut found, mut open) = (0_usize, false, false);
        for question in &questions {
            match self.slot(question) {
                Some(Slot::Answered(answer, at)) => {
                    if host.target && !answer.aliases.is_empty() {
                        let message = "the target of an SRV record is an alias and is not used";
                        self.note(NoteCode::TargetIsAlias, host.name, message, "RFC 2782");
                    } else if answer.outcome == Outcome::Found {
                        found = true;
                        self.addresses(host, answer, *at, trail);
                    } else {
                        none = none.saturating_add(1);
                    }
                }
                Some(Slot::Asked) | None => open = true,
                Some(slot) => self.tell(slot, question),
            }
        }
        if found || open {
            return;
        }
        if !host.hints.is_empty() {
            // RFC 9460 section 7.3: where addresses cannot be looked up.
            for address in host.hints.iter().take(ADDRESSES) {
                self.server(host, *address, trail);
            }
        } else if none == questions.len() {
            // One family alone is enough; without either the branch fails (RFC 3958 section 2.2.4).
            let message = "the host has neither an AAAA nor an A record";
            self.note(NoteCode::NoRecords, host.name, message, "RFC 3958 2.2.4");
        }
    }

    fn port_is_possible(&mut self, host: &Host<'_>) -> bool {
        let possible = !super::svcb::is_bad_port(host.port);
        if !possible {
            let message = format!("port {} is not possible for {}", host.port, host.transport);
            let reference = match host.port {
                0 | 53 => "RFC 7858 3.1",
                _ => "RFC 9461 6",
            };
            self.note(NoteCode::ForbiddenPort, host.name, message, reference);
        }
        possible
    }

    fn addresses(&mut self, host: &Host<'_>, answer: &'a Answer, at: Timestamp, trail: &Trail) {
        let Some(trail) = self.keep_all(trail, &answer.aliases, at) else {
            return;
        };
        if answer.records.len() > ADDRESSES {
            let message = format!(
                "{} addresses, the first {ADDRESSES} are used",
                answer.records.len()
            );
            self.note(NoteCode::TooManyAddresses, host.name, message, "");
        }
        for record in answer.records.iter().take(ADDRESSES) {
            let Data::Address(address) = record.data else {
                continue;
            };
            let Some(trail) = self.keep(&trail, record, at) else {
                return;
            };
            self.server(host, address, &trail);
        }
    }

    /// A candidate, or a further source of one.
    fn server(&mut self, host: &Host<'_>, address: IpAddr, trail: &Trail) {
        if !can_be_a_server(address) {
            let message = format!("no server can have the address {address}");
            return self.note(
                NoteCode::ForbiddenAddress,
                host.name,
                message,
                "RFC 6890 2.2",
            );
        }
        let key = (host.transport.clone(), address, host.port);
        let there = self.servers.get(&key).into_iter().flatten().copied();
        let mut known = there.filter(|position| {
            let candidate = self.candidates.get(*position);
            candidate.is_some_and(|candidate| is_same(candidate, host))
        });
        if let Some(position) = known.next() {
            return self.found_again(position, host, trail);
        }
        if self.candidates.len() >= CANDIDATES {
            let message = format!("more than {CANDIDATES} candidates, the rest is left out");
            return self.note_all(NoteCode::TooManyCandidates, message, "");
        }
        let position = self.candidates.len();
        self.servers.entry(key).or_default().push(position);
        self.ends.push(trail.end);
        self.candidates.push(Candidate {
            transport: host.transport.clone(),
            address,
            port: host.port,
            target: host.name.without_dot().into(),
            source: host.source.clone(),
            also: Vec::new(),
            path: host.path.as_ref().map(|path| path.as_str().into()),
            ech: host.ech.map(Der::from),
            identity: host.identity.clone(),
            pins: host.pins.to_vec(),
            ranks: trail.ranks.clone(),
            weight: host.weight,
            evidence: trail.evidence.clone(),
        });
    }

    /// The way that counts first says what the server must answer to; a later one adds itself, what it rests on, and a path and
    /// configurations that were not known.
    fn found_again(&mut self, position: usize, host: &Host<'_>, trail: &Trail) {
        let Some(known) = self.candidates.get_mut(position) else {
            return;
        };
        let is_new = known.sources().all(|source| *source != host.source);
        if is_new && known.also.len() < SOURCES - 1 {
            known.also.push(host.source.clone());
            for evidence in &trail.evidence {
                if !known.evidence.contains(evidence) {
                    known.evidence.push(*evidence);
                }
            }
        }
        if known.path.is_none() {
            known.path = host.path.as_ref().map(|path| path.as_str().into());
        }
        if known.ech.is_none() {
            known.ech = host.ech.map(Der::from);
        }
        if !is_new {
            let message = format!("{} port {} was found before", known.address, host.port);
            self.note(NoteCode::Duplicate, host.name, message, "");
        }
    }

    /// What is known of a lookup; what nobody asked for yet is needed.
    fn slot(&mut self, question: &Question) -> Option<&'a Slot> {
        let slot = self.resolution.lookups.get(question);
        match slot {
            None => {
                self.open = self.open.saturating_add(1);
                if !self.needed.contains(question) {
                    self.needed.push(question.clone());
                }
            }
            Some(Slot::Asked) => self.open = self.open.saturating_add(1),
            Some(Slot::Answered(answer, _)) => {
                for note in &answer.notes {
                    self.push(note.clone());
                }
            }
            _ => {}
        }
        slot
    }

    /// The records that a lookup brought; otherwise a note says why there are none.
    fn found(&mut self, question: &Question) -> Option<(&'a Answer, Timestamp)> {
        let slot = self.slot(question)?;
        self.tell(slot, question);
        match slot {
            Slot::Answered(answer, at) if answer.outcome == Outcome::Found => Some((answer, *at)),
            _ => None,
        }
    }

    fn tell(&mut self, slot: &Slot, question: &Question) {
        if let Some(note) = slot.note(question) {
            self.push(note);
        }
    }

    /// The trail with one more record as evidence; `None` when no more are kept.
    fn keep(&mut self, trail: &Trail, record: &'a Record, at: Timestamp) -> Option<Trail> {
        let key = (&record.owner, record.rtype, record.rdata.as_slice());
        let position = match self.positions.get(&key) {
            Some(position) => *position,
            None if self.records.len() >= RECORDS => {
                let message = format!("more than {RECORDS} records, the rest is left out");
                self.note_all(NoteCode::TooManyRecords, message, "");
                return None;
            }
            None => {
                let position = u32::try_from(self.records.len()).ok()?;
                self.positions.insert(key, position);
                self.records.push(record.evidence());
                position
            }
        };
        let mut trail = trail.clone();
        trail.evidence.push(position);
        let lifetime = record.ttl.clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME);
        trail.end = trail.end.earlier(at.after_seconds(u64::from(lifetime)));
        Some(trail)
    }

    fn keep_all(&mut self, trail: &Trail, records: &'a [Record], at: Timestamp) -> Option<Trail> {
        records
            .iter()
            .try_fold(trail.clone(), |trail, record| self.keep(&trail, record, at))
    }

    fn note(
        &mut self,
        code: NoteCode,
        owner: &DomainName,
        message: impl Into<String>,
        reference: &str,
    ) {
        self.push(DiscoveryNote::new(code, owner.as_str(), message, reference));
    }

    /// A note about discovery as a whole.
    fn note_all(&mut self, code: NoteCode, message: impl Into<String>, reference: &str) {
        let domain = self.resolution.plan.domain.as_ref();
        let owner = domain.map_or(svcb::RESOLVER, DomainName::as_str);
        self.push(DiscoveryNote::new(code, owner, message, reference));
    }

    fn push(&mut self, note: DiscoveryNote) {
        if self.notes.len() < NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Whether what was found at the place of a candidate is that candidate.
fn is_same(known: &Candidate, host: &Host<'_>) -> bool {
    if host.source == Source::Ddr && known.source != Source::Ddr {
        // RFC 9463 section 3.1.1: what the network or a person says of a server counts before what its resolver says.
        return true;
    }
    let is_pinned_so = host.pins.is_empty() || host.pins == known.pins;
    let is_path = match (&known.path, &host.path) {
        (Some(known), Some(path)) => known.as_str() == path.as_str(),
        _ => true,
    };
    known.identity == host.identity && is_pinned_so && is_path
}

/// Loopback and private addresses are left to policies: an enterprise's resolver has one.
fn can_be_a_server(address: IpAddr) -> bool {
    let mapped = match address {
        IpAddr::V4(address) => address.is_broadcast(),
        IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
    };
    !(mapped || address.is_unspecified() || address.is_multicast())
}
