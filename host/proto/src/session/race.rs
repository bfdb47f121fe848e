//! Attempts at several servers at once (RFC 8305), in the order of the selectors.
//!
//! The next attempt begins when the last one has been alone for [`Config::attempt_delay`](super::Config::attempt_delay), or
//! at once when one has failed; none begins while one is being judged after its handshake. The first that is vetted is taken
//! when no attempt is ranked before it. Otherwise those get their due:
//! * other addresses of the same server give way at once;
//! * another server has one more delay, in which it may still be vetted and then comes first;
//! * whoever is not authenticated waits until all that are ranked before it have ended.

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{
    Action, AtOnce, FailureKind, LifetimeBound, Session, State, Step, Timestamp, WithdrawReason,
    limits::{ABREAST, REJUDGE_MILLISECONDS},
    machine::{Peer, Phase},
    serving::{NO_TIME, expiry, is_authenticated, lifetime},
};
use crate::judgement::{Judgement, Verdict};

/// A moment that is always past.
const AT_ONCE: Timestamp = Timestamp { unix: 0, boot: 0 };

/// Attempts under way, in the order of the selectors.
#[derive(Debug, Clone)]
pub(super) struct Race {
    runners: Vec<Runner>,
    /// When the next attempt may begin beside the others.
    next: Timestamp,
}

/// An attempt under way.
#[derive(Debug, Clone)]
pub(super) struct Runner {
    pub(super) peer: Peer,
    pub(super) progress: Progress,
}

/// How far an attempt is.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Connecting {
        deadline: Timestamp,
    },
    Informing {
        validation: Judgement<Verdict>,
        deadline: Timestamp,
    },
    /// A signed statement is fetched.
    Fetching {
        validation: Judgement<Verdict>,
        url: String,
        deadline: Timestamp,
    },
    Assessing {
        validation: Judgement<Verdict>,
        deadline: Timestamp,
    },
    Rejudging {
        deadline: Timestamp,
    },
    /// It waits for those that are ranked before it.
    Ready {
        validation: Judgement<Verdict>,
        privacy: Judgement<Verdict>,
        since: Timestamp,
    },
}

impl Race {
    pub(super) fn runner(&self, attempt: u32) -> Option<&Runner> {
        self.runners
            .iter()
            .find(|runner| runner.peer.attempt == attempt)
    }

    /// How far the farthest is.
    pub(super) fn state(&self) -> State {
        let state = |runner: &Runner| match runner.progress {
            Progress::Connecting { .. } => (0, State::Connecting),
            Progress::Informing { .. } | Progress::Fetching { .. } => (1, State::Informing),
            Progress::Rejudging { .. } => (2, State::Rejudging),
            Progress::Assessing { .. } | Progress::Ready { .. } => (3, State::Assessing),
        };
        let farthest = self.runners.iter().map(state).max_by_key(|(far, _)| *far);
        farthest.map_or(State::Connecting, |(_, state)| state)
    }
}

impl Runner {
    fn deadline(&self) -> Option<Timestamp> {
        match self.progress {
            Progress::Connecting { deadline }
            | Progress::Informing { deadline, .. }
            | Progress::Fetching { deadline, .. }
            | Progress::Assessing { deadline, .. }
            | Progress::Rejudging { deadline } => Some(deadline),
            Progress::Ready { .. } => None,
        }
    }
}

impl Session {
    /// Attempts the candidates of the queue, or ends.
    pub(super) fn race(&mut self, now: Timestamp) {
        self.phase = Phase::Racing(Race {
            runners: Vec::new(),
            next: AT_ONCE,
        });
        self.pace(now);
    }

    pub(super) fn runner(&self, attempt: u32) -> Option<Runner> {
        match &self.phase {
            Phase::Racing(race) => race.runner(attempt).cloned(),
            _ => None,
        }
    }

    /// An attempt is so far now.
    pub(super) fn advance(&mut self, peer: Peer, progress: Progress) {
        if let Phase::Racing(race) = &mut self.phase
            && let Some(runner) = race
                .runners
                .iter_mut()
                .find(|runner| runner.peer.attempt == peer.attempt)
        {
            *runner = Runner { peer, progress };
        }
    }

    /// An attempt has ended, or a server that was in use: the next one begins at once (RFC 8305 section 5).
    pub(super) fn drop_out(&mut self, attempt: u32, now: Timestamp) {
        let Phase::Racing(race) = &mut self.phase else {
            return self.race(now);
        };
        race.runners.retain(|runner| runner.peer.attempt != attempt);
        race.next = AT_ONCE;
        self.pace(now);
    }

    /// Every stage accepted: it is taken as soon as those that are ranked before it had their due.
    pub(super) fn arrive(
        &mut self,
        peer: Peer,
        validation: Judgement<Verdict>,
        privacy: Judgement<Verdict>,
        now: Timestamp,
    ) {
        if lifetime(&validation, &privacy) == Some(0) {
            self.worsen(FailureKind::ValidationRefused, NO_TIME);
            return self.refuse(&peer, WithdrawReason::Expired, now);
        }
        self.advance(
            peer,
            Progress::Ready {
                validation,
                privacy,
                since: now,
            },
        );
        self.pace(now);
    }

    /// Begins what may begin, takes whom there is to take, or ends.
    fn pace(&mut self, now: Timestamp) {
        while self.next_begins().is_some_and(|next| next.is_reached(now)) {
            self.begin_next(now);
        }
        let Phase::Racing(race) = &self.phase else {
            return;
        };
        if !race.runners.is_empty() {
            return self.settle(now);
        }
        // What was not tried tells less than what was.
        let nothing = || "no candidate is left to be tried".to_string();
        let message = self.passed_over.take().unwrap_or_else(nothing);
        self.end(FailureKind::ConnectionFailed, message, now);
    }

    /// When the next attempt may begin; `None` while something else must end before, or none is left.
    fn next_begins(&self) -> Option<Timestamp> {
        let Phase::Racing(Race { runners, next }) = &self.phase else {
            return None;
        };
        let position = *self.queue.front()?;
        if runners.is_empty() {
            return Some(AT_ONCE);
        }
        let in_handshake = |runner: &Runner| matches!(runner.progress, Progress::Connecting { .. });
        let may = match self.config.at_once {
            AtOnce::Servers => true,
            AtOnce::Addresses => runners
                .iter()
                .all(|runner| self.is_one_server(runner.peer.candidate, position)),
            AtOnce::One => false,
        };
        (may && runners.len() < ABREAST && runners.iter().all(in_handshake)).then_some(*next)
    }

    /// Attempts the first candidate of the queue, or passes it over.
    fn begin_next(&mut self, now: Timestamp) {
        let Some(position) = self.queue.pop_front() else {
            return;
        };
        let Some(candidate) = self.discovered.candidates.get(position as usize) else {
            return;
        };
        let Some(end) = self.discovered.ends.get(position as usize).copied() else {
            return;
        };
        let (server, target) = (candidate.server(), candidate.target.clone());
        let request = Arc::new(self.server_request(candidate, now));
        let pass_over = if !self.config.transports.contains(&server.transport) {
            Some(format!(
                "transport `{}` is not supported by this build",
                server.transport
            ))
        } else if self.attempts_left == 0 {
            let attempts = self.config.attempts;
            Some(format!("{attempts} servers were tried, no more are"))
        } else {
            self.avoids(&server, now).map(Into::into)
        };
        if let Some(reason) = pass_over {
            self.passed_over.get_or_insert_with(|| reason.clone());
            return self.tell(
                now,
                Step::PassedOver {
                    candidate: position,
                    server,
                    reason,
                },
            );
        }
        self.attempts_left = self.attempts_left.saturating_sub(1);
        let attempt = self.next_attempt;
        self.next_attempt = attempt.wrapping_add(1);
        self.tell(
            now,
            Step::Attempt {
                attempt,
                candidate: position,
                server: server.clone(),
                target: target.clone(),
            },
        );
        self.act(Action::Connect {
            attempt,
            server: server.clone(),
            target: target.clone(),
            request: Arc::clone(&request),
            generation: self.generation,
        });
        let peer = Peer {
            attempt,
            candidate: position,
            server,
            target,
            end,
            request,
            evidence: self.evidence,
            generation: self.generation,
            repetitions: 0,
        };
        let next = now.elapsed(self.config.attempt_delay);
        let deadline = Self::patience(now);
        if let Phase::Racing(race) = &mut self.phase {
            race.next = next;
            race.runners.push(Runner {
                peer,
                progress: Progress::Connecting { deadline },
            });
        }
    }

    /// Takes the first that is vetted and need not wait, and gives up the others.
    fn settle(&mut self, now: Timestamp) {
        let Some(Runner {
            peer,
            progress:
                Progress::Ready {
                    validation,
                    privacy,
                    since,
                },
        }) = self.winner(now)
        else {
            return;
        };
        let generation = validation.generation.min(privacy.generation);
        let (expires, bound) = expiry(&peer, &validation, &privacy, since);
        let has_ended = expires.is_reached(now) && bound != LifetimeBound::Discovery;
        if has_ended || self.is_outdated(&peer, generation) {
            return self.repeat(peer, now);
        }
        let others: Vec<u32> = match &self.phase {
            Phase::Racing(race) => race.runners.iter().map(|runner| runner.peer.attempt),
            _ => return,
        }
        .filter(|attempt| *attempt != peer.attempt)
        .collect();
        for attempt in others {
            self.withdraw(attempt, WithdrawReason::Overtaken, now);
        }
        self.serve(peer, validation, privacy, since, now);
    }

    /// The first in the order of the selectors that is vetted and need not wait.
    fn winner(&self, now: Timestamp) -> Option<Runner> {
        let Phase::Racing(Race { runners, .. }) = &self.phase else {
            return None;
        };
        let takes = |(place, runner): &(usize, &Runner)| {
            let before = || runners.iter().take(*place);
            let gives_way =
                |other: &Runner| self.is_one_server(other.peer.candidate, runner.peer.candidate);
            match &runner.progress {
                Progress::Ready { .. } if *place == 0 => true,
                Progress::Ready { .. } => self
                    .due(runner)
                    .is_some_and(|due| due.is_reached(now) || before().all(gives_way)),
                _ => false,
            }
        };
        let (_, runner) = runners.iter().enumerate().find(takes)?;
        Some(runner.clone())
    }

    /// Until when a vetted server waits for others; `None` when it is not vetted, or waits until they have ended.
    fn due(&self, runner: &Runner) -> Option<Timestamp> {
        match &runner.progress {
            Progress::Ready {
                validation, since, ..
            } if is_authenticated(validation) => Some(since.elapsed(self.config.attempt_delay)),
            _ => None,
        }
    }

    /// See [`Session::repeat`].
    pub(super) fn run_again(&mut self, peer: Peer, reason: &str, now: Timestamp) {
        let deadline = now.elapsed(REJUDGE_MILLISECONDS);
        let peer = self.ask_again(deadline, peer, false, reason, now);
        self.advance(peer, Progress::Rejudging { deadline });
    }

    /// What is being judged again is judged by what is new now.
    pub(super) fn runners_again(&mut self, reason: &str, now: Timestamp) {
        let Phase::Racing(race) = &self.phase else {
            return;
        };
        let again = |runner: &&Runner| matches!(runner.progress, Progress::Rejudging { .. });
        let peers: Vec<Peer> = race
            .runners
            .iter()
            .filter(again)
            .map(|runner| runner.peer.clone())
            .collect();
        for peer in peers {
            self.run_again(peer, reason, now);
        }
    }

    /// Ends what took too long, and goes on.
    pub(super) fn check_race(&mut self, now: Timestamp) {
        while let Phase::Racing(race) = &self.phase {
            let is_late = |runner: &&Runner| {
                let deadline = runner.deadline();
                deadline.is_some_and(|deadline| deadline.is_reached(now))
            };
            let Some(Runner { peer, progress }) = race.runners.iter().find(is_late).cloned() else {
                return self.pace(now);
            };
            match progress {
                Progress::Connecting { .. } => {
                    let message = "a connection was not complete in time";
                    self.worsen(FailureKind::ConnectionFailed, message);
                    self.refuse(&peer, WithdrawReason::ConnectionLost, now);
                }
                Progress::Informing { validation, .. } => {
                    let problem = "it did not answer in time".into();
                    self.told_nothing(peer, validation, problem, now);
                }
                Progress::Fetching {
                    validation, url, ..
                } => {
                    let problem = "it could not be fetched in time".into();
                    self.token_came(peer, validation, url, Err(problem), now);
                }
                Progress::Assessing { .. } => {
                    let message = "the privacy assessors did not answer in time";
                    self.worsen(FailureKind::PolicyFault, message);
                    self.refuse(&peer, WithdrawReason::PolicyFault, now);
                }
                Progress::Rejudging { .. } => {
                    let message = "a server was not judged again in time";
                    self.worsen(FailureKind::PolicyFault, message);
                    self.refuse(&peer, WithdrawReason::NotJudgedInTime, now);
                }
                // It has no deadline.
                Progress::Ready { .. } => return,
            }
        }
    }

    /// When something of a race is due next.
    pub(super) fn race_timer(&self) -> Option<Timestamp> {
        let Phase::Racing(race) = &self.phase else {
            return None;
        };
        let runners = race
            .runners
            .iter()
            .filter_map(|runner| runner.deadline().or_else(|| self.due(runner)));
        runners.chain(self.next_begins()).reduce(Timestamp::earlier)
    }
}
