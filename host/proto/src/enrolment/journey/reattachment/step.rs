//! What each event means in each phase.

use super::{Phase, Reattachment, certified};
use crate::{
    discovery::Timestamp,
    enrolment::{
        brski,
        journey::{
            Event, JourneyError, Step, collect::Peer, desk::without, enrol::Enrolled, limits,
        },
    },
    judgement::{Digest, Purpose},
};

impl Reattachment {
    pub(super) fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
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
                self.desk.tell(now, Step::Found(endpoints.clone()));
                self.servers = endpoints.iter().take(limits::SERVERS).cloned().collect();
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

    /// A certificate of the device's own is asked for.
    fn enrolling(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        let Phase::Enrolling {
            peer,
            enrolment,
            enrol,
        } = &mut self.phase
        else {
            return Ok(());
        };
        let joins = self.device.is_some();
        match enrol.handle(event, &mut self.desk, now) {
            Ok(None) => return Ok(()),
            Err(error) => {
                if joins {
                    let told = (false, Some("the certificate was not issued"));
                    self.desk
                        .report(peer.connection, brski::ENROL_STATUS, told, now);
                }
                // What was asked for is given up, and asked for anew at the next renewal.
                if !matches!(error, JourneyError::PendingTooLong { .. }) {
                    return Err(error);
                }
                self.desk
                    .tell(now, without("a certificate of the device's own", &error));
                enrolment.pending = None;
            }
            Ok(Some(Enrolled::Issued(mut identity))) => {
                // What leads from it to an anchor came before (RFC 7030 section 4.2.3).
                if identity.chain.is_empty() {
                    identity.chain.clone_from(&enrolment.intermediates);
                }
                let certificate = Digest::of(&identity.certificate);
                self.desk.tell(now, Step::Issued { certificate });
                let told = joins.then(|| certified(&identity));
                enrolment.identity = Some(identity);
                enrolment.pending = None;
                if let Some(identity) = told {
                    let (peer, enrolment) = (peer.clone(), enrolment.clone());
                    self.reconnect(peer, identity, enrolment, now);
                    return Ok(());
                }
            }
            // It is asked again at the next renewal, which `Enrolment::renew_at` names.
            Ok(Some(Enrolled::Pending(pending))) => enrolment.pending = Some(pending),
        }
        let (connection, enrolment) = (peer.connection, enrolment.clone());
        self.desk.close(connection);
        self.store(enrolment, now);
        Ok(())
    }

    /// The registrar hears of the certificate; whether it does or not, what was learnt is stored.
    fn reporting(&mut self, event: &Event, now: Timestamp) {
        match (&self.phase, event) {
            (
                Phase::Reconnecting {
                    connection,
                    enrolment,
                },
                Event::Connected {
                    connection: connected,
                    ..
                },
            ) if connection == connected => {
                let (connection, enrolment) = (*connection, enrolment.clone());
                let id = self
                    .desk
                    .report(connection, brski::ENROL_STATUS, (true, None), now);
                self.phase = Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                };
            }
            (
                Phase::Reconnecting {
                    connection,
                    enrolment,
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                    ..
                },
            ) if connection == failed => {
                // The certificate is there: that the registrar did not hear of it is no reason to lose it.
                self.desk.tell(now, without("enrollstatus", &reason.detail));
                let enrolment = enrolment.clone();
                self.store(enrolment, now);
            }
            (
                Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                },
                Event::Replied { id: done, .. } | Event::ExchangeFailed { id: done, .. },
            ) if id == done => {
                let (connection, enrolment) = (*connection, enrolment.clone());
                self.desk.close(connection);
                self.store(enrolment, now);
            }
            _ => {}
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
