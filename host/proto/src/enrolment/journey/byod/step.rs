//! What each phase is, what each event means in it, and how it ends.

use super::{Byod, Phase};
use crate::{
    discovery::Timestamp,
    enrolment::{
        ServerAuthentication,
        journey::{
            Action, AuthenticationRefusal, Event, JourneyError, Service, State, Step,
            collect::Peer,
            desk::{Desk, overdue},
            in_handshake::Proven,
            limits,
            machine::Machine,
        },
    },
};

impl Machine for Byod {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::New => State::New,
            Phase::Finding { .. } => State::Discovering,
            Phase::Connecting { .. } => State::Connecting,
            Phase::Authenticating { .. } | Phase::InHandshake(_) => State::Authenticating,
            Phase::Collecting { .. } => State::Collecting,
            Phase::Storing { .. } => State::Storing,
            Phase::Done => State::Done,
            Phase::Failed => State::Failed,
        }
    }

    fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match self.phase {
            Phase::New => self.starting(event, now),
            Phase::Finding { id } => self.finding(id, event, now),
            Phase::Connecting { .. } => self.connecting(event, now),
            Phase::Authenticating { .. } => self.authenticating(event, now),
            Phase::InHandshake(_) => self.in_handshake(event, now),
            Phase::Collecting { .. } => self.collecting(event, now),
            Phase::Storing { .. } => self.storing(event, now),
            Phase::Done | Phase::Failed => Ok(()),
        }
    }

    fn overdue(&mut self, now: Timestamp) {
        let (step, milliseconds) = match self.phase {
            Phase::Finding { .. } => ("looking for servers", limits::PATIENCE_MILLISECONDS),
            Phase::Connecting { .. } => ("connecting", limits::PATIENCE_MILLISECONDS),
            Phase::Authenticating { .. } => ("proving the password", limits::PASSWORD_MILLISECONDS),
            Phase::InHandshake(ref way) => way.step(),
            Phase::Collecting { .. } => ("fetching certificates", limits::PATIENCE_MILLISECONDS),
            Phase::Storing { .. } => ("storing", limits::PATIENCE_MILLISECONDS),
            Phase::New | Phase::Done | Phase::Failed => return,
        };
        self.fail(overdue(step, milliseconds), now);
    }

    fn fail(&mut self, error: JourneyError, now: Timestamp) {
        if matches!(self.phase, Phase::Failed | Phase::Done) {
            return;
        }
        let connection = match &self.phase {
            Phase::Connecting { connection, .. } | Phase::Collecting { connection, .. } => {
                Some(*connection)
            }
            Phase::Authenticating { peer, .. } => Some(peer.connection),
            Phase::InHandshake(way) => Some(way.connection()),
            _ => None,
        };
        if let Some(connection) = connection {
            self.desk.close(connection);
        }
        self.phase = Phase::Failed;
        self.desk.fail(error, now);
    }
}

impl Byod {
    fn starting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        if !matches!(event, Event::Start) {
            return Ok(());
        }
        match self.config.endpoint.clone() {
            Some(endpoint) => self.connect(endpoint, now),
            None => {
                let id = self.desk.id();
                let service = Service::Est;
                self.desk.act(Action::Find { id, service }, now);
                self.phase = Phase::Finding { id };
                Ok(())
            }
        }
    }

    fn finding(&mut self, id: u32, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        match event {
            Event::Found {
                id: found,
                endpoints,
            } if id == *found => {
                self.servers = self.desk.found(endpoints, now);
                self.next_server(now)
            }
            _ => Ok(()),
        }
    }

    fn connecting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Connecting {
            connection,
            endpoint,
        } = &self.phase
        else {
            return Ok(());
        };
        match event {
            Event::Connected {
                connection: connected,
                server,
                presented,
                binding,
                ..
            } if connection == connected => {
                let peer = Peer {
                    connection: *connection,
                    endpoint: endpoint.clone(),
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                self.authenticate(peer, now)
            }
            Event::ConnectionFailed {
                connection: failed,
                reason,
                ..
            } if connection == failed => {
                let endpoint = endpoint.clone();
                self.last = Some(self.desk.not_connected(endpoint, reason, now));
                self.next_server(now)
            }
            _ => Ok(()),
        }
    }

    /// Both prove the password, over a connection whose certificate nobody vouched for yet.
    fn authenticating(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Authenticating { peer, certificate } = &self.phase else {
            return Ok(());
        };
        match event {
            Event::Authenticated {
                connection,
                method,
                certificate: bound,
            } if peer.connection == *connection => {
                if bound != certificate {
                    return Err(JourneyError::OtherCertificate {
                        endpoint: peer.endpoint.clone(),
                    });
                }
                let peer = peer.clone();
                self.proved(peer, method.clone(), now)
            }
            Event::AuthenticationFailed {
                connection,
                refusal,
                detail,
            } if peer.connection == *connection => {
                let connection = *connection;
                self.last = Some(JourneyError::Authentication {
                    endpoint: peer.endpoint.clone(),
                    refusal: *refusal,
                    detail: crate::enrolment::quoted(detail, 200),
                });
                self.desk.close(connection);
                if *refusal == AuthenticationRefusal::Cancelled {
                    self.servers.clear();
                }
                // Anybody may announce a server. One that does not know the password says nothing about the next.
                self.next_server(now)
            }
            _ => Ok(()),
        }
    }

    fn in_handshake(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::InHandshake(way) = &mut self.phase else {
            return Ok(());
        };
        match way.handle(event, &self.config.profile, &mut self.desk, now) {
            Ok(None) => Ok(()),
            Ok(Some(Proven {
                peer,
                reference_ids,
                fallback,
            })) => {
                let method = ServerAuthentication::TlsPake;
                self.collect(peer, method, reference_ids, fallback, now)
            }
            Err(error) => {
                let connection = way.connection();
                self.desk.close(connection);
                self.last = Some(error);
                self.next_server(now)
            }
        }
    }

    /// Certificates of authorities and of DNS servers come. Every answer is proved, not the first alone.
    fn collecting(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Collecting {
            est,
            connection,
            collect,
        } = &mut self.phase
        else {
            return Ok(());
        };
        match event {
            Event::AuthenticationFailed {
                connection: failed,
                refusal,
                detail,
            } if connection == failed => Err(JourneyError::Authentication {
                endpoint: est.endpoint.clone(),
                refusal: *refusal,
                detail: crate::enrolment::quoted(detail, 300),
            }),
            _ => {
                if let Some(collected) = collect.handle(event, &mut self.desk, now) {
                    let est = est.clone();
                    self.store(est, collected?, now);
                }
                Ok(())
            }
        }
    }

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
                self.enrolment = Some((**enrolment).clone());
                self.desk.tell(now, Step::Stored);
                self.desk.deadline = None;
                self.phase = Phase::Done;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
