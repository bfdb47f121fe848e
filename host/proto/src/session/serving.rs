//! The session while a server is vetted: how long, what ends it, and how it is judged again.

use alloc::sync::Arc;

use super::{
    Action, FailureKind, LifetimeBound, Session, Step, Timestamp, Vetted, WithdrawReason,
    limits::REJUDGE_MILLISECONDS,
    machine::{Held, Peer, Phase},
    race::Progress,
};
use crate::{
    certificate,
    judgement::{Candidate, Decision, Judgement, Mode, Role, Stage, Transport, Verdict},
};

impl Session {
    /// The last step: every stage accepted by the policies and the evidence of this moment. A verdict holds from the moment
    /// when it was complete.
    pub(super) fn serve(
        &mut self,
        peer: Peer,
        validation: Judgement<Verdict>,
        privacy: Judgement<Verdict>,
        since: Timestamp,
        now: Timestamp,
    ) {
        if peer.end.is_reached(now) {
            // The handshake or the judgement outlasted the records.
            return self.rediscover(peer, now);
        }
        if lifetime(&validation, &privacy) == Some(0) {
            self.worsen(FailureKind::ValidationRefused, NO_TIME);
            return self.refuse(&peer, WithdrawReason::Expired, now);
        }
        let (expires, bound) = expiry(&peer, &validation, &privacy, since);
        let authenticated = is_authenticated(&validation);
        let generation = validation.generation.min(privacy.generation);
        let vetted = Vetted {
            attempt: peer.attempt,
            server: peer.server.clone(),
            target: peer.target.clone(),
            since,
            expires,
            bound,
            authenticated,
            generation,
            request: Arc::clone(&peer.request),
            validation,
            privacy,
        };
        self.worst = None;
        self.passed_over = None;
        self.tell_what_was_given_up(&peer, authenticated, now);
        self.tell(
            now,
            Step::Served {
                attempt: peer.attempt,
                expires,
                bound,
            },
        );
        self.act(Action::Serve { vetted });
        let peer = Peer {
            generation,
            repetitions: 0,
            ..peer
        };
        self.phase = Phase::Serving { peer, expires };
    }

    /// Asks for a judgement of what a peer presented, with the facts of this moment.
    pub(super) fn rejudge(
        &mut self,
        peer: Peer,
        until: Option<Timestamp>,
        reason: &str,
        now: Timestamp,
    ) {
        self.rejudge_until(now.elapsed(REJUDGE_MILLISECONDS), peer, until, reason, now);
    }

    pub(super) fn rejudge_until(
        &mut self,
        deadline: Timestamp,
        peer: Peer,
        until: Option<Timestamp>,
        reason: &str,
        now: Timestamp,
    ) {
        let serving = until.is_some_and(|until| !until.is_reached(now));
        let peer = self.ask_again(deadline, peer, serving, reason, now);
        self.phase = Phase::Rejudging {
            peer,
            until,
            deadline,
        };
    }

    /// Has a peer judged again, and gives it with the request that is judged.
    pub(super) fn ask_again(
        &mut self,
        deadline: Timestamp,
        peer: Peer,
        serving: bool,
        reason: &str,
        now: Timestamp,
    ) -> Peer {
        let request = self.repeated_request(&peer, now);
        let peer = Peer {
            request: Arc::new(request),
            evidence: self.evidence,
            ..peer
        };
        self.tell(
            now,
            Step::Rejudging {
                attempt: peer.attempt,
                reason: reason.into(),
            },
        );
        self.act(Action::Rejudge {
            attempt: peer.attempt,
            request: Arc::clone(&peer.request),
            generation: self.generation,
            deadline,
            serving,
        });
        peer
    }

    /// See [`super::Event::Rejudged`]. A judgement that is not the one asked for is overtaken by another that is under way,
    /// or comes from nowhere: the deadline decides.
    pub(super) fn rejudged(
        &mut self,
        attempt: u32,
        validation: Judgement<Verdict>,
        privacy: Option<Judgement<Verdict>>,
        now: Timestamp,
    ) {
        let (peer, in_use) = match (&self.phase, self.runner(attempt)) {
            (Phase::Rejudging { peer, .. }, _) if peer.attempt == attempt => (peer.clone(), true),
            (_, Some(runner)) if matches!(runner.progress, Progress::Rejudging { .. }) => {
                (runner.peer, false)
            }
            _ => return,
        };
        let digest = peer.request.digest();
        let generation = privacy.as_ref().map_or(validation.generation, |privacy| {
            privacy.generation.min(validation.generation)
        });
        let ours = validation.request == digest
            && validation.stage == Stage::Validation
            && privacy
                .as_ref()
                .is_none_or(|p| p.request == digest && p.stage == Stage::Privacy);
        if !ours || generation < self.generation {
            let reason = "a judgement of an older request or generation came".into();
            return self.tell(
                now,
                Step::Discounted {
                    attempt: Some(attempt),
                    reason,
                },
            );
        }
        self.generation = generation;
        self.tell(
            now,
            Step::Validation {
                attempt,
                judgement: validation.clone(),
            },
        );
        if let Some(privacy) = &privacy {
            self.tell(
                now,
                Step::Assessment {
                    attempt,
                    judgement: privacy.clone(),
                },
            );
        }
        let refusal = match (self.refusal(&peer, &validation), &privacy) {
            (Some(reason), _) => Some(reason),
            (None, Some(privacy)) => self.refusal(&peer, privacy),
            (None, None) => {
                self.worsen(
                    FailureKind::PolicyFault,
                    "the privacy assessment of an accepted server is missing",
                );
                Some(WithdrawReason::PolicyFault)
            }
        };
        match (refusal, privacy, in_use) {
            (None, Some(privacy), true) => self.serve(peer, validation, privacy, now, now),
            (None, Some(privacy), false) => self.arrive(peer, validation, privacy, now),
            (Some(reason), _, false) => self.refuse(&peer, reason, now),
            (reason, _, _) => {
                self.give_up(&peer, reason.unwrap_or(WithdrawReason::PolicyFault), now);
            }
        }
    }

    /// A server that was judged again is refused. The others are chosen from anew: what refused it may choose otherwise.
    pub(super) fn give_up(&mut self, peer: &Peer, reason: WithdrawReason, now: Timestamp) {
        self.withdraw(peer.attempt, reason, now);
        self.excluded.insert(peer.candidate);
        self.select(0, now);
    }

    /// See [`super::Event::Swapped`].
    pub(super) fn swapped(&mut self, generation: u64, now: Timestamp) {
        self.generation = self.generation.max(generation);
        self.excluded.clear();
        let (peer, until) = match &self.phase {
            Phase::Serving { peer, expires } if peer.generation < self.generation => {
                (peer.clone(), Some(*expires))
            }
            Phase::Rejudging { peer, until, .. } => (peer.clone(), *until),
            Phase::Racing(_) => return self.runners_again("policies were swapped", now),
            _ => return self.let_go(now),
        };
        if until.is_some() {
            // New selectors bind at once, so they are asked before the server is judged again.
            let deadline = now.elapsed(REJUDGE_MILLISECONDS);
            self.held = Some(Held {
                peer,
                expires: until,
                deadline,
            });
            self.select(0, now);
        } else {
            self.rejudge(peer, None, "policies were swapped", now);
        }
    }

    /// Whatever is judged, or being judged, is judged again.
    pub(super) fn evidence_changed(&mut self, reason: &str, now: Timestamp) {
        self.evidence = self.evidence.wrapping_add(1);
        self.excluded.clear();
        let (peer, until) = match &self.phase {
            Phase::Serving { peer, expires } => (peer.clone(), Some(*expires)),
            Phase::Rejudging { peer, until, .. } => (peer.clone(), *until),
            Phase::Racing(_) => return self.runners_again(reason, now),
            _ => return self.let_go(now),
        };
        self.rejudge(peer, until, reason, now);
    }

    /// A server that is used while discovery is repeated cannot be judged again before that is done: it is used no longer.
    fn let_go(&mut self, now: Timestamp) {
        let waits = |held: &mut Held| held.expires.is_none() && !held.peer.end.is_reached(now);
        if let Some(held) = self.held.take_if(waits) {
            self.withdraw(held.peer.attempt, WithdrawReason::NotJudgedInTime, now);
        }
    }

    /// See [`super::Event::Closed`].
    pub(super) fn closed(&mut self, attempt: u32, now: Timestamp) {
        let (Phase::Serving { peer, .. } | Phase::Rejudging { peer, .. }) = &self.phase else {
            return;
        };
        if peer.attempt != attempt {
            return;
        }
        let peer = peer.clone();
        self.withdraw(attempt, WithdrawReason::ConnectionLost, now);
        if peer.end.is_reached(now) {
            return self.discover(now);
        }
        // The same server first; should it be gone, whatever else the selectors allow by now.
        self.preferred = Some(peer.candidate);
        self.select(0, now);
    }

    /// See [`super::Event::Unanswered`].
    pub(super) fn unanswered(&mut self, attempt: u32, now: Timestamp) {
        let (Phase::Serving { peer, .. } | Phase::Rejudging { peer, .. }) = &self.phase else {
            return;
        };
        if peer.attempt != attempt {
            return;
        }
        let peer = peer.clone();
        self.withdraw(attempt, WithdrawReason::Unanswered, now);
        if peer.end.is_reached(now) {
            return self.discover(now);
        }
        let candidates = (0_u32..).zip(&self.discovered.candidates);
        let mut others = candidates.filter(|(position, _)| *position != peer.candidate);
        if others.any(|(position, _)| !self.excluded.contains(&position)) {
            self.excluded.insert(peer.candidate);
        } else {
            // Every one was given up for something: each handshake is judged anew, so all may be tried again.
            self.excluded.clear();
        }
        self.select(0, now);
    }

    /// See [`super::Event::Truncated`].
    pub(super) fn truncated(&mut self, attempt: u32, now: Timestamp) {
        let Phase::Serving { peer, .. } = &self.phase else {
            return;
        };
        let others = (0_u32..).zip(&self.discovered.candidates);
        let is_a_stream = |(position, candidate): (u32, &Candidate)| {
            candidate.transport != Transport::Dtls
                && self.config.transports.contains(&candidate.transport)
                && !self.excluded.contains(&position)
        };
        let cut = peer.attempt == attempt && peer.server.transport == Transport::Dtls;
        // Where streams were tried since discovery and none was vetted, trying again would only interrupt.
        if !cut || self.streams_first || !others.into_iter().any(is_a_stream) {
            return;
        }
        self.streams_first = true;
        self.withdraw(attempt, WithdrawReason::Truncated, now);
        self.select(0, now);
    }

    /// The verdict ended: the server is judged again, and when the records that it was chosen by ended, they are asked for
    /// again before.
    pub(super) fn expired(&mut self, now: Timestamp) {
        let Phase::Serving { peer, .. } = &self.phase else {
            return;
        };
        let peer = peer.clone();
        if peer.end.is_reached(now) {
            self.rediscover(peer, now);
        } else {
            self.rejudge(peer, None, "its verdict ended", now);
        }
    }

    /// Asks the network again, and judges the server again when it is still the first choice.
    fn rediscover(&mut self, peer: Peer, now: Timestamp) {
        let reason = "the records that it was chosen by ended".into();
        self.tell(
            now,
            Step::Rejudging {
                attempt: peer.attempt,
                reason,
            },
        );
        self.held = Some(Held {
            peer,
            expires: None,
            deadline: now,
        });
        self.discover(now);
    }

    /// An action was not answered in time.
    pub(super) fn overdue(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::Selecting { .. } => {
                self.end(
                    FailureKind::PolicyFault,
                    "the selectors did not answer in time",
                    now,
                );
            }
            Phase::Rejudging { peer, .. } => {
                self.worsen(
                    FailureKind::PolicyFault,
                    "a server was not judged again in time",
                );
                self.give_up(&peer, WithdrawReason::NotJudgedInTime, now);
            }
            Phase::New
            | Phase::Discovering { .. }
            | Phase::Racing(_)
            | Phase::Serving { .. }
            | Phase::Failed => {}
        }
    }
}

/// What is said of an acceptance that lasts for no time.
pub(super) const NO_TIME: &str = "a policy accepted for no time at all";

/// The least of the policies' own lifetimes, seconds.
pub(super) fn lifetime(
    validation: &Judgement<Verdict>,
    privacy: &Judgement<Verdict>,
) -> Option<u64> {
    let lifetimes = [validation.lifetime, privacy.lifetime];
    lifetimes.into_iter().flatten().min().map(u64::from)
}

/// When a verdict ends that was complete at this time, and what ends it.
pub(super) fn expiry(
    peer: &Peer,
    validation: &Judgement<Verdict>,
    privacy: &Judgement<Verdict>,
    since: Timestamp,
) -> (Timestamp, LifetimeBound) {
    // Where policies accepted a chain of which something has ended, the rest of it bounds.
    let certificate = peer
        .request
        .presented
        .certificates
        .iter()
        .filter_map(|der| certificate::validity(der))
        .map(|(_, not_after)| not_after.saturating_sub(since.unix))
        .filter(|seconds| *seconds > 0)
        .min();
    let (mut expires, mut bound) = (peer.end, LifetimeBound::Discovery);
    for (seconds, by) in [
        (certificate, LifetimeBound::Certificate),
        (lifetime(validation, privacy), LifetimeBound::Policy),
    ] {
        let end = seconds.map_or(expires, |seconds| since.after_seconds(seconds));
        if end.seconds_from(since) < expires.seconds_from(since) {
            bound = by;
        }
        expires = expires.earlier(end);
    }
    (expires, bound)
}

/// Whether a validator with authority accepted.
pub(super) fn is_authenticated(validation: &Judgement<Verdict>) -> bool {
    validation.evaluations.iter().any(|evaluation| {
        let accepts = |verdict: &Verdict| matches!(verdict.decision, Decision::Accept { .. });
        evaluation.mode == Mode::Enforce
            && evaluation.role == Role::Authority
            && evaluation.result.as_ref().is_ok_and(accepts)
    })
}
