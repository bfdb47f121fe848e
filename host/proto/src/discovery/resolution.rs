//! From a plan to lookups, and from their answers to candidates.
//!
//! Resolution is a walk over the answers that are known. It is done anew with every answer: what it misses is asked for,
//! and when it misses nothing its candidates are the result. So the order in which answers come changes nothing, and
//! lookups of all ways, branches and protocols run at the same time, while each protocol is pursued by itself.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    Answer, DiscoveryNote, DomainName, NoteCode, Outcome, Plan, Question, Timestamp,
    limits::LOOKUPS, record::Data, walk::Walk,
};
use crate::judgement::{Candidate, DnsRecord};

/// A resolution under way.
#[derive(Debug, Clone)]
pub struct Resolution {
    pub(super) plan: Plan,
    /// The name of each server that an administrator wrote down.
    pub(super) names: Vec<Option<DomainName>>,
    pub(super) seed: u64,
    pub(super) lookups: BTreeMap<Question, Slot>,
}

/// What is known of one lookup.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// It is under way.
    Asked,
    /// It was answered, then.
    Answered(Answer, Timestamp),
    /// It failed.
    Failed(String),
    /// Its answer is bogus.
    Bogus(String),
    /// It would have been one too many.
    Refused,
}

/// What a resolution found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    /// The records that the candidates rest on.
    pub records: Vec<DnsRecord>,
    /// The candidates, way by way; those of S-NAPTR protocol by protocol as the first set of records ranks them.
    pub candidates: Vec<Candidate>,
    /// When the choice of each candidate ends: the first of its records to expire, its time to live taken between
    /// [`super::limits::SHORTEST_LIFETIME`] and [`super::limits::LONGEST_LIFETIME`].
    pub ends: Vec<Timestamp>,
    /// What was ignored, bounded or wrong.
    pub notes: Vec<DiscoveryNote>,
    /// The least time that a negative answer holds, seconds, if one said so.
    pub negative_ttl: Option<u32>,
}

impl Resolution {
    /// A resolution by this plan. The seed decides the shares of SRV weights.
    #[must_use]
    pub fn new(plan: Plan, seed: u64) -> Self {
        let names = plan.configured.iter().map(|server| match &server.name {
            Some(name) => DomainName::parse(name).ok(),
            None => plan.domain.clone(),
        });
        Self {
            names: names.collect(),
            plan,
            seed,
            lookups: BTreeMap::new(),
        }
    }

    /// Whether some way was gone to its end and found something: what is still under way need not be waited for without
    /// end.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        Walk::over(self).ready
    }

    /// Whether anything was asked.
    #[must_use]
    pub fn has_asked(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// Another plan, with what is known so far.
    #[must_use]
    pub fn replanned(self, plan: Plan) -> Self {
        Self {
            lookups: self.lookups,
            ..Self::new(plan, self.seed)
        }
    }

    /// The lookups that are needed now and were not asked for before. Each must be answered by [`Self::answered`] or
    /// [`Self::failed`].
    pub fn questions(&mut self) -> Vec<Question> {
        let mut questions = Vec::new();
        for question in Walk::over(self).needed {
            let slot = if self.lookups.len() < LOOKUPS {
                questions.push(question.clone());
                Slot::Asked
            } else {
                Slot::Refused
            };
            self.lookups.insert(question, slot);
        }
        questions
    }

    /// A lookup was answered at this time. What was not asked for is ignored.
    pub fn answered(&mut self, question: &Question, mut answer: Answer, at: Timestamp) {
        // RFC 3958 section 2.2.1: by order, then by preference. Sets of other types are left as they came.
        answer.records.sort_by_key(|record| match &record.data {
            Data::Naptr(naptr) => (naptr.order, naptr.preference),
            _ => (0, 0),
        });
        self.settle(question, Slot::Answered(answer, at));
    }

    /// A lookup failed for good. Resolution goes on with what else there is.
    pub fn failed(&mut self, question: &Question, problem: impl Into<String>) {
        self.settle(question, Slot::Failed(problem.into()));
    }

    /// The answer to a lookup failed the validation of its signatures. Nothing of it is used.
    pub fn bogus(&mut self, question: &Question, problem: impl Into<String>) {
        self.settle(question, Slot::Bogus(problem.into()));
    }

    fn settle(&mut self, question: &Question, settled: Slot) {
        if let Some(slot @ Slot::Asked) = self.lookups.get_mut(question) {
            *slot = settled;
        }
    }

    /// What was found; `None` while lookups are needed or under way.
    #[must_use]
    pub fn discovered(&self) -> Option<Discovered> {
        let walk = Walk::over(self);
        if walk.open > 0 {
            return None;
        }
        let negative_ttl = self.lookups.values().filter_map(|slot| match slot {
            Slot::Answered(answer, _) if answer.outcome != Outcome::Found => answer.negative_ttl,
            _ => None,
        });
        Some(Discovered {
            negative_ttl: negative_ttl.min(),
            records: walk.records,
            candidates: walk.candidates,
            ends: walk.ends,
            notes: walk.notes,
        })
    }
}

impl Slot {
    /// Why there is nothing here, as a note; `None` when there is something, or when it is not known yet.
    pub(super) fn note(&self, question: &Question) -> Option<DiscoveryNote> {
        let owner = question.name.as_str();
        let kind = question.kind.as_str();
        let (code, message, reference) = match self {
            Self::Asked => return None,
            Self::Answered(answer, _) => match answer.outcome {
                Outcome::Found => return None,
                Outcome::NoRecords => (
                    NoteCode::NoRecords,
                    format!("there are no {kind} records"),
                    "RFC 2308 2.2",
                ),
                Outcome::NoSuchName => (
                    NoteCode::NameDoesNotExist,
                    "the name does not exist".into(),
                    "RFC 2308 2.1",
                ),
            },
            Self::Failed(problem) => (
                NoteCode::LookupFailed,
                format!("the lookup of {kind} records failed: {problem}"),
                "",
            ),
            Self::Bogus(problem) => (
                NoteCode::Bogus,
                format!("the answer about {kind} records is bogus: {problem}"),
                "RFC 4035 5.5",
            ),
            Self::Refused => {
                let message =
                    format!("more than {LOOKUPS} lookups would be needed, {kind} is not looked up");
                (NoteCode::TooManyLookups, message, "")
            }
        };
        Some(DiscoveryNote::new(code, owner, message, reference))
    }
}
