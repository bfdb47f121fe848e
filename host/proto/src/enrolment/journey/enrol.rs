//! A certificate of the device's own: attributes, key, request, signature, answer (RFC 7030 sections 4.2 and 4.5).

use alloc::{string::String, vec::Vec};

use super::{
    Action, Event, JourneyError, Profile,
    collect::{Asked, Peer},
    desk::{Desk, without},
    limits,
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        LocalIdentity, Pending,
        est::{
            Answer, CaLabel, CertificationRequest, CsrAttributes, Operation, Outcome,
            RequestToSign, Subject, challenge_password,
        },
    },
    judgement::Der,
};

/// What for.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// A first certificate with this subject.
    First(Subject),
    /// Another certificate in place of this one (RFC 7030 section 4.2.2).
    Renewal(Der),
}

/// What came of it, or what has to be kept meanwhile.
#[derive(Debug, Clone)]
pub(super) enum Enrolled {
    /// The certificate.
    Issued(LocalIdentity),
    /// The server has not decided: this is to be stored, so that it can go on after a restart.
    Pending(Pending),
}

/// Asking for a certificate.
#[derive(Debug, Clone)]
pub(super) struct Enrol {
    label: Option<CaLabel>,
    /// The longest that the request may be pending, seconds.
    patience: u64,
    /// When this run began to ask, by the clock that nobody sets: one that stands in 1970 must not make patience endless.
    began: u64,
    peer: Peer,
    want: Option<Want>,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    CsrAttrs(Asked),
    Key {
        id: u32,
        wanted: CsrAttributes,
    },
    Signing {
        id: u32,
        key: String,
        request: RequestToSign,
        operation: Operation,
    },
    Asking {
        asked: Asked,
        key: String,
        request: CertificationRequest,
        operation: Operation,
        since: u64,
        waiting: bool,
    },
    Done,
}

impl Enrol {
    pub(super) fn begin(
        want: Want,
        profile: &Profile,
        peer: Peer,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Self {
        let label = profile.label.clone();
        let asked = Asked::begin(Operation::CsrAttrs, label.as_ref(), None, &peer, desk, now);
        Self {
            label,
            patience: patience(profile),
            began: now.boot,
            peer,
            want: Some(want),
            stage: Stage::CsrAttrs(asked),
        }
    }

    /// Goes on with a request of an earlier run: it is sent again as it is.
    pub(super) fn resume(
        pending: Pending,
        profile: &Profile,
        peer: Peer,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Self, JourneyError> {
        let request = CertificationRequest::from_der(&pending.request)?;
        let Pending {
            operation,
            key,
            since,
            ..
        } = pending;
        let body = request.der().clone();
        let label = profile.label.clone();
        let asked = Asked::begin(operation, label.as_ref(), Some(&body), &peer, desk, now);
        Ok(Self {
            label,
            patience: patience(profile),
            began: now.boot,
            peer,
            want: None,
            stage: Stage::Asking {
                asked,
                key,
                request,
                operation,
                since,
                waiting: false,
            },
        })
    }

    /// Whether a time is waited for.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Asking { waiting: true, .. })
    }

    /// The wait is over: the same request is sent again, over this connection.
    pub(super) fn retry(&mut self, peer: Peer, desk: &mut Desk, now: Timestamp) {
        self.peer = peer;
        if let Stage::Asking { asked, waiting, .. } = &mut self.stage {
            *waiting = false;
            asked.send(&self.peer, desk, now);
        }
    }

    /// Takes an event; something when there is something to store or use.
    pub(super) fn handle(
        &mut self,
        event: &Event,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Option<Enrolled>, JourneyError> {
        match &mut self.stage {
            Stage::CsrAttrs(asked) => {
                if let Some(outcome) = asked.handle(event, &self.peer, desk, now) {
                    let wanted = match outcome? {
                        Outcome::Answer(Answer::CsrAttributes(wanted)) => wanted,
                        _ => {
                            desk.tell(now, without("csrattrs", &"the server has none"));
                            CsrAttributes::default()
                        }
                    };
                    let id = desk.id();
                    let kind = wanted.key.clone();
                    desk.act(Action::MakeKey { id, kind }, now);
                    self.stage = Stage::Key { id, wanted };
                }
                Ok(None)
            }
            Stage::Key { id, wanted } => {
                match event {
                    Event::KeyMade {
                        id: made,
                        key,
                        public,
                    } if made == id => {
                        let wanted = core::mem::take(wanted);
                        self.sign(&wanted, key.clone(), public, desk, now)?;
                    }
                    Event::KeyFailed { id: failed, detail } if failed == id => {
                        return Err(keys(detail));
                    }
                    _ => {}
                }
                Ok(None)
            }
            Stage::Signing {
                id,
                key,
                request,
                operation,
            } => {
                match event {
                    Event::Signed {
                        id: signed,
                        algorithm,
                        signature,
                    } if signed == id => {
                        let request = request.clone().signed(algorithm, signature)?;
                        let (key, operation) = (key.clone(), *operation);
                        let body = request.der().clone();
                        let label = self.label.as_ref();
                        let asked =
                            Asked::begin(operation, label, Some(&body), &self.peer, desk, now);
                        self.stage = Stage::Asking {
                            asked,
                            key,
                            request,
                            operation,
                            since: now.unix,
                            waiting: false,
                        };
                    }
                    Event::KeyFailed { id: failed, detail } if failed == id => {
                        return Err(keys(detail));
                    }
                    _ => {}
                }
                Ok(None)
            }
            Stage::Asking { .. } => self.answered(event, desk, now),
            Stage::Done => Ok(None),
        }
    }

    fn sign(
        &mut self,
        wanted: &CsrAttributes,
        key: String,
        public: &Der,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let binding = self
            .peer
            .binding
            .as_ref()
            .map(|octets| challenge_password(octets))
            .transpose()?;
        let binding = binding.as_deref();
        let (request, operation) = match self.want.take() {
            Some(Want::First(subject)) => (
                RequestToSign::new(&subject, public, wanted, binding)?,
                Operation::SimpleEnroll,
            ),
            Some(Want::Renewal(certificate)) => (
                RequestToSign::renewing(&certificate, public, binding)?,
                Operation::SimpleReenroll,
            ),
            None => return Ok(()),
        };
        let id = desk.id();
        desk.act(
            Action::Sign {
                id,
                key: key.clone(),
                octets: request.octets().into(),
            },
            now,
        );
        self.stage = Stage::Signing {
            id,
            key,
            request,
            operation,
        };
        Ok(())
    }

    fn answered(
        &mut self,
        event: &Event,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Option<Enrolled>, JourneyError> {
        let Stage::Asking {
            asked,
            key,
            request,
            operation,
            since,
            waiting,
        } = &mut self.stage
        else {
            return Ok(None);
        };
        let Some(outcome) = asked.handle(event, &self.peer, desk, now) else {
            return Ok(None);
        };
        match outcome? {
            Outcome::Answer(Answer::Certificates(certificates)) => {
                let certificate = request.issued(&certificates)?;
                let chain: Vec<Der> = certificates
                    .into_iter()
                    .filter(|other| *other != certificate)
                    .collect();
                let identity = LocalIdentity {
                    certificate,
                    chain,
                    key: key.clone(),
                };
                self.stage = Stage::Done;
                Ok(Some(Enrolled::Issued(identity)))
            }
            Outcome::Pending { seconds } => {
                let waited = now.unix.saturating_sub(*since);
                let waited = waited.max(now.boot.saturating_sub(self.began) / 1_000);
                if waited.saturating_add(seconds) > self.patience {
                    return Err(JourneyError::PendingTooLong {
                        path: operation.path(self.label.as_ref()),
                        seconds: waited.saturating_add(seconds),
                        limit: self.patience,
                        reference: "RFC 7030 4.2.3",
                    });
                }
                *waiting = true;
                let pending = Pending {
                    operation: *operation,
                    request: request.der().clone(),
                    key: key.clone(),
                    since: *since,
                    not_before: now.unix.saturating_add(seconds),
                };
                desk.wait(seconds, "the server has not decided yet", now);
                Ok(Some(Enrolled::Pending(pending)))
            }
            _ => Err(JourneyError::Exchange {
                path: operation.path(self.label.as_ref()),
                detail: "the server has nothing".into(),
            }),
        }
    }
}

fn patience(profile: &Profile) -> u64 {
    profile.pending_seconds.min(limits::PENDING_SECONDS)
}

pub(super) fn keys(detail: &str) -> JourneyError {
    JourneyError::Keys {
        detail: crate::enrolment::quoted(detail, 200),
    }
}
