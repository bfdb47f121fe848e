//! Sessions that make a mistake. Each is made around the machine that ships, so that nothing of it is in what ships: an event or an
//! action is changed in the way in which the missing check would show.

use std::{collections::BTreeMap, sync::Arc};

use resolvet_proto::{
    judgement::{Outcome, Presented, Request, Role, Stage},
    session::{
        Action, Config, ConnectionFailureKind, Entry, Event, FailureKind, Session, State, Step,
        Timestamp,
    },
};

use crate::world;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// A handshake that did not prove the key counts as complete.
    ForgetsProof,
    /// A judgement of another request counts.
    TakesAnyRequest,
    /// Nobody with authority has to accept, under strict.
    NeedsNoAuthority,
    /// A refusal of the privacy assessors does not count.
    IgnoresPrivacy,
    /// A verdict does not end.
    NeverExpires,
    /// Another policy set changes nothing.
    IgnoresSwaps,
    /// A server that was refused is used further.
    KeepsTheRefused,
    /// Suspicious answers are told as if nothing was there.
    HidesDowngrades,
    /// That nobody authenticated the server is not told.
    HidesWhatWasGivenUp,
    /// That the network's own servers are not used is not told.
    HidesTheFallback,
    /// A server is asked about itself before it was authenticated.
    AsksStrangers,
    /// A judgement by an older set counts.
    TakesOlder,
    /// Other evidence changes nothing.
    IgnoresEvidence,
    /// A connection is resumed.
    Resumes,
    /// Nothing wakes it.
    Stops,
}

/// A session, perhaps with a mistake.
#[derive(Clone)]
pub(crate) struct Machine {
    session: Session,
    mistake: Option<Mistake>,
    /// What each attempt is judged over.
    requests: BTreeMap<u32, Arc<Request>>,
    /// The newest generation.
    generation: u64,
}

impl Machine {
    pub(crate) fn new(config: Config, mistake: Option<Mistake>) -> Self {
        Self {
            generation: config.generation,
            session: Session::new(config).unwrap(),
            mistake,
            requests: BTreeMap::new(),
        }
    }

    /// Takes an event, and gives what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        if let Event::Swapped { generation } = event {
            self.generation = generation;
        }
        if let Some(event) = self.distorted(event) {
            self.session.handle(event, now);
        }
        let actions: Vec<Action> = std::iter::from_fn(|| self.session.next_action()).collect();
        actions
            .into_iter()
            .flat_map(|action| self.acted(action))
            .collect()
    }

    pub(crate) fn state(&self) -> State {
        self.session.state()
    }

    pub(crate) fn story(&self) -> Vec<Entry> {
        let hides = |entry: &Entry| match self.mistake {
            Some(Mistake::HidesWhatWasGivenUp) => matches!(entry.step, Step::GivenUp { .. }),
            Some(Mistake::HidesTheFallback) => {
                matches!(entry.step, Step::Fallback { .. } | Step::GivenUp { .. })
            }
            _ => false,
        };
        let story = self.session.story().iter();
        story.filter(|entry| !hides(entry)).cloned().collect()
    }

    /// Everything that decides what it will do; what it tells decides nothing, and is left out.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{:?}", self.session)
    }

    /// What the session takes the event for; none when it does not see it.
    fn distorted(&self, event: Event) -> Option<Event> {
        let Some(mistake) = self.mistake else {
            return Some(event);
        };
        Some(match (mistake, event) {
            (
                Mistake::ForgetsProof,
                Event::ConnectionFailed {
                    attempt,
                    reason,
                    presented: Some(presented),
                    judgement: Some(judgement),
                },
            ) if reason.kind == ConnectionFailureKind::ProofOfPossession => Event::Connected {
                attempt,
                presented,
                judgement,
            },
            (
                Mistake::TakesAnyRequest,
                Event::Connected {
                    attempt,
                    presented,
                    mut judgement,
                },
            ) => {
                if let Some(request) = self.requests.get(&attempt) {
                    judgement.request = request.presenting(presented.clone()).digest();
                }
                Event::Connected {
                    attempt,
                    presented,
                    judgement,
                }
            }
            (
                Mistake::NeedsNoAuthority,
                Event::Connected {
                    attempt,
                    presented,
                    mut judgement,
                },
            ) => {
                if judgement.outcome == Outcome::NoAuthority {
                    judgement.outcome = Outcome::Accepted;
                }
                Event::Connected {
                    attempt,
                    presented,
                    judgement,
                }
            }
            (
                Mistake::AsksStrangers,
                Event::Connected {
                    attempt,
                    presented,
                    mut judgement,
                },
            ) => {
                for evaluation in &mut judgement.evaluations {
                    evaluation.role = Role::Authority;
                    evaluation.result = Ok(world::accepting());
                }
                Event::Connected {
                    attempt,
                    presented,
                    judgement,
                }
            }
            (
                Mistake::IgnoresPrivacy,
                Event::Assessed {
                    attempt,
                    mut judgement,
                },
            ) => {
                judgement.outcome = Outcome::Accepted;
                Event::Assessed { attempt, judgement }
            }
            (Mistake::NeverExpires, Event::Tick) if self.state() == State::Serving => return None,
            (Mistake::IgnoresSwaps, Event::Swapped { .. })
            | (Mistake::IgnoresEvidence, Event::EvidenceChanged { .. }) => return None,
            (
                Mistake::TakesOlder,
                Event::Rejudged {
                    attempt,
                    mut validation,
                    mut privacy,
                },
            ) => {
                validation.generation = self.generation;
                if let Some(privacy) = &mut privacy {
                    privacy.generation = self.generation;
                }
                Event::Rejudged {
                    attempt,
                    validation,
                    privacy,
                }
            }
            (
                Mistake::Resumes,
                Event::Connected {
                    attempt, presented, ..
                },
            ) if presented == Presented::default() => {
                let presented = world::presented();
                let request = self.requests.get(&attempt)?.presenting(presented.clone());
                let (stage, outcome) = (Stage::Validation, Outcome::Accepted);
                Event::Connected {
                    attempt,
                    presented,
                    judgement: world::judged(stage, &request, outcome, self.generation),
                }
            }
            (_, event) => event,
        })
    }

    fn acted(&mut self, action: Action) -> Vec<Action> {
        if let Action::Connect {
            attempt, request, ..
        } = &action
        {
            self.requests.insert(*attempt, Arc::clone(request));
        }
        match (self.mistake, action) {
            (Some(Mistake::KeepsTheRefused), Action::Withdraw { .. })
            | (Some(Mistake::Stops), Action::WaitUntil { .. }) => Vec::new(),
            (Some(Mistake::HidesDowngrades), Action::Fail { mut failure }) => {
                if failure.kind == FailureKind::Downgrade {
                    failure.kind = FailureKind::NothingDiscovered;
                }
                vec![Action::Fail { failure }]
            }
            (_, action) => vec![action],
        }
    }
}
