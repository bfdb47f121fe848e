//! S-NAPTR (RFC 3958) with the service tag of the draft.

use alloc::{format, vec::Vec};

use super::{
    super::{
        Answer, DomainName, Kind, Naptr, NoteCode, Protocol, Question, Timestamp,
        limits::{DEPTH, MATCHES},
        record::{Data, SERVICE},
    },
    Host, Trail, Walk,
};
use crate::judgement::Source;

/// How the walk came to where it is.
#[derive(Clone)]
struct Path {
    protocol: Protocol,
    /// The names whose NAPTR records led here.
    names: Vec<DomainName>,
    trail: Trail,
}

impl<'a> Walk<'a> {
    /// The first set of records says which protocols there are and which comes first (RFC 3958 section 2.2.5).
    pub(super) fn s_naptr(&mut self) {
        let resolution = self.resolution;
        let Some(domain) = resolution.plan.domain.as_ref() else {
            return;
        };
        if !resolution.plan.goes(&Source::SNaptr) {
            return;
        }
        let question = Question {
            name: domain.clone(),
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
            let path = Path {
                protocol,
                names: Vec::new(),
                trail: Trail::new(),
            };
            self.visited.insert((protocol, question.clone()));
            self.set(&question.name, answer, at, &path);
        }
    }

    /// One set of NAPTR records, its matching ones in order. A record that leads nowhere is left for the next.
    fn set(&mut self, owner: &DomainName, answer: &'a Answer, at: Timestamp, path: &Path) {
        let Some(trail) = self.keep_all(&path.trail, &answer.aliases, at) else {
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
            let Some(trail) = self.keep(&trail, record, at) else {
                return;
            };
            let mut path = Path {
                trail: trail.ranked(naptr.order).ranked(naptr.preference),
                ..path.clone()
            };
            path.names.push(owner.clone());
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
            [b'S' | b's'] => {
                if self.first_visit(owner, name, Kind::Srv, path.protocol) {
                    let transport = path.protocol.transport();
                    self.service(name, &transport, &Source::SNaptr, &path.trail);
                }
            }
            [b'A' | b'a'] => {
                if self.first_visit(owner, name, Kind::A, path.protocol) {
                    let port = path.protocol.default_port();
                    let host = Host::new(name, path.protocol.transport(), port, Source::SNaptr);
                    self.host_with_path(host, &path.trail);
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
