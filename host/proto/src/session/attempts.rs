//! The session while it connects, and what counts as a judgement of a server.

use alloc::{format, sync::Arc};

use super::{
    Avoided, ConnectionFailure, ConnectionFailureKind, Failure, FailureKind, Session, Step,
    Timestamp, WithdrawReason,
    limits::{AVOIDED, DTLS_AVOIDED, QUIC_AVOIDED, REPETITIONS},
    machine::{Peer, Worst},
    race::{Progress, Runner},
};
use crate::judgement::{
    Answer, DecisionId, Digest, Judgement, Outcome, Presented, Server, Stage, Transport, Verdict,
};

impl Session {
    /// See [`super::Event::Connected`].
    pub(super) fn connected(
        &mut self,
        attempt: u32,
        presented: Presented,
        judgement: Judgement<Verdict>,
        now: Timestamp,
    ) {
        let Some(mut peer) = self.connecting(attempt) else {
            // It comes too late, and a connection that nobody waits for must not stay.
            if !self.is_known(attempt) {
                self.withdraw(attempt, WithdrawReason::ConnectionLost, now);
            }
            return;
        };
        peer.request = Arc::new(peer.request.presenting(presented));
        self.tell(
            now,
            Step::Validation {
                attempt,
                judgement: judgement.clone(),
            },
        );
        if let Err(error) = peer.request.check() {
            self.worsen(
                FailureKind::ValidationRefused,
                format!("{}: {error}", describe(&peer)),
            );
            return self.refuse(&peer, WithdrawReason::ValidationRefused, now);
        }
        if !self.is_ours(
            Some(attempt),
            &judgement,
            Stage::Validation,
            peer.request.digest(),
            now,
        ) {
            return self.refuse(&peer, WithdrawReason::ForeignJudgement, now);
        }
        if let Some(reason) = self.refusal(&peer, &judgement) {
            return self.refuse(&peer, reason, now);
        }
        if self.is_outdated(&peer, judgement.generation) {
            return self.repeat(peer, now);
        }
        self.generation = judgement.generation;
        peer.generation = judgement.generation;
        self.inform(peer, judgement, now);
    }

    /// See [`super::Event::ConnectionFailed`].
    pub(super) fn connection_failed(
        &mut self,
        attempt: u32,
        reason: ConnectionFailure,
        judgement: Option<Judgement<Verdict>>,
        now: Timestamp,
    ) {
        let Some(peer) = self.connecting(attempt) else {
            return;
        };
        let what = format!("{}: {}", describe(&peer), reason.detail);
        let failure = match reason.kind {
            // A server that cannot prove who it is was not authenticated (RFC 3958 section 2.2.4).
            ConnectionFailureKind::ProofOfPossession
            | ConnectionFailureKind::Refusal
            | ConnectionFailureKind::TooLarge => FailureKind::ValidationRefused,
            _ => FailureKind::ConnectionFailed,
        };
        self.avoid(&peer, reason.kind, now);
        self.tell(now, Step::ConnectionFailed { attempt, reason });
        let mut told = false;
        if let Some(judgement) = judgement {
            // Whatever it judged: a refusal needs no proof that it belongs here.
            told = self.refusal(&peer, &judgement).is_some();
            self.tell(now, Step::Validation { attempt, judgement });
        }
        if failure == FailureKind::ValidationRefused {
            self.suppress_designation(&peer);
        }
        if !told {
            self.worsen(failure, what);
        }
        self.drop_out(attempt, now);
    }

    /// Remembers a server that does not speak DNS over QUIC (RFC 9250 section 5.2) or over DTLS (RFC 8094 section 3.1).
    fn avoid(&mut self, peer: &Peer, kind: ConnectionFailureKind, now: Timestamp) {
        let counts = !matches!(
            kind,
            ConnectionFailureKind::ProofOfPossession
                | ConnectionFailureKind::Refusal
                | ConnectionFailureKind::TooLarge
        );
        let Server {
            transport,
            address,
            port,
            ..
        } = &peer.server;
        let seconds = match transport {
            Transport::Doq => QUIC_AVOIDED,
            Transport::Dtls => DTLS_AVOIDED,
            _ => return,
        };
        self.avoided
            .retain(|avoided| !avoided.until.is_reached(now));
        let is_new = self.avoids(&peer.server, now).is_none();
        if counts && is_new && self.avoided.len() < AVOIDED {
            self.avoided.push(Avoided {
                transport: transport.clone(),
                address: *address,
                port: *port,
                until: now.after_seconds(seconds),
            });
        }
    }

    /// Why a server is not tried now, when it failed over this transport a short while ago.
    pub(super) fn avoids(&self, server: &Server, now: Timestamp) -> Option<&'static str> {
        let is_avoided = self.avoided.iter().any(|avoided| {
            avoided.transport == server.transport
                && avoided.address == server.address
                && avoided.port == server.port
                && !avoided.until.is_reached(now)
        });
        match server.transport {
            _ if !is_avoided => None,
            Transport::Dtls => Some("it failed over DTLS less than 15 minutes ago (RFC 8094 3.1)"),
            _ => Some("it failed over QUIC less than an hour ago (RFC 9250 5.2)"),
        }
    }

    fn connecting(&mut self, attempt: u32) -> Option<Peer> {
        match self.runner(attempt)? {
            Runner {
                peer,
                progress: Progress::Connecting { .. },
            } => Some(peer),
            _ => None,
        }
    }

    /// See [`super::Event::Assessed`].
    pub(super) fn assessed(&mut self, attempt: u32, judgement: Judgement<Verdict>, now: Timestamp) {
        let Some(Runner {
            peer,
            progress: Progress::Assessing { validation, .. },
        }) = self.runner(attempt)
        else {
            return;
        };
        self.tell(
            now,
            Step::Assessment {
                attempt,
                judgement: judgement.clone(),
            },
        );
        if !self.is_ours(
            Some(attempt),
            &judgement,
            Stage::Privacy,
            peer.request.digest(),
            now,
        ) {
            return self.refuse(&peer, WithdrawReason::ForeignJudgement, now);
        }
        if let Some(reason) = self.refusal(&peer, &judgement) {
            return self.refuse(&peer, reason, now);
        }
        let generation = judgement.generation.min(validation.generation);
        self.generation = self.generation.max(judgement.generation);
        if self.is_outdated(&peer, generation) {
            return self.repeat(peer, now);
        }
        self.arrive(peer, validation, judgement, now);
    }

    /// Whether a judgement was made over this request at this stage. Any other counts for nothing.
    pub(super) fn is_ours<A: Answer>(
        &mut self,
        attempt: Option<u32>,
        judgement: &Judgement<A>,
        stage: Stage,
        digest: Digest,
        now: Timestamp,
    ) -> bool {
        let ours = judgement.stage == stage && judgement.request == digest;
        if !ours {
            let reason = format!(
                "expected a {} of request {digest}, came a {} of request {}",
                stage.as_str(),
                judgement.stage.as_str(),
                judgement.request
            );
            self.tell(now, Step::Discounted { attempt, reason });
            self.worsen(
                FailureKind::PolicyFault,
                "a judgement of another request came",
            );
        }
        ours
    }

    /// Why a judgement of this peer refuses it, if it does; remembered as what went wrong.
    pub(super) fn refusal(
        &mut self,
        peer: &Peer,
        judgement: &Judgement<Verdict>,
    ) -> Option<WithdrawReason> {
        let who = describe(peer);
        let stage = judgement.stage.as_str();
        let (kind, reason) = match (judgement.outcome, judgement.stage) {
            (Outcome::Accepted, _) => return None,
            (Outcome::Faulted, _) => {
                self.worsen_by(
                    Some(judgement.id()),
                    FailureKind::PolicyFault,
                    format!("{who}: a policy failed at {stage}"),
                );
                return Some(WithdrawReason::PolicyFault);
            }
            (_, Stage::Privacy) => (FailureKind::PrivacyRefused, WithdrawReason::PrivacyRefused),
            _ => (
                FailureKind::ValidationRefused,
                WithdrawReason::ValidationRefused,
            ),
        };
        let why = judgement.evaluations.iter().find_map(|evaluation| {
            let verdict = evaluation.result.as_ref().ok()?;
            let finding = verdict
                .findings
                .iter()
                .max_by_key(|finding| finding.severity)?;
            Some(format!(
                "{} ({}: {})",
                finding.message, evaluation.policy, finding.code
            ))
        });
        let why =
            why.unwrap_or_else(|| format!("{stage} ended with `{}`", judgement.outcome.as_str()));
        self.worsen_by(Some(judgement.id()), kind, format!("{who}: {why}"));
        Some(reason)
    }

    /// Whether a judgement by this generation was overtaken by policies or evidence.
    pub(super) fn is_outdated(&self, peer: &Peer, generation: u64) -> bool {
        generation < self.generation || peer.evidence != self.evidence
    }

    /// Judges a peer again that was not vetted yet, from what it presented.
    pub(super) fn repeat(&mut self, peer: Peer, now: Timestamp) {
        if peer.repetitions >= REPETITIONS {
            self.worsen(
                FailureKind::PolicyFault,
                "policies or evidence changed too often to judge a server",
            );
            return self.refuse(&peer, WithdrawReason::PolicyFault, now);
        }
        let peer = Peer {
            repetitions: peer.repetitions.saturating_add(1),
            ..peer
        };
        self.run_again(
            peer,
            "policies or evidence changed since it was judged",
            now,
        );
    }

    /// Ends this attempt and goes on with the next candidate.
    pub(super) fn refuse(&mut self, peer: &Peer, reason: WithdrawReason, now: Timestamp) {
        if reason == WithdrawReason::ValidationRefused {
            self.suppress_designation(peer);
        }
        self.withdraw(peer.attempt, reason, now);
        self.drop_out(peer.attempt, now);
    }

    /// Ends the session for this reason, or for a more telling one from before.
    pub(super) fn end(
        &mut self,
        kind: FailureKind,
        message: impl Into<alloc::string::String>,
        now: Timestamp,
    ) {
        self.end_by(None, kind, message, now);
    }

    /// As [`Session::end`], by this decision.
    pub(super) fn end_by(
        &mut self,
        decision: Option<DecisionId>,
        kind: FailureKind,
        message: impl Into<alloc::string::String>,
        now: Timestamp,
    ) {
        self.worsen_by(decision, kind, message);
        let worst = self.worst.take().unwrap_or(Worst {
            kind,
            message: "no server is left".into(),
            decision: None,
        });
        let Worst {
            kind,
            message,
            decision,
        } = worst;
        let (reference, retry_after) = match kind {
            FailureKind::ConnectionFailed => ("RFC 8310 5.1", self.backoff()),
            // The same evidence would be refused again; new evidence comes with new records at the earliest.
            _ => {
                let ends = self.discovered.ends.iter().map(|end| end.seconds_from(now));
                ("", ends.min().unwrap_or(0).max(self.backoff()))
            }
        };
        let reference = reference.into();
        self.exhausted(
            Failure {
                kind,
                message,
                decision,
                reference,
                retry_after,
            },
            now,
        );
    }
}

/// A peer in words.
pub(super) fn describe(peer: &Peer) -> alloc::string::String {
    let server = &peer.server;
    format!(
        "{} server {} port {} (`{}`)",
        server.transport, server.address, server.port, peer.target
    )
}
