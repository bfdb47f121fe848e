//! What every machine has: actions to be taken, ids, a timer and a story.

use alloc::{
    boxed::Box,
    collections::VecDeque,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{Action, Choice, Entry, Failure, JourneyError, Step, limits};
use crate::{
    certificate,
    discovery::Timestamp,
    enrolment::{
        PendingVoucher, brski,
        est::{Endpoint, HttpRequest},
    },
    judgement::{Digest, Judgement, Purpose, Request, Stage, Verdict},
    session::ConnectionFailure,
};

/// Actions, ids, a timer and a story.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    actions: VecDeque<Action>,
    next: u32,
    story: Vec<Entry>,
    told: usize,
    timer: Option<Timestamp>,
    /// When the step under way is overdue, or a wait ends.
    pub(super) deadline: Option<Timestamp>,
    /// How many journeys failed just before.
    failures: u32,
}

impl Desk {
    pub(super) const fn new(failures: u32) -> Self {
        Self {
            actions: VecDeque::new(),
            next: 0,
            story: Vec::new(),
            told: 0,
            timer: None,
            deadline: None,
            failures,
        }
    }

    pub(super) fn id(&mut self) -> u32 {
        let id = self.next;
        self.next = id.saturating_add(1);
        id
    }

    /// An action that is answered within the usual time.
    pub(super) fn act(&mut self, action: Action, now: Timestamp) {
        self.act_within(action, limits::PATIENCE_MILLISECONDS, now);
    }

    pub(super) fn act_within(&mut self, action: Action, milliseconds: u64, now: Timestamp) {
        self.deadline = Some(now.elapsed(milliseconds));
        self.actions.push_back(action);
    }

    pub(super) fn remember(&mut self, pending: Option<Box<PendingVoucher>>) {
        self.actions.push_back(Action::Remember { pending });
    }

    pub(super) fn close(&mut self, connection: u32) {
        self.actions.push_back(Action::Close { connection });
    }

    pub(super) fn take(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Tells which servers were found, and gives those that are tried.
    pub(super) fn found(&mut self, endpoints: &[Endpoint], at: Timestamp) -> VecDeque<Endpoint> {
        self.tell(at, Step::Found(endpoints.to_vec()));
        endpoints.iter().take(limits::SERVERS).cloned().collect()
    }

    pub(super) fn tell(&mut self, at: Timestamp, step: Step) {
        if self.story.len() >= limits::STORY {
            self.story.remove(0);
        }
        self.told += 1;
        self.story.push(Entry { at, step });
    }

    pub(super) const fn told(&self) -> usize {
        self.told
    }

    pub(super) fn story(&self) -> &[Entry] {
        &self.story
    }

    /// Tells a registrar how it went (RFC 8995 sections 5.7 and 5.9.4), and gives the exchange's name. What the registrar says
    /// to it does not matter.
    pub(super) fn report(
        &mut self,
        connection: u32,
        path: &str,
        (ok, reason): (bool, Option<&str>),
        now: Timestamp,
    ) -> u32 {
        let id = self.id();
        let json = "application/json";
        let request = HttpRequest::post(path, json, json, brski::status(ok, reason));
        let action = Action::Exchange {
            id,
            connection,
            request,
            authorized: false,
        };
        self.act(action, now);
        id
    }

    /// Nothing is done before this time.
    pub(super) fn wait(&mut self, seconds: u64, reason: &str, now: Timestamp) {
        let until = now.after_seconds(seconds);
        // Only the clock that nobody sets ends a wait: a wall clock that is set must not make a client impatient.
        let until = Timestamp {
            unix: u64::MAX,
            ..until
        };
        self.deadline = Some(until);
        self.tell(
            now,
            Step::Waiting {
                until,
                reason: reason.into(),
            },
        );
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline.is_reached(now))
    }

    /// Ends the journey.
    pub(super) fn fail(&mut self, error: JourneyError, now: Timestamp) {
        self.deadline = None;
        self.tell(now, Step::Failed(error.to_string()));
        let doubled = limits::SHORTEST_RETRY.saturating_mul(1 << self.failures.min(10));
        let failure = Failure {
            retry_after: doubled.min(limits::LONGEST_RETRY),
            choices: choices(&error),
            error,
        };
        self.actions.push_back(Action::Fail { failure });
    }

    /// Sets the timer when it changed. Called at the end of every event.
    pub(super) fn set_timer(&mut self) {
        if let Some(until) = self.deadline.filter(|_| self.deadline != self.timer) {
            self.actions.push_back(Action::WaitUntil { until });
        }
        self.timer = self.deadline;
    }

    /// Whether a judgement is of this request, by this generation or a newer one, and accepts.
    pub(super) fn accepts(
        &mut self,
        request: &Request,
        generation: u64,
        judgement: &Judgement<Verdict>,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let purpose: Purpose = request.purpose.clone();
        let ours = judgement.request == request.digest()
            && judgement.stage == Stage::Validation
            && judgement.generation >= generation;
        if !ours {
            return Err(JourneyError::ForeignJudgement { purpose });
        }
        let der = request.presented.certificates.first();
        let subject = der.map_or_else(String::new, |der| certificate::whose(der));
        if let Some(der) = der {
            self.tell(
                now,
                Step::Judged {
                    purpose: purpose.clone(),
                    subject: subject.clone(),
                    certificate: Digest::of(der),
                    judgement: judgement.clone(),
                },
            );
        }
        if judgement.is_accepted() {
            return Ok(());
        }
        Err(JourneyError::Refused {
            purpose,
            subject,
            judgement: Box::new(judgement.clone()),
        })
    }

    /// Tells that there is no connection, and gives the error that it means.
    pub(super) fn not_connected(
        &mut self,
        endpoint: Endpoint,
        reason: &ConnectionFailure,
        now: Timestamp,
    ) -> JourneyError {
        let detail = crate::enrolment::quoted(&reason.detail, 200);
        self.tell(
            now,
            Step::ConnectionFailed {
                endpoint: endpoint.clone(),
                detail: detail.clone(),
            },
        );
        JourneyError::Connection {
            endpoint,
            kind: reason.kind,
            detail,
        }
    }
}

fn choices(error: &JourneyError) -> Vec<Choice> {
    use Choice::{AnotherNetwork, EnrolAnew, NameTheDomain, TrustThisNetwork, TryLater};
    match error {
        JourneyError::EndEntity(_) => [NameTheDomain, AnotherNetwork].into(),
        JourneyError::Authentication { .. } => [EnrolAnew, AnotherNetwork].into(),
        JourneyError::NoDnsServer { .. } => [AnotherNetwork, TrustThisNetwork].into(),
        JourneyError::Keys { .. } | JourneyError::Store { .. } | JourneyError::Overdue { .. } => {
            [TryLater].into()
        }
        JourneyError::Refused { .. } | JourneyError::CertificatesChanged { .. } => {
            [AnotherNetwork, EnrolAnew].into()
        }
        _ => [TryLater, AnotherNetwork].into(),
    }
}

/// The error for an action that stayed unanswered.
pub(super) fn overdue(step: &'static str, milliseconds: u64) -> JourneyError {
    JourneyError::Overdue {
        step,
        seconds: milliseconds / 1_000,
    }
}

/// A header field's worth of words for a story.
pub(super) fn without(what: &str, reason: &impl core::fmt::Display) -> Step {
    Step::Without {
        what: what.into(),
        reason: format!("{reason}"),
    }
}
