//! A certificate of the device's own, and that its registrar hears of it (RFC 8995 section 5.9.4).

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Phase, Reattachment};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Enrolment, LocalIdentity, brski,
        journey::{
            Action, Event, JourneyError, Step, Trust, collect::Peer, desk::without, enrol::Enrolled,
        },
    },
    judgement::{Der, Digest},
};

impl Reattachment {
    /// A certificate of the device's own is asked for.
    pub(super) fn enrolling(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
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

    /// Success is told on a new connection, with the new certificate (RFC 8995 section 5.9.4).
    fn reconnect(
        &mut self,
        peer: Peer,
        identity: (String, Vec<Der>),
        enrolment: Box<Enrolment>,
        now: Timestamp,
    ) {
        self.desk.close(peer.connection);
        let connection = self.desk.id();
        let action = Action::Connect {
            connection,
            endpoint: peer.endpoint,
            trust: Trust::Same {
                certificates: peer.presented.certificates,
            },
            identity: Some(identity),
        };
        self.desk.act(action, now);
        self.phase = Phase::Reconnecting {
            connection,
            enrolment,
        };
    }

    /// The registrar hears of the certificate; whether it does or not, what was learnt is stored.
    pub(super) fn reporting(&mut self, event: &Event, now: Timestamp) {
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
}

/// The handle of a key and its certificates, for a handshake.
pub(super) fn certified(identity: &LocalIdentity) -> (String, Vec<Der>) {
    let mut chain = alloc::vec![identity.certificate.clone()];
    chain.extend(identity.chain.iter().cloned());
    (identity.key.clone(), chain)
}
