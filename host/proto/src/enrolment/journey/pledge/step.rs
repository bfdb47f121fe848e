//! What each event means in each phase.

use super::{Join, Phase, Pledge};
use crate::{
    discovery::Timestamp,
    enrolment::{
        brski::{self, VoucherRequestError},
        journey::{
            Event, JourneyError, Step,
            collect::{Peer, judged},
            desk::without,
            enrol::keys,
            limits,
        },
    },
};

impl Pledge {
    pub(super) fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        // A phase is taken out while its event is worked on; whoever does not replace it puts it back.
        let phase = core::mem::replace(&mut self.phase, Phase::New);
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
                self.desk.tell(now, Step::Found(endpoints.clone()));
                self.servers = endpoints.iter().take(limits::SERVERS).cloned().collect();
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
            (
                Phase::Imprinting {
                    id,
                    request,
                    imprint,
                },
                event,
            ) => {
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
            (
                Phase::Collecting {
                    imprint,
                    mut collect,
                },
                event,
            ) => match collect.handle(event, &mut self.desk, now) {
                None => {
                    self.phase = Phase::Collecting { imprint, collect };
                    Ok(())
                }
                Some(collected) => {
                    self.enrol(imprint, collected?, now);
                    Ok(())
                }
            },
            (
                Phase::Enrolling {
                    peer,
                    enrolment,
                    enrol,
                    storing,
                },
                event,
            ) => self.enrolling(peer, enrolment, enrol, storing, event, now),
            (
                Phase::Resuming {
                    connection,
                    chain,
                    enrolment,
                    mut enrol,
                },
                Event::Connected {
                    connection: connected,
                    server,
                    presented,
                    binding,
                    ..
                },
            ) if connection == *connected => {
                let endpoint = enrolment.est.endpoint.clone();
                if presented.certificates != chain {
                    return Err(JourneyError::CertificatesChanged { endpoint });
                }
                let peer = Peer {
                    connection,
                    endpoint,
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                enrol.retry(peer.clone(), &mut self.desk, now);
                self.phase = Phase::Enrolling {
                    peer,
                    enrolment,
                    enrol,
                    storing: None,
                };
                Ok(())
            }
            (
                Phase::Resuming {
                    connection,
                    enrolment,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                    ..
                },
            ) if connection == *failed => {
                let endpoint = enrolment.est.endpoint;
                Err(self.desk.not_connected(endpoint, reason, now))
            }
            (
                Phase::Reconnecting {
                    connection,
                    chain,
                    enrolment,
                },
                Event::Connected {
                    connection: connected,
                    presented,
                    ..
                },
            ) if connection == *connected => {
                if presented.certificates != chain {
                    return Err(JourneyError::CertificatesChanged {
                        endpoint: enrolment.est.endpoint,
                    });
                }
                let id = self
                    .desk
                    .report(connection, brski::ENROL_STATUS, (true, None), now);
                self.phase = Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                };
                Ok(())
            }
            (
                Phase::Reconnecting {
                    connection,
                    enrolment,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                    ..
                },
            ) if connection == *failed => {
                // The certificate is there: that the registrar did not hear of it is no reason to lose it.
                self.desk.tell(now, without("enrollstatus", &reason.detail));
                self.store(enrolment, now);
                Ok(())
            }
            (
                Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                },
                Event::Replied { id: done, .. } | Event::ExchangeFailed { id: done, .. },
            ) if id == *done => {
                self.desk.close(connection);
                self.store(enrolment, now);
                Ok(())
            }
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
