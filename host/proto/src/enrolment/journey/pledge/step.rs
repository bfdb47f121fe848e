//! What each phase is, what each event means in it, and how it ends.

use alloc::{boxed::Box, sync::Arc};

use super::{Imprint, Join, Phase, Pledge};
use crate::{
    discovery::Timestamp,
    enrolment::{
        brski::VoucherRequestError,
        journey::{
            Event, JourneyError, State, Step,
            collect::{Collect, Peer, judged},
            desk::{Desk, overdue},
            enrol::keys,
            limits,
            machine::Machine,
        },
    },
    judgement::Request,
};

impl Machine for Pledge {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn state(&self) -> State {
        match &self.phase {
            Phase::New => State::New,
            Phase::Finding { .. } => State::Discovering,
            Phase::Connecting { .. } => State::Connecting,
            Phase::Drawing { .. } | Phase::Signing { .. } | Phase::Requesting(_) => {
                State::RequestingJoin
            }
            Phase::Waiting(_) => State::Waiting,
            Phase::Imprinting { .. } => State::Imprinting,
            Phase::Collecting { .. } => State::Collecting,
            Phase::Enrolling { enrol, .. } if enrol.is_waiting() => State::Waiting,
            Phase::Enrolling { .. }
            | Phase::Resuming { .. }
            | Phase::Reconnecting { .. }
            | Phase::Reporting { .. } => State::Enrolling,
            Phase::Storing { .. } => State::Storing,
            Phase::Done => State::Done,
            Phase::Failed => State::Failed,
        }
    }

    /// A phase is taken out while its event is worked on; whoever does not replace it puts it back.
    fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        match phase {
            Phase::New | Phase::Finding { .. } | Phase::Connecting { .. } => {
                self.connecting(phase, event, now)
            }
            Phase::Drawing { .. } | Phase::Signing { .. } | Phase::Requesting(_) => {
                self.joining(phase, event, now)
            }
            Phase::Imprinting {
                id,
                request,
                imprint,
            } => self.imprinting(id, request, imprint, event, now),
            Phase::Collecting { imprint, collect } => self.collecting(imprint, collect, event, now),
            Phase::Enrolling {
                peer,
                enrolment,
                enrol,
                storing,
            } => self.enrolling(peer, enrolment, enrol, storing, event, now),
            Phase::Resuming { .. } => self.resuming(phase, event, now),
            Phase::Reconnecting { .. } | Phase::Reporting { .. } => {
                self.reporting(phase, event, now)
            }
            Phase::Storing { .. } => self.storing(phase, event, now),
            Phase::Waiting(_) | Phase::Done | Phase::Failed => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    fn overdue(&mut self, now: Timestamp) {
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        let step = match phase {
            Phase::Waiting(join) => {
                self.ask(*join, now);
                return;
            }
            Phase::Enrolling {
                peer,
                enrolment,
                enrol,
                ..
            } if enrol.is_waiting() => {
                self.resume(peer, enrolment, enrol, now);
                return;
            }
            Phase::Reconnecting {
                connection,
                enrolment,
                ..
            }
            | Phase::Reporting {
                connection,
                enrolment,
                ..
            } => {
                self.desk.close(connection);
                self.store(enrolment, now);
                return;
            }
            ref other => match other {
                Phase::Finding { .. } => "looking for registrars",
                Phase::Connecting { .. } => "connecting",
                Phase::Drawing { .. } => "drawing a nonce",
                Phase::Signing { .. } => "signing the voucher request",
                Phase::Requesting(_) => "asking for a voucher",
                Phase::Imprinting { .. } => "judging the registrar",
                Phase::Collecting { .. } => "fetching certificates",
                Phase::Enrolling { .. } | Phase::Resuming { .. } => "asking for a certificate",
                Phase::Storing { .. } => "storing",
                _ => {
                    self.phase = phase;
                    return;
                }
            },
        };
        self.phase = phase;
        self.fail(overdue(step, limits::PATIENCE_MILLISECONDS), now);
    }

    /// Each failure leads back to discovery (RFC 8995 section 2.1): the next registrar, or the end.
    fn fail(&mut self, error: JourneyError, now: Timestamp) {
        if matches!(self.phase, Phase::Failed | Phase::Done) {
            return;
        }
        if let Some(connection) = self.connection.take() {
            self.desk.close(connection);
        }
        if matches!(
            error,
            JourneyError::Keys { .. } | JourneyError::Store { .. }
        ) {
            self.servers.clear();
        }
        let resumed = self.config.pending.take().is_some();
        if !self.servers.is_empty() || resumed {
            self.desk.tell(now, Step::Failed(alloc::format!("{error}")));
        }
        self.forget();
        if resumed {
            // What an earlier run asked for leads nowhere: a device begins anew then (RFC 8995 section 5.6).
            self.begin(now);
            return;
        }
        self.last = Some(error);
        self.next_server(now);
    }
}

impl Pledge {
    /// From nothing to a connection with a registrar.
    fn connecting(
        &mut self,
        phase: Phase,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        match (phase, event) {
            (Phase::New, Event::Start) => {
                match self.resumable(now) {
                    Some(join) => self.await_voucher(join, now),
                    None => self.begin(now),
                }
                Ok(())
            }
            (
                Phase::Finding { id },
                Event::Found {
                    id: found,
                    endpoints,
                },
            ) if id == *found => {
                self.servers = self.desk.found(endpoints, now);
                self.next_server(now);
                Ok(())
            }
            (
                Phase::Connecting {
                    connection,
                    endpoint,
                    again,
                },
                Event::Connected {
                    connection: connected,
                    server,
                    presented,
                    binding,
                    ..
                },
            ) if connection == *connected => {
                let peer = Peer {
                    connection,
                    endpoint,
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                self.connected(peer, again, now)
            }
            (
                Phase::Connecting {
                    connection,
                    endpoint,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                    ..
                },
            ) if connection == *failed => Err(self.desk.not_connected(endpoint, reason, now)),
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    /// From a connection to the answer to a voucher request.
    fn joining(&mut self, phase: Phase, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match (phase, event) {
            (Phase::Drawing { id, peer }, Event::Random { id: drawn, octets }) if id == *drawn => {
                self.sign(peer, octets, now)
            }
            (
                Phase::Signing {
                    id,
                    peer,
                    nonce,
                    to_sign,
                },
                Event::Signed {
                    id: signed,
                    algorithm,
                    signature,
                },
            ) if id == *signed => {
                let cms = to_sign
                    .signed(algorithm, signature)
                    .map_err(VoucherRequestError::from)?;
                let join = Join {
                    peer,
                    nonce,
                    request: cms.into(),
                    since: now,
                    before: 0,
                    redirects: 0,
                    path: self.path.clone(),
                    id: 0,
                    waited: false,
                };
                self.ask(join, now);
                Ok(())
            }
            (Phase::Signing { id, .. }, Event::KeyFailed { id: failed, detail })
                if id == *failed =>
            {
                Err(keys(detail))
            }
            (Phase::Requesting(join), Event::Replied { id, reply }) if join.id == *id => {
                self.voucher(*join, reply, now)
            }
            (Phase::Requesting(mut join), Event::ExchangeFailed { id, detail })
                if join.id == *id =>
            {
                if join.waited {
                    join.waited = false;
                    self.desk.close(join.peer.connection);
                    self.connect(join.peer.endpoint.clone(), Some(join), now);
                    return Ok(());
                }
                Err(JourneyError::Exchange {
                    path: join.path,
                    detail: crate::enrolment::quoted(detail, 200),
                })
            }
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    /// The policies judge the registrar.
    fn imprinting(
        &mut self,
        id: u32,
        request: Arc<Request>,
        imprint: Imprint,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let Some(judgement) = judged(event, id) else {
            self.phase = Phase::Imprinting {
                id,
                request,
                imprint,
            };
            return Ok(());
        };
        let generation = self.config.profile.generation;
        if let Err(error) = self.desk.accepts(&request, generation, judgement, now) {
            self.report_voucher(&imprint.peer, false, now);
            return Err(error);
        }
        self.report_voucher(&imprint.peer, true, now);
        self.collect(imprint, now)
    }

    /// Certificates of authorities and of DNS servers come.
    fn collecting(
        &mut self,
        imprint: Imprint,
        mut collect: Box<Collect>,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        match collect.handle(event, &mut self.desk, now) {
            None => self.phase = Phase::Collecting { imprint, collect },
            Some(collected) => self.enrol(imprint, collected?, now),
        }
        Ok(())
    }

    /// What was learnt is stored, and the journey done.
    fn storing(&mut self, phase: Phase, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match (phase, event) {
            (
                Phase::Storing { id, enrolment },
                Event::Stored {
                    id: stored,
                    problem,
                },
            ) if id == *stored => {
                if let Some(problem) = problem {
                    self.servers.clear();
                    return Err(JourneyError::Store {
                        detail: crate::enrolment::quoted(problem, 200),
                    });
                }
                self.enrolment = Some(*enrolment);
                self.desk.tell(now, Step::Stored);
                self.desk.deadline = None;
                self.phase = Phase::Done;
                Ok(())
            }
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }
}
