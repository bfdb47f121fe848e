//! One walk over the answers that are known.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::Vec,
};
use core::net::IpAddr;

use super::{
    Answer, DiscoveryNote, DomainName, Kind, Naptr, NoteCode, Outcome, Protocol, Question, Srv,
    Timestamp,
    limits::{
        ADDRESSES, CANDIDATES, DEPTH, LONGEST_LIFETIME, MATCHES, NOTES, RECORDS, SHORTEST_LIFETIME,
        TARGETS,
    },
    record::{Data, Record, SERVICE},
    s_naptr::{SNaptr, Slot},
    srv::{self, Dice},
};
use crate::judgement::{Candidate, DnsRecord, Source};

/// What a walk has seen.
pub(super) struct Walk<'a> {
    resolution: &'a SNaptr,
    /// Lookups that nobody asked for yet.
    pub(super) needed: Vec<Question>,
    /// Whether a lookup is under way.
    pub(super) waiting: bool,
    pub(super) records: Vec<DnsRecord>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) ends: Vec<Timestamp>,
    pub(super) notes: Vec<DiscoveryNote>,
    positions: BTreeMap<(&'a DomainName, u16, &'a [u8]), u32>,
    visited: BTreeSet<(Protocol, Question)>,
    servers: BTreeSet<(Protocol, IpAddr, u16)>,
}

/// How the walk came to where it is.
#[derive(Clone)]
struct Path {
    protocol: Protocol,
    /// The names whose NAPTR records led here.
    names: Vec<DomainName>,
    ranks: Vec<u32>,
    evidence: Vec<u32>,
    end: Timestamp,
}

/// A host to find addresses of.
struct Host<'a> {
    name: &'a DomainName,
    port: u16,
    weight: Option<u16>,
    /// It is the target of an SRV record, which must not be an alias.
    target: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn over(resolution: &'a SNaptr) -> Self {
        let mut walk = Self {
            resolution,
            needed: Vec::new(),
            waiting: false,
            records: Vec::new(),
            candidates: Vec::new(),
            ends: Vec::new(),
            notes: Vec::new(),
            positions: BTreeMap::new(),
            visited: BTreeSet::new(),
            servers: BTreeSet::new(),
        };
        walk.domain();
        walk
    }

    /// The first set of records says which protocols there are and which comes first (RFC 3958 section 2.2.5).
    fn domain(&mut self) {
        let question = Question {
            name: self.resolution.domain.clone(),
            kind: Kind::Naptr,
        };
        let Some((answer, at)) = self.found(&question) else {
            return;
        };
        let mut protocols: Vec<Protocol> = Vec::new();
        for naptr in naptrs(answer) {
            for protocol in naptr.protocols() {
                if !protocols.contains(&protocol) {
                    protocols.push(protocol);
                }
            }
            self.unknown_protocols(&question.name, naptr);
        }
        if protocols.is_empty() {
            let message = format!(
                "no NAPTR record is for the service {SERVICE} and a protocol that is known"
            );
            self.note(
                NoteCode::NoMatchingRecord,
                &question.name,
                message,
                "RFC 3958 2.2.2",
            );
        }
        for protocol in protocols {
            let end = Timestamp {
                unix: u64::MAX,
                boot: u64::MAX,
            };
            let path = Path {
                protocol,
                names: Vec::new(),
                ranks: Vec::new(),
                evidence: Vec::new(),
                end,
            };
            self.visited.insert((protocol, question.clone()));
            self.set(&question.name, answer, at, &path);
        }
    }

    /// One set of NAPTR records, its matching ones in order. A record that leads nowhere is left for the next.
    fn set(&mut self, owner: &DomainName, answer: &'a Answer, at: Timestamp, path: &Path) {
        let Some(path) = self.keep_all(path, &answer.aliases, at) else {
            return;
        };
        let mut matches = 0_usize;
        for record in &answer.records {
            let Data::Naptr(naptr) = &record.data else {
                continue;
            };
            if !naptr.protocols().contains(&path.protocol) {
                continue;
            }
            matches = matches.saturating_add(1);
            if matches > MATCHES {
                let message = format!("more than {MATCHES} records match, the rest is not pursued");
                self.note(NoteCode::FanOut, owner, message, "");
                break;
            }
            let Some(mut path) = self.keep(&path, record, at) else {
                return;
            };
            path.names.push(owner.clone());
            path.ranks
                .extend([u32::from(naptr.order), u32::from(naptr.preference)]);
            self.rule(owner, naptr, &path);
        }
        if matches == 0 {
            let message = format!("no NAPTR record is for {SERVICE}:{}", path.protocol.tag());
            self.note(NoteCode::NoMatchingRecord, owner, message, "RFC 3958 2.2.4");
        }
    }

    /// One matching record.
    fn rule(&mut self, owner: &DomainName, naptr: &'a Naptr, path: &Path) {
        if !naptr.regexp.is_empty() {
            let message =
                "a record with a regular expression is ignored, expected a replacement alone";
            return self.note(NoteCode::RegexpNotEmpty, owner, message, "RFC 3958 6.5");
        }
        let name = &naptr.replacement;
        if !name.can_be_asked() {
            let message = format!("the replacement `{name}` can be no host, service or domain");
            return self.note(NoteCode::UnusableName, owner, message, "RFC 3403 4.1");
        }
        match naptr.flags.as_slice() {
            [] => self.next_set(owner, name, path),
            [b'S' | b's'] => self.service(owner, name, path),
            [b'A' | b'a'] => {
                if self.first_visit(owner, name, Kind::A, path.protocol) {
                    let port = path.protocol.default_port();
                    self.host(
                        &Host {
                            name,
                            port,
                            weight: None,
                            target: false,
                        },
                        path,
                    );
                }
            }
            flags => {
                let flags = flags.escape_ascii();
                let message =
                    format!("a record with the flags `{flags}` is ignored, expected none, S or A");
                self.note(NoteCode::UnknownFlag, owner, message, "RFC 3958 6.4");
            }
        }
    }

    /// A record that is not terminal: the next set of NAPTR records.
    fn next_set(&mut self, owner: &DomainName, name: &'a DomainName, path: &Path) {
        if path.names.contains(name) {
            let message =
                format!("the replacement `{name}` leads back, the record is not followed");
            return self.note(NoteCode::Loop, owner, message, "RFC 3958 2.2.4");
        }
        if path.names.len() >= DEPTH {
            let message =
                format!("more than {DEPTH} NAPTR lookups in a row, `{name}` is not looked up");
            return self.note(NoteCode::TooDeep, owner, message, "");
        }
        if !self.first_visit(owner, name, Kind::Naptr, path.protocol) {
            return;
        }
        let question = Question {
            name: name.clone(),
            kind: Kind::Naptr,
        };
        if let Some((answer, at)) = self.found(&question) {
            for naptr in naptrs(answer) {
                self.unknown_protocols(name, naptr);
            }
            self.set(name, answer, at, path);
        }
    }

    /// A terminal record with the flag S: SRV records and the addresses of their targets.
    fn service(&mut self, owner: &DomainName, name: &'a DomainName, path: &Path) {
        if !self.first_visit(owner, name, Kind::Srv, path.protocol) {
            return;
        }
        let Some((answer, at)) = self.found(&Question {
            name: name.clone(),
            kind: Kind::Srv,
        }) else {
            return;
        };
        let Some(path) = self.keep_all(path, &answer.aliases, at) else {
            return;
        };
        let mut set: Vec<(&Record, &Srv)> = Vec::new();
        for record in &answer.records {
            let Data::Srv(srv) = &record.data else {
                continue;
            };
            if set.iter().any(|(_, known)| *known == srv) {
                self.note(
                    NoteCode::Duplicate,
                    name,
                    "an SRV record came twice and counts once",
                    "RFC 2181 5",
                );
            } else if srv.target.is_root() {
                let message = "an SRV record says that the service is not available at this domain";
                self.note(NoteCode::ServiceNotAvailable, name, message, "RFC 2782");
            } else {
                set.push((record, srv));
            }
        }
        let records: Vec<&Srv> = set.iter().map(|(_, srv)| *srv).collect();
        let order = srv::order(
            &records,
            &mut Dice::new(self.resolution.seed, name.as_str()),
        );
        if order.len() > TARGETS {
            let message = format!("{} SRV records, the first {TARGETS} are used", order.len());
            self.note(NoteCode::FanOut, name, message, "");
        }
        for (record, srv) in order
            .into_iter()
            .take(TARGETS)
            .filter_map(|position| set.get(position))
        {
            if !srv.target.can_be_asked() {
                let message = format!("the target `{}` can be no host", srv.target);
                self.note(NoteCode::UnusableName, name, message, "RFC 2782");
                continue;
            }
            let Some(mut path) = self.keep(&path, record, at) else {
                return;
            };
            path.ranks.push(u32::from(srv.priority));
            let host = Host {
                name: &srv.target,
                port: srv.port,
                weight: Some(srv.weight),
                target: true,
            };
            self.host(&host, &path);
        }
    }

    /// The addresses of a host, each a candidate.
    fn host(&mut self, host: &Host<'a>, path: &Path) {
        let protocol = path.protocol;
        // RFC 7858 section 3.1, RFC 8094 section 3.1: never port 53.
        if host.port == 0 || (host.port == 53 && protocol != Protocol::Https) {
            let message = format!("port {} is not possible for {}", host.port, protocol.tag());
            return self.note(NoteCode::ForbiddenPort, host.name, message, "RFC 7858 3.1");
        }
        // Both questions are put before either answer is looked at.
        let questions = [Kind::Aaaa, Kind::A].map(|kind| Question {
            name: host.name.clone(),
            kind,
        });
        let mut none = Vec::new();
        for question in &questions {
            match self.slot(question) {
                Some(Slot::Answered(answer, at)) => {
                    if host.target && !answer.aliases.is_empty() {
                        let message = "the target of an SRV record is an alias and is not used";
                        self.note(NoteCode::TargetIsAlias, host.name, message, "RFC 2782");
                    } else if answer.outcome == Outcome::Found {
                        self.addresses(host, answer, *at, path);
                    } else {
                        none.push(question);
                    }
                }
                Some(slot) => self.tell(slot, question),
                None => {}
            }
        }
        // One family alone is enough; without either the branch fails (RFC 3958 section 2.2.4).
        if none.len() == questions.len() {
            let message = "the host has neither an AAAA nor an A record";
            self.note(NoteCode::NoRecords, host.name, message, "RFC 3958 2.2.4");
        }
    }

    fn addresses(&mut self, host: &Host<'_>, answer: &'a Answer, at: Timestamp, path: &Path) {
        let Some(path) = self.keep_all(path, &answer.aliases, at) else {
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
            if !can_be_a_server(address) {
                let message = format!("no server can have the address {address}");
                self.note(
                    NoteCode::ForbiddenAddress,
                    host.name,
                    message,
                    "RFC 6890 2.2",
                );
                continue;
            }
            if !self.servers.insert((path.protocol, address, host.port)) {
                let message = format!("{address} port {} was found before", host.port);
                self.note(NoteCode::Duplicate, host.name, message, "");
                continue;
            }
            if self.candidates.len() >= CANDIDATES {
                let message = format!("more than {CANDIDATES} candidates, the rest is left out");
                return self.note(
                    NoteCode::TooManyCandidates,
                    &self.resolution.domain,
                    message,
                    "",
                );
            }
            let Some(path) = self.keep(&path, record, at) else {
                return;
            };
            self.ends.push(path.end);
            self.candidates.push(Candidate {
                transport: path.protocol.transport(),
                address,
                port: host.port,
                target: host.name.without_dot().into(),
                source: Source::SNaptr,
                ranks: path.ranks,
                weight: host.weight,
                evidence: path.evidence,
            });
        }
    }

    /// Whether this protocol was not pursued at this name before. Going there again would find what was found before.
    fn first_visit(
        &mut self,
        owner: &DomainName,
        name: &DomainName,
        kind: Kind,
        protocol: Protocol,
    ) -> bool {
        let first = self.visited.insert((
            protocol,
            Question {
                name: name.clone(),
                kind,
            },
        ));
        if !first {
            let message = format!("`{name}` was pursued before for {}", protocol.tag());
            self.note(NoteCode::Duplicate, owner, message, "");
        }
        first
    }

    /// What is known of a lookup; what nobody asked for yet is needed.
    fn slot(&mut self, question: &Question) -> Option<&'a Slot> {
        let slot = self.resolution.lookups.get(question);
        match slot {
            None if !self.needed.contains(question) => self.needed.push(question.clone()),
            Some(Slot::Asked) => self.waiting = true,
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

    /// The path with one more record as evidence; `None` when no more are kept.
    fn keep(&mut self, path: &Path, record: &'a Record, at: Timestamp) -> Option<Path> {
        let key = (&record.owner, record.rtype, record.rdata.as_slice());
        let position = match self.positions.get(&key) {
            Some(position) => *position,
            None if self.records.len() >= RECORDS => {
                let message = format!("more than {RECORDS} records, the rest is left out");
                self.note(
                    NoteCode::TooManyRecords,
                    &self.resolution.domain,
                    message,
                    "",
                );
                return None;
            }
            None => {
                let position = u32::try_from(self.records.len()).ok()?;
                self.positions.insert(key, position);
                self.records.push(record.evidence());
                position
            }
        };
        let mut path = path.clone();
        path.evidence.push(position);
        let lifetime = record.ttl.clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME);
        path.end = path.end.earlier(at.after_seconds(u64::from(lifetime)));
        Some(path)
    }

    fn keep_all(&mut self, path: &Path, records: &'a [Record], at: Timestamp) -> Option<Path> {
        records
            .iter()
            .try_fold(path.clone(), |path, record| self.keep(&path, record, at))
    }

    /// The service is ours and a protocol is not known: worth telling, it may be a misspelling.
    fn unknown_protocols(&mut self, owner: &DomainName, naptr: &Naptr) {
        if !naptr.is_for_service() {
            return;
        }
        for tag in naptr
            .tags()
            .skip(1)
            .filter(|tag| Protocol::of_tag(tag).is_none())
        {
            let message = format!("the protocol `{}` is not known", tag.escape_ascii());
            self.note(NoteCode::UnknownProtocol, owner, message, "RFC 3958 2.2.2");
        }
    }

    fn note(
        &mut self,
        code: NoteCode,
        owner: &DomainName,
        message: impl Into<alloc::string::String>,
        reference: &str,
    ) {
        self.push(DiscoveryNote::new(code, owner.as_str(), message, reference));
    }

    fn push(&mut self, note: DiscoveryNote) {
        if self.notes.len() < NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn naptrs(answer: &Answer) -> impl Iterator<Item = &Naptr> {
    answer
        .records
        .iter()
        .filter_map(|record| match &record.data {
            Data::Naptr(naptr) => Some(naptr),
            _ => None,
        })
}

/// Loopback and private addresses are left to policies: an enterprise's resolver has one.
fn can_be_a_server(address: IpAddr) -> bool {
    let mapped = match address {
        IpAddr::V4(address) => address.is_broadcast(),
        IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
    };
    !(mapped || address.is_unspecified() || address.is_multicast())
}
