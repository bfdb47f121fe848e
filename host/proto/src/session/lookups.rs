//! The session while it discovers.

use alloc::{format, string::String, string::ToString as _, vec::Vec};

use super::{
    Action, Failure, FailureKind, LookupFailure, Response, Session, Step, Timestamp,
    limits::{
        FALLBACK_LIFETIME, GRACE_MILLISECONDS, LONGEST_NEGATIVE, LONGEST_SERVER_FAILURE,
        LONGEST_WAIT, RETRY_WAITS, SHORTEST_UNWILLING, SHORTEST_WAIT,
    },
    machine::{Held, Lookup, Phase},
};
use crate::{
    discovery::{
        Answer, Discovered, DiscoveryNote, DomainName, Kind, NoteCode, Outcome, Plan, Question,
        Resolution,
        dnr::{self, Carrier, Designation, NetworkOption},
        limits::{LONGEST_LIFETIME, SHORTEST_LIFETIME},
    },
    judgement::{Conveyed, Source},
};

/// A lookup that brought nothing.
struct Problem {
    text: String,
    /// A repetition may bring something.
    transient: bool,
    /// The answer failed the validation of its signatures.
    bogus: bool,
    trouble: Trouble,
}

/// In which way a lookup failed, which decides how long to wait before another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// Nobody answered.
    Unanswered,
    /// SERVFAIL: something behind the resolver failed.
    ServerFailure,
    /// The resolver does not answer such questions, or says what cannot be read or believed: it will go on so.
    Unwilling,
}

impl Session {
    /// Begins discovery anew.
    pub(super) fn discover(&mut self, now: Timestamp) {
        self.is_fallback = false;
        self.options_are_news = false;
        self.worst = None;
        self.passed_over = None;
        let plan = self.plan(now);
        self.discover_by(plan, now);
    }

    fn discover_by(&mut self, plan: Plan, now: Timestamp) {
        self.resolution = Resolution::new(plan, self.config.seed);
        self.grace = None;
        self.queries.clear();
        self.retries.clear();
        self.heard = false;
        self.answered = false;
        self.troubles.clear();
        self.discovered = Discovered::default();
        self.excluded.clear();
        self.preferred = None;
        self.streams_first = false;
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
        } else if self.grace.is_none() && self.resolution.is_ready() {
            self.grace = Some(now.elapsed(GRACE_MILLISECONDS));
        }
    }

    /// Where discovery begins now.
    fn plan(&mut self, now: Timestamp) -> Plan {
        let mut methods = self.config.methods.clone();
        let refused = self
            .designation_refused
            .filter(|until| !until.is_reached(now));
        if refused.is_some() && self.domain.is_none() && methods.contains(&Source::Ddr) {
            methods.retain(|method| *method != Source::Ddr);
            let message = "what the resolver designates failed its verification and is not asked for \
                           again while its records hold";
            let note = DiscoveryNote::new(
                NoteCode::Suppressed,
                "_dns.resolver.arpa.",
                message,
                "RFC 9462 4.2",
            );
            self.tell(now, Step::Note(note));
        }
        let (designations, discarded) =
            designations(&self.config.network_options, self.options_at, now);
        Plan {
            domain: self.domain.clone(),
            methods,
            resolver: self.config.resolver,
            designations,
            discarded,
            configured: self.config.configured.clone(),
            configured_as: Source::Configured,
            end: now.after_seconds(u64::from(LONGEST_LIFETIME)),
            tlsa: self.config.tlsa,
            associated_templates: self.config.associated_templates,
            legacy_resolver_info: self.config.legacy_resolver_info,
        }
    }

    /// See [`super::Event::NetworkOptions`].
    pub(super) fn network_options(&mut self, options: Vec<NetworkOption>, now: Timestamp) {
        if self.config.network_options == options {
            // What is advertised again goes on to hold.
            self.options_at = now;
            return;
        }
        self.config.network_options = options;
        self.options_at = now;
        match &self.phase {
            Phase::New | Phase::Failed => {}
            Phase::Discovering { .. } if !self.is_fallback => {
                let plan = self.plan(now);
                let resolution = self.resolution.clone();
                self.resolution = resolution.replanned(plan);
                self.look_further(now);
            }
            Phase::Serving { peer, .. } => {
                let peer = peer.clone();
                self.held = Some(Held {
                    peer,
                    expires: None,
                    deadline: now,
                });
                self.discover(now);
            }
            _ => self.options_are_news = true,
        }
    }

    /// Nothing of the network can be used: what came meanwhile is tried, then the fallback, then the session ends.
    pub(super) fn exhausted(&mut self, failure: Failure, now: Timestamp) {
        if self.options_are_news {
            return self.discover(now);
        }
        if self.is_fallback || self.config.fallback.is_empty() {
            return self.fail(failure, now);
        }
        if failure.kind == FailureKind::PolicyFault {
            // The policies failed, not the network: the same ones would judge the fallback.
            return self.fail(failure, now);
        }
        self.tell(now, Step::Fallback { failure });
        self.is_fallback = true;
        let plan = Plan {
            configured: self.config.fallback.clone(),
            configured_as: Source::Fallback,
            end: now.after_seconds(FALLBACK_LIFETIME),
            tlsa: self.config.tlsa,
            ..Plan::nothing()
        };
        self.discover_by(plan, now);
    }

    /// The domain in words.
    fn subject(&self) -> String {
        match &self.domain {
            Some(domain) => format!("for `{}`", domain.without_dot()),
            None => "that this network designates".into(),
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
        self.answered |= !matches!(
            response,
            Response::Failed(LookupFailure::TimedOut | LookupFailure::Unreachable { .. })
        );
        let begins = self.is_of_domain(question);
        match read(&response, question) {
            Ok(answer) => {
                self.heard |= begins;
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
                // Whoever forged it meant it to be believed, and keeps away what would show it.
                let is_unproved = matches!(
                    response,
                    Response::Failed(LookupFailure::Unvalidated { .. })
                );
                self.heard |= begins && (problem.bogus || is_unproved);
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
                    self.troubles.insert(problem.trouble);
                    if problem.bogus {
                        self.resolution.bogus(&lookup.question, problem.text);
                    } else {
                        self.resolution.failed(&lookup.question, problem.text);
                    }
                    self.look_further(now);
                }
            }
        }
    }

    /// Whether a way of the domain begins with such a question. What comes after it is asked only where it was answered.
    const fn is_of_domain(&self, question: &Question) -> bool {
        self.domain.is_some() && matches!(question.kind, Kind::Naptr | Kind::Svcb | Kind::Ptr)
    }

    /// Issues again what waited long enough.
    pub(super) fn repeat_lookups(&mut self, now: Timestamp) {
        let (due, rest) = core::mem::take(&mut self.retries)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| at.is_reached(now));
        self.retries = rest;
        for (_, lookup) in due {
            self.query(lookup, now);
        }
    }

    /// Lookups that nobody answers any more have failed.
    pub(super) fn give_up_lookups(&mut self, reason: &str, now: Timestamp) {
        let queries = core::mem::take(&mut self.queries).into_values();
        let retries = core::mem::take(&mut self.retries)
            .into_iter()
            .map(|(_, lookup)| lookup);
        for lookup in queries.chain(retries) {
            self.resolution.failed(&lookup.question, reason);
        }
        // A failed lookup leads to no other, so nothing is needed or under way any more.
        let discovered = self.resolution.discovered().unwrap_or_default();
        self.complete(discovered, now);
    }

    fn complete(&mut self, discovered: Discovered, now: Timestamp) {
        self.retries.clear();
        self.queries.clear();
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
        let subject = self.subject();
        let owner = self.domain.as_ref().map_or(".", DomainName::as_str);
        let failure = if conveyed && self.heard {
            let message = format!(
                "the enrolment conveyed a DNS server's certificate, but the answers {subject} offer no \
                 encrypted protocol: they may be forged"
            );
            let note = DiscoveryNote::new(
                NoteCode::Downgrade,
                owner,
                message.clone(),
                "draft-reddy-dprive-bootstrap-dns-server-04 11",
            );
            self.tell(now, Step::Note(note.clone()));
            let failure = Failure {
                kind: FailureKind::Downgrade,
                message,
                decision: None,
                reference: note.reference.clone(),
                retry_after: self.wait(),
            };
            self.discovered.notes.push(note);
            failure
        } else {
            let is_silent = !self.answered && self.resolution.has_asked();
            let (kind, silence) = match (is_silent, self.config.resolver) {
                (false, _) => (FailureKind::NothingDiscovered, String::new()),
                (true, None) => (FailureKind::Unanswered, ": no lookup was answered".into()),
                (true, Some(resolver)) => (
                    FailureKind::Unanswered,
                    format!(": no lookup was answered by {resolver}"),
                ),
            };
            let why = self.discovered.notes.first();
            let why = why.map(|note| format!(": `{}`: {}", note.owner, note.message));
            Failure {
                kind,
                message: format!(
                    "no encrypted DNS server was discovered {subject}{silence}{}",
                    why.unwrap_or_default()
                ),
                decision: None,
                reference: "draft-reddy-dprive-bootstrap-dns-server-04 6".into(),
                retry_after: self.wait(),
            }
        };
        self.exhausted(failure, now);
    }

    /// What the error asks for (the draft's section 6): a negative answer holds for its own time; after everything else the wait
    /// doubles. Of several errors the one that passes first counts.
    fn wait(&self) -> u64 {
        if let Some(seconds) = self.discovered.negative_ttl {
            return u64::from(seconds).clamp(u64::from(SHORTEST_LIFETIME), LONGEST_NEGATIVE);
        }
        let waits = self.troubles.iter().map(|trouble| match trouble {
            Trouble::Unanswered => self.backoff(),
            Trouble::ServerFailure => self.backoff().min(LONGEST_SERVER_FAILURE),
            Trouble::Unwilling => self.backoff().max(SHORTEST_UNWILLING),
        });
        waits.min().unwrap_or_else(|| self.backoff())
    }

    /// Twice as long after each failure in a row.
    pub(super) fn backoff(&self) -> u64 {
        let doublings = self.config.previous_failures.min(16);
        (SHORTEST_WAIT << doublings).min(LONGEST_WAIT)
    }
}

fn read(response: &Response, question: &Question) -> Result<Answer, Problem> {
    let failed = |text: String, transient, trouble| Problem {
        text,
        transient,
        bogus: false,
        trouble,
    };
    let parse = |message: &[u8]| {
        Answer::parse(message, question).map_err(|error| {
            let trouble = if error.is_transient() {
                Trouble::ServerFailure
            } else {
                Trouble::Unwilling
            };
            failed(error.to_string(), error.is_transient(), trouble)
        })
    };
    match response {
        Response::Message(message) => parse(message),
        Response::Validated {
            message,
            validation,
        } => parse(message)?
            .validated(validation)
            .map_err(|error| Problem {
                bogus: true,
                ..failed(error.to_string(), false, Trouble::Unwilling)
            }),
        Response::Failed(LookupFailure::TimedOut) => Err(failed(
            "no answer in time".into(),
            true,
            Trouble::Unanswered,
        )),
        Response::Failed(LookupFailure::Unreachable { detail }) => Err(failed(
            format!("the resolver cannot be reached: {detail}"),
            false,
            Trouble::Unanswered,
        )),
        Response::Failed(LookupFailure::Unvalidated { detail }) => {
            Err(failed(detail.clone(), true, Trouble::Unanswered))
        }
        Response::Failed(LookupFailure::Other { detail }) => {
            Err(failed(detail.clone(), false, Trouble::Unwilling))
        }
    }
}

/// What options designate, each with its end, what DHCP said before what router advertisements said (RFC 8106 section 5.3.1).
fn designations(
    options: &[NetworkOption],
    came: Timestamp,
    now: Timestamp,
) -> (Vec<(Designation, Timestamp)>, Vec<dnr::DnrError>) {
    let mut found: Vec<(bool, Designation)> = Vec::new();
    let mut discarded = Vec::new();
    for option in options {
        let (designations, errors) = dnr::read(option);
        let advertised = option.carrier == Carrier::RouterAdvertisement;
        found.extend(
            designations
                .into_iter()
                .map(|designation| (advertised, designation)),
        );
        discarded.extend(errors);
    }
    // RFC 9463 section 6.1: a lifetime of zero takes back what was advertised.
    let taken_back: Vec<DomainName> = found
        .iter()
        .filter(|(advertised, designation)| *advertised && designation.lifetime == Some(0))
        .map(|(_, designation)| designation.name.clone())
        .collect();
    found.retain(|(advertised, designation)| {
        !(*advertised && taken_back.contains(&designation.name))
    });
    found.sort_by_key(|(advertised, designation)| (*advertised, designation.priority));
    let timed = found.into_iter().filter_map(|(_, designation)| {
        let lifetime = designation.lifetime.unwrap_or(LONGEST_LIFETIME);
        let end = came.after_seconds(u64::from(
            lifetime.clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME),
        ));
        (!end.is_reached(now)).then_some((designation, end))
    });
    (timed.collect(), discarded)
}
