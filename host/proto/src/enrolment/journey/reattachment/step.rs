//! What each phase is, what each event means in it, and how it ends.

use super::{Phase, Reattachment};
use crate::{
    discovery::Timestamp,
    enrolment::journey::{
        Event, JourneyError, State, Step,
        collect::Peer,
        desk::{Desk, overdue},
        limits,
        machine::Machine,
    },
    judgement::Purpose,
};

impl Machine for Reattachment {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::New => State::New,
            Phase::Discovering { .. } | Phase::Finding { .. } => State::Discovering,
            Phase::Connecting { .. } => State::Connecting,
            Phase::Collecting { .. } => State::Collecting,
            Phase::Enrolling { .. } | Phase::Reconnecting { .. } | Phase::Reporting { .. } => {
                State::Enrolling
            }
            Phase::Storing { .. } => State::Storing,
            Phase::Done => State::Done,
            Phase::Failed => State::Failed,
        }
    }

    fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match self.phase {
            Phase::New | Phase::Done => self.starting(event, now),
            Phase::Discovering { id } => self.discovering(id, event, now),
            Phase::Finding { id } => self.finding(id, event, now),
            Phase::Connecting { .. } => self.connecting(event, now),
            Phase::Collecting { .. } => self.collecting(event, now),
            Phase::Enrolling { .. } => self.enrolling(event, now),
            Phase::Reconnecting { .. } | Phase::Reporting { .. } => {
                self.reporting(event, now);
                Ok(())
            }
            Phase::Storing { .. } => self.storing(event, now),
            Phase::Failed => Ok(()),
        }
    }

    fn overdue(&mut self, now: Timestamp) {
        if let Phase::Reconnecting {
            connection,
            enrolment,
        }
        | Phase::Reporting {
            connection,
            enrolment,
            ..
        } = &self.phase
        {
            let (connection, enrolment) = (*connection, enrolment.clone());
            self.desk.close(connection);
            self.store(enrolment, now);
            return;
        }
        let step = match self.phase {
            Phase::Finding { .. } => "looking for servers",
            Phase::Connecting { .. } => "connecting",
            Phase::Collecting { .. } => "fetching certificates",
            Phase::Enrolling { .. } => "asking for a certificate",
            Phase::Storing { .. } => "storing",
            _ => return,
        };
        self.fail(overdue(step, limits::PATIENCE_MILLISECONDS), now);
    }

    fn fail(&mut self, error: JourneyError, now: Timestamp) {
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        let connection = match &self.phase {
            Phase::Connecting { connection, .. } => Some(*connection),
            Phase::Collecting { peer, .. } | Phase::Enrolling { peer, .. } => Some(peer.connection),
            _ => None,
        };
        if let Some(connection) = connection {
            self.desk.close(connection);
        }
        self.phase = Phase::Failed;
        self.desk.fail(error, now);
    }
}

impl Reattachment {
    /// The journey begins, or begins again.
    fn starting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match event {
            Event::Start => {
                self.renewed = false;
                self.trouble = None;
                if self.enrolment.authentication_domain_name.is_none()
                    && self.profile.domain.is_none()
                {
                    return self.find(now);
                }
                self.discover(now);
                Ok(())
            }
            Event::Renew => {
                self.renewed = false;
                self.trouble = None;
                self.find(now)
            }
            _ => Ok(()),
        }
    }

    /// What is stored is tried.
    fn discovering(&mut self, id: u32, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match event {
            Event::Served { id: served } if id == *served => {
                self.desk.deadline = None;
                self.phase = Phase::Done;
                Ok(())
            }
            Event::NotServed {
                id: failed,
                kind,
                message,
            } if id == *failed => {
                let message = crate::enrolment::quoted(message, 300);
                self.not_served(*kind, message, now)
            }
            _ => Ok(()),
        }
    }

    /// EST servers are looked for; the one that is stored is tried last, where it is not found.
    fn finding(&mut self, id: u32, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match event {
            Event::Found {
                id: found,
                endpoints,
            } if id == *found => {
                self.servers = self.desk.found(endpoints, now);
                let stored = &self.enrolment.est.endpoint;
                if !self.servers.contains(stored) {
                    self.servers.push_back(stored.clone());
                }
                self.next_server(now)
            }
            _ => Ok(()),
        }
    }

    /// An EST server is connected to, and judged inside the handshake.
    fn connecting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Connecting {
            connection,
            endpoint,
            request,
        } = &self.phase
        else {
            return Ok(());
        };
        match event {
            Event::Connected {
                connection: connected,
                server,
                presented,
                judgement,
                binding,
            } if connection == connected => {
                let asked = request.presenting(presented.clone());
                let accepted = match judgement {
                    Some(judgement) => {
                        self.desk
                            .accepts(&asked, self.profile.generation, judgement, now)
                    }
                    None => Err(JourneyError::ForeignJudgement {
                        purpose: Purpose::EstServer,
                    }),
                };
                let peer = Peer {
                    connection: *connection,
                    endpoint: endpoint.clone(),
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                if let Err(error) = accepted {
                    self.desk.close(peer.connection);
                    self.last = Some(error);
                    return self.next_server(now);
                }
                self.collect(peer, now)
            }
            Event::ConnectionFailed {
                connection: failed,
                reason,
                judgement,
            } if connection == failed => {
                let endpoint = endpoint.clone();
                let failed = self.desk.not_connected(endpoint.clone(), reason, now);
                self.last = Some(match judgement {
                    Some(judgement) => JourneyError::Refused {
                        purpose: Purpose::EstServer,
                        subject: endpoint.host().into(),
                        judgement: judgement.clone(),
                    },
                    None => failed,
                });
                self.next_server(now)
            }
            _ => Ok(()),
        }
    }

    /// Certificates of authorities and of DNS servers come.
    fn collecting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Collecting { peer, collect } = &mut self.phase else {
            return Ok(());
        };
        match collect.handle(event, &mut self.desk, now) {
            None => Ok(()),
            Some(collected) => {
                let peer = peer.clone();
                self.replace(peer, collected?, now)
            }
        }
    }

    /// What was learnt is stored, and discovery tried with it.
    fn storing(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match (&self.phase, event) {
            (
                Phase::Storing { id, enrolment },
                Event::Stored {
                    id: stored,
                    problem,
                },
            ) if id == stored => {
                if let Some(problem) = problem {
                    return Err(JourneyError::Store {
                        detail: crate::enrolment::quoted(problem, 200),
                    });
                }
                self.enrolment = (**enrolment).clone();
                self.desk.tell(now, Step::Stored);
                self.discover(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
