//! TLSA records of the candidates (RFC 6698, RFC 7671), looked up below the name that each is authenticated by (RFC 8310 section
//! 8.2). They are evidence like the records that led to a candidate; what they mean is for policies.

use alloc::{format, string::String, vec::Vec};

use super::{NoteCode, Trail, Walk};
use crate::{
    discovery::{DomainName, Kind, Outcome, Question, resolution::Slot},
    judgement::{Candidate, ReferenceId, Transport},
};

/// What is known of a candidate's TLSA records.
enum Known {
    /// Nothing yet.
    Open,
    /// They cannot be had, so nobody can say that there are none.
    Lost,
    /// They are evidence, or there are none.
    Settled(Option<Trail>),
}

impl Walk<'_> {
    /// Adds the TLSA records of each candidate to what it rests on. Says whether all are known.
    pub(super) fn tlsa(&mut self) -> bool {
        if !self.resolution.plan.tlsa {
            return true;
        }
        let before = self.open;
        let candidates = core::mem::take(&mut self.candidates);
        let ends = core::mem::take(&mut self.ends);
        // All questions are put before any answer is looked at.
        let known: Vec<Known> = candidates
            .iter()
            .map(|candidate| self.tlsa_of(candidate))
            .collect();
        for ((mut candidate, end), known) in candidates.into_iter().zip(ends).zip(known) {
            let mut end = end;
            match known {
                Known::Lost => {
                    let message = format!(
                        "{} port {} is not used: its TLSA records could not be fetched",
                        candidate.address, candidate.port
                    );
                    self.note_all(NoteCode::TlsaLost, message, "RFC 6698 4.1");
                    continue;
                }
                Known::Settled(Some(trail)) => {
                    for position in trail.evidence {
                        if !candidate.evidence.contains(&position) {
                            candidate.evidence.push(position);
                        }
                    }
                    end = end.earlier(trail.end);
                }
                Known::Open | Known::Settled(None) => {}
            }
            self.candidates.push(candidate);
            self.ends.push(end);
        }
        self.open == before
    }

    fn tlsa_of(&mut self, candidate: &Candidate) -> Known {
        let resolution = self.resolution;
        let domain = resolution.plan.domain.as_ref();
        let base = match &candidate.identity {
            None => domain.map(|domain| domain.without_dot().into()),
            Some(ReferenceId::DnsId(name)) => Some(name.clone()),
            // An address has no place in the tree to put a record at.
            Some(_) => None,
        };
        let carrier = match candidate.transport {
            Transport::Dot | Transport::Doh => "tcp",
            _ => "udp",
        };
        let name = base.and_then(|base: String| {
            DomainName::parse(&format!("_{}._{carrier}.{base}", candidate.port)).ok()
        });
        let Some(name) = name else {
            return Known::Settled(None);
        };
        let question = Question {
            name,
            kind: Kind::Tlsa,
        };
        let slot = self.slot(&question);
        match slot {
            None | Some(Slot::Asked) => Known::Open,
            Some(Slot::Answered(answer, at)) => {
                if answer.outcome != Outcome::Found {
                    return Known::Settled(None);
                }
                let trail = self.keep_all(&Trail::new(), &answer.aliases, *at);
                let trail = trail.and_then(|trail| self.keep_all(&trail, &answer.records, *at));
                trail.map_or(Known::Lost, |trail| Known::Settled(Some(trail)))
            }
            Some(slot) => {
                self.tell(slot, &question);
                Known::Lost
            }
        }
    }
}
