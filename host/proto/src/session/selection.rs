//! The session while it chooses among candidates.

use alloc::{
    collections::{BTreeSet, VecDeque},
    format,
    sync::Arc,
    vec::Vec,
};

use super::{
    Action, AtOnce, FailureKind, Session, Step, Timestamp, WithdrawReason,
    limits::REPETITIONS,
    machine::{Held, Peer, Phase},
};
use crate::judgement::{Candidate, Judgement, Outcome, Ranking, Stage, Transport};

impl Session {
    /// Asks the selectors about all candidates, under the configured profile; for the `times`-th time in a row because something changed.
    pub(super) fn select(&mut self, times: u32, now: Timestamp) {
        let request = Arc::new(self.base_request(now));
        self.act(Action::Select {
            request: Arc::clone(&request),
        });
        let evidence = self.evidence;
        // A server in use does not wait longer than its own judgement may take.
        let in_use = self.held.as_ref().filter(|held| held.expires.is_some());
        let deadline = in_use.map_or_else(|| Self::patience(now), |held| held.deadline);
        self.phase = Phase::Selecting {
            request,
            evidence,
            times,
            deadline,
        };
    }

    /// See [`super::Event::Selected`].
    pub(super) fn selected(&mut self, judgement: Judgement<Ranking>, now: Timestamp) {
        let Phase::Selecting {
            request,
            evidence,
            times,
            ..
        } = &self.phase
        else {
            return;
        };
        let (digest, evidence, times) = (request.digest(), *evidence, *times);
        self.tell(now, Step::Selection(judgement.clone()));
        if !self.is_ours(None, &judgement, Stage::Selection, digest, now) {
            let message = "a selection of another request came";
            return self.end(FailureKind::PolicyFault, message, now);
        }
        if judgement.generation < self.generation || evidence != self.evidence {
            let reason = "policies or evidence changed while the selectors were asked".into();
            self.tell(
                now,
                Step::Discounted {
                    attempt: None,
                    reason,
                },
            );
            if times >= REPETITIONS {
                let message =
                    "policies or evidence changed too often while the selectors were asked";
                return self.end(FailureKind::PolicyFault, message, now);
            }
            return self.select(times.saturating_add(1), now);
        }
        self.generation = judgement.generation;
        let count = self.discovered.candidates.len();
        match judgement.outcome {
            Outcome::Faulted => {
                let decision = Some(judgement.id());
                let kind = FailureKind::PolicyFault;
                return self.end_by(decision, kind, "a selector failed", now);
            }
            Outcome::Rejected | Outcome::NoAuthority => {
                let message = format!("the selectors left none of {count} candidates");
                let decision = Some(judgement.id());
                return self.end_by(decision, FailureKind::SelectionRefused, message, now);
            }
            Outcome::Accepted => {}
        }
        let mut seen = BTreeSet::new();
        self.queue = judgement
            .order(count)
            .into_iter()
            .filter(|candidate| seen.insert(*candidate) && !self.excluded.contains(candidate))
            .filter(|candidate| (*candidate as usize) < count)
            .collect();
        self.take_turns();
        if self.streams_first {
            let candidates = &self.discovered.candidates;
            let is_cut = |position: &u32| {
                let candidate = candidates.get(*position as usize);
                candidate.is_some_and(|candidate| candidate.transport == Transport::Dtls)
            };
            let (datagrams, streams): (Vec<_>, Vec<_>) =
                self.queue.drain(..).partition(|position| is_cut(position));
            self.queue.extend(streams.into_iter().chain(datagrams));
        }
        if let Some(preferred) = self
            .preferred
            .take()
            .filter(|position| self.queue.contains(position))
        {
            self.queue.retain(|position| *position != preferred);
            self.queue.push_front(preferred);
        }
        if self.queue.is_empty() {
            let message = format!("the selectors left none of {count} candidates");
            self.worsen(FailureKind::SelectionRefused, message);
        }
        self.attempts_left = self.config.attempts;
        if self.keep_held(now) {
            return;
        }
        self.race(now);
    }

    /// Of a server's addresses that the selectors ranked one after another, the families take turns, the first one's before
    /// (RFC 8305 section 4). The first address stays the first.
    fn take_turns(&mut self) {
        if self.config.at_once == AtOnce::One {
            return;
        }
        let mut rest: Vec<u32> = self.queue.drain(..).collect();
        while let Some(first) = rest.first().copied() {
            let addresses = rest
                .iter()
                .take_while(|other| self.is_one_server(first, **other))
                .count();
            let others = rest.split_off(addresses);
            let (mut own, mut other): (VecDeque<u32>, VecDeque<u32>) = rest
                .into_iter()
                .partition(|position| self.is_ipv4(*position) == self.is_ipv4(first));
            while !own.is_empty() || !other.is_empty() {
                self.queue.extend(own.pop_front());
                self.queue.extend(other.pop_front());
            }
            rest = others;
        }
    }

    fn is_ipv4(&self, position: u32) -> bool {
        let candidate = self.discovered.candidates.get(position as usize);
        candidate.is_some_and(|candidate| candidate.address.is_ipv4())
    }

    /// Whether two candidates are addresses of one server, authenticated by the same.
    pub(super) fn is_one_server(&self, one: u32, other: u32) -> bool {
        let server = |position: u32| {
            let candidate = self.discovered.candidates.get(position as usize)?;
            let Candidate {
                transport,
                port,
                target,
                path,
                identity,
                pins,
                ..
            } = candidate;
            Some((transport, port, target, path, identity, pins))
        };
        one == other || server(one).is_some_and(|one| server(other) == Some(one))
    }

    /// A server that was vetted before discovery or selection was repeated is judged again instead of being connected to
    /// anew: after a swap if it may still be chosen, after discovery if it is still the first choice. Otherwise it is
    /// given up.
    fn keep_held(&mut self, now: Timestamp) -> bool {
        let Some(Held {
            peer,
            expires,
            deadline,
        }) = self.held.take()
        else {
            return false;
        };
        let candidates = &self.discovered.candidates;
        let found = self.queue.iter().enumerate().find_map(|(place, position)| {
            let candidate = candidates.get(*position as usize)?;
            let end = self.discovered.ends.get(*position as usize)?;
            self.is_server_of(candidate, &peer)
                .then(|| (place, *position, candidate.target.clone(), *end))
        });
        match (found, expires) {
            (Some((_, candidate, target, end)), Some(expires)) => {
                let peer = Peer {
                    candidate,
                    target,
                    end,
                    ..peer
                };
                self.rejudge_until(deadline, peer, Some(expires), "policies were swapped", now);
                true
            }
            (Some((0, candidate, target, end)), None) => {
                let peer = Peer {
                    candidate,
                    target,
                    end,
                    ..peer
                };
                self.rejudge(peer, None, "discovery was repeated", now);
                true
            }
            (_, None) => {
                self.withdraw(peer.attempt, WithdrawReason::Replaced, now);
                false
            }
            (None, Some(_)) => {
                self.withdraw(peer.attempt, WithdrawReason::SelectionRefused, now);
                false
            }
        }
    }
}
