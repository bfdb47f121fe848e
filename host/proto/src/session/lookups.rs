//! The session while it discovers.

use alloc::{format, string::String, string::ToString as _};

use super::{
    Action, Failure, FailureKind, LookupFailure, Response, Session, Step, Timestamp,
    limits::{LONGEST_NEGATIVE, LONGEST_WAIT, RETRY_WAITS, SHORTEST_WAIT},
    machine::{Lookup, Phase},
};
use crate::{
    discovery::{
        Answer, Discovered, DiscoveryNote, Kind, NoteCode, Outcome, Question, SNaptr,
        limits::SHORTEST_LIFETIME,
    },
    judgement::Conveyed,
};

/// A lookup that brought nothing.
struct Problem {
    text: String,
    /// A repetition may bring something.
    transient: bool,
}

impl Session {
    /// Begins discovery anew.
    pub(super) fn discover(&mut self, now: Timestamp) {
        self.resolution = SNaptr::new(self.domain.clone(), self.config.seed);
        self.queries.clear();
        self.retries.clear();
        self.heard = false;
        self.discovered = Discovered::default();
        self.excluded.clear();
        self.preferred = None;
        self.worst = None;
        self.phase = Phase::Discovering {
            deadline: Self::patience(now),
        };
        self.look_further(now);
    }

    /// Issues the lookups that are needed now, or ends discovery.
    fn look_further(&mut self, now: Timestamp) {
        for question in self.resolution.questions() {
            self.query(Lookup { question, tries: 0 }, now);
        }
        if let Some(discovered) = self.resolution.discovered() {
            self.complete(discovered, now);
        }
    }

    fn query(&mut self, lookup: Lookup, now: Timestamp) {
        let id = self.next_query;
        self.next_query = id.wrapping_add(1);
        let name: String = lookup.question.name.as_str().into();
        let rtype = lookup.question.kind.number();
        self.queries.insert(
            id,
            Lookup {
                tries: lookup.tries.saturating_add(1),
                ..lookup
            },
        );
        self.tell(
            now,
            Step::Query {
                id,
                name: name.clone(),
                rtype,
            },
        );
        self.act(Action::Query { id, name, rtype });
    }

    /// See [`super::Event::Answer`].
    pub(super) fn answer(&mut self, id: u32, response: Response, now: Timestamp) {
        let Some(lookup) = self.queries.remove(&id) else {
            return;
        };
        let question = &lookup.question;
        if self.is_of_domain(question) && matches!(response, Response::Message(_)) {
            self.heard = true;
        }
        match read(&response, question) {
            Ok(answer) => {
                let problem = match answer.outcome {
                    Outcome::Found => None,
                    Outcome::NoRecords => Some("no-records".into()),
                    Outcome::NoSuchName => Some("no-such-name".into()),
                };
                let records = u32::try_from(answer.records.len()).unwrap_or(u32::MAX);
                self.tell(
                    now,
                    Step::Answer {
                        id,
                        records,
                        problem,
                    },
                );
                self.resolution.answered(&lookup.question, answer, now);
                self.look_further(now);
            }
            Err(problem) => {
                let text = Some(problem.text.clone());
                self.tell(
                    now,
                    Step::Answer {
                        id,
                        records: 0,
                        problem: text,
                    },
                );
                let wait = RETRY_WAITS
                    .get(lookup.tries.saturating_sub(1))
                    .filter(|_| problem.transient);
                if let Some(wait) = wait {
                    let until = now.elapsed(*wait);
                    let reason = format!(
                        "the lookup of `{}` {} is repeated: {}",
                        question.name,
                        question.kind.as_str(),
                        problem.text
                    );
                    self.tell(now, Step::Waiting { until, reason });
                    self.retries.push((until, lookup));
                } else {
                    self.resolution.failed(&lookup.question, problem.text);
                    self.look_further(now);
                }
            }
        }
    }

    fn is_of_domain(&self, question: &Question) -> bool {
        question.kind == Kind::Naptr && question.name == self.domain
    }

    /// Issues again what waited long enough.
    pub(super) fn repeat_lookups(&mut self, now: Timestamp) {
        let (due, rest) = core::mem::take(&mut self.retries)
            .into_iter()
            .partition::<alloc::vec::Vec<_>, _>(|(at, _)| at.is_reached(now));
        self.retries = rest;
        for (_, lookup) in due {
            self.query(lookup, now);
        }
    }

    /// Lookups that nobody answers any more have failed.
    pub(super) fn give_up_lookups(&mut self, now: Timestamp) {
        let queries = core::mem::take(&mut self.queries).into_values();
        let retries = core::mem::take(&mut self.retries)
            .into_iter()
            .map(|(_, lookup)| lookup);
        for lookup in queries.chain(retries) {
            self.resolution
                .failed(&lookup.question, "discovery took too long");
        }
        // A failed lookup leads to no other, so nothing is needed or under way any more.
        let discovered = self.resolution.discovered().unwrap_or_default();
        self.complete(discovered, now);
    }

    fn complete(&mut self, discovered: Discovered, now: Timestamp) {
        self.retries.clear();
        for note in &discovered.notes {
            self.tell(now, Step::Note(note.clone()));
        }
        self.discovered = discovered;
        let Discovered {
            records,
            candidates,
            ..
        } = self.discovered.clone();
        self.tell(
            now,
            Step::Discovered {
                records,
                candidates,
            },
        );
        if self.discovered.candidates.is_empty() {
            self.nothing(now);
        } else {
            self.select(0, now);
        }
    }

    /// Discovery yielded no candidate.
    fn nothing(&mut self, now: Timestamp) {
        let conveyed = matches!(self.config.conveyed, Conveyed::Certificates { .. });
        let domain = self.domain.without_dot();
        let failure = if conveyed && self.heard {
            let message = format!(
                "the enrolment conveyed a DNS server's certificate, but the answers for `{domain}` offer no \
                 encrypted protocol: they may be forged"
            );
            let note = DiscoveryNote::new(
                NoteCode::Downgrade,
                self.domain.as_str(),
                message.clone(),
                "draft-reddy-dprive-bootstrap-dns-server-04 11",
            );
            self.tell(now, Step::Note(note.clone()));
            let failure = Failure {
                kind: FailureKind::Downgrade,
                message,
                reference: note.reference.clone(),
                retry_after: self.wait(),
            };
            self.discovered.notes.push(note);
            failure
        } else {
            let why = self.discovered.notes.first();
            let why = why.map(|note| format!(": `{}`: {}", note.owner, note.message));
            Failure {
                kind: FailureKind::NothingDiscovered,
                message: format!(
                    "no encrypted DNS server was discovered for `{domain}`{}",
                    why.unwrap_or_default()
                ),
                reference: "draft-reddy-dprive-bootstrap-dns-server-04 6".into(),
                retry_after: self.wait(),
            }
        };
        self.fail(failure, now);
    }

    /// What the error asks for: a negative answer holds for its own time; after timeouts the wait doubles.
    fn wait(&self) -> u64 {
        match self.discovered.negative_ttl {
            Some(seconds) => {
                u64::from(seconds).clamp(u64::from(SHORTEST_LIFETIME), LONGEST_NEGATIVE)
            }
            None => self.backoff(),
        }
    }

    /// Twice as long after each failure in a row.
    pub(super) fn backoff(&self) -> u64 {
        let doublings = self.config.previous_failures.min(16);
        (SHORTEST_WAIT << doublings).min(LONGEST_WAIT)
    }
}

fn read(response: &Response, question: &Question) -> Result<Answer, Problem> {
    match response {
        Response::Message(message) => Answer::parse(message, question).map_err(|error| Problem {
            transient: error.is_transient(),
            text: error.to_string(),
        }),
        Response::Failed(LookupFailure::TimedOut) => Err(Problem {
            text: "no answer in time".into(),
            transient: true,
        }),
        Response::Failed(LookupFailure::Unreachable { detail }) => Err(Problem {
            text: format!("the resolver cannot be reached: {detail}"),
            transient: false,
        }),
        Response::Failed(LookupFailure::Other { detail }) => Err(Problem {
            text: detail.clone(),
            transient: false,
        }),
    }
}
