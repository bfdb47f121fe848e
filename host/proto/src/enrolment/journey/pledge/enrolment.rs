//! From an accepted voucher to a certificate of the device's own (RFC 8995 section 5.9).

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Imprint, Phase, Pledge, join::known};
use crate::{
    certificate,
    discovery::Timestamp,
    enrolment::{
        Anchor, AnchorSource, Enrolment, EstServer, LocalIdentity, ServerAuthentication, brski,
        est::Subject,
        journey::{
            Action, Event, JourneyError, Step, Trust,
            byod::{adopt, dns_ids},
            collect::{Collect, Collected, Fallback, Peer},
            desk::without,
            enrol::{Enrol, Enrolled, Want},
            profile::Known,
        },
    },
    judgement::{AnchorDatabase, Digest, Presented, ReferenceId},
};

impl Pledge {
    pub(super) fn collect(&mut self, imprint: Imprint, now: Timestamp) -> Result<(), JourneyError> {
        let method = ServerAuthentication::Voucher;
        self.desk.tell(now, Step::Authenticated { method });
        // Where `/cacerts` gives nothing, the pin remains the anchor (RFC 8995 section 5.9.1 has a SHOULD).
        let pin = Anchor {
            certificate: imprint.accepted.voucher.pinned_domain_cert.clone(),
            source: AnchorSource::Voucher,
        };
        let ids = reference_ids(&imprint.peer.presented);
        let known = Known {
            reference_ids: ids.into_iter().map(ReferenceId::DnsId).collect(),
            ..known(&imprint.accepted.voucher)
        };
        let fallback = Fallback::Explicit([pin].into());
        let peer = imprint.peer.clone();
        let profile = &self.config.profile;
        let collect = Collect::begin(profile, peer, known, true, fallback, &mut self.desk, now)?;
        self.phase = Phase::Collecting {
            imprint,
            collect: Box::new(collect),
        };
        Ok(())
    }

    pub(super) fn enrol(&mut self, imprint: Imprint, collected: Collected, now: Timestamp) {
        let Imprint { peer, voucher, .. } = imprint;
        let certificates = &peer.presented.certificates;
        let est = EstServer {
            endpoint: peer.endpoint.clone(),
            label: self.config.profile.label.clone(),
            reference_ids: reference_ids(&peer.presented),
            authentication: ServerAuthentication::Voucher,
            certificate: certificates
                .first()
                .cloned()
                .unwrap_or_else(|| [].as_slice().into()),
        };
        let mut enrolment = Enrolment::new(est, AnchorDatabase::Explicit, now.unix);
        enrolment.voucher = Some(voucher);
        enrolment.anchors_suffice = self.config.profile.anchors_suffice;
        adopt(&mut enrolment, collected);
        let subject = self.config.subject.clone().unwrap_or_else(|| {
            let subject = certificate::subject(self.config.device.certificate());
            Subject::Name(subject.unwrap_or_default().into())
        });
        let enrol = Enrol::begin(
            Want::First(subject),
            &self.config.profile,
            peer.clone(),
            &mut self.desk,
            now,
        );
        self.phase = Phase::Enrolling {
            peer,
            enrolment: Box::new(enrolment),
            enrol: Box::new(enrol),
            storing: None,
        };
    }

    pub(super) fn enrolling(
        &mut self,
        peer: Peer,
        mut enrolment: Box<Enrolment>,
        mut enrol: Box<Enrol>,
        mut storing: Option<u32>,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        if let Event::Stored { id, problem } = event
            && storing == Some(*id)
        {
            storing = None;
            if let Some(problem) = problem {
                self.desk
                    .tell(now, without("a record of the pending request", problem));
            }
        }
        let enrolled = enrol.handle(event, &mut self.desk, now);
        match enrolled {
            Ok(Some(Enrolled::Issued(identity))) => {
                self.reconnect(&peer, identity, enrolment, now);
                return Ok(());
            }
            Ok(Some(Enrolled::Pending(pending))) => {
                enrolment.pending = Some(pending);
                let id = self.desk.id();
                // Stored beside the wait, whose deadline stays.
                let deadline = self.desk.deadline;
                self.desk.act(
                    Action::Store {
                        id,
                        enrolment: enrolment.clone(),
                    },
                    now,
                );
                self.desk.deadline = deadline;
                storing = Some(id);
            }
            Ok(None) => {}
            Err(error) => {
                let told = (false, Some("the certificate was not issued"));
                self.desk
                    .report(peer.connection, brski::ENROL_STATUS, told, now);
                return Err(error);
            }
        }
        self.phase = Phase::Enrolling {
            peer,
            enrolment,
            enrol,
            storing,
        };
        Ok(())
    }

    /// A pending request is sent again over a connection of its own: no server keeps one open for hours.
    pub(super) fn resume(
        &mut self,
        peer: Peer,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
        now: Timestamp,
    ) {
        self.desk.close(peer.connection);
        let connection = self.desk.id();
        let chain = peer.presented.certificates;
        let action = Action::Connect {
            connection,
            endpoint: peer.endpoint,
            trust: Trust::Same {
                certificates: chain.clone(),
            },
            identity: Some(self.identity()),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Resuming {
            connection,
            chain,
            enrolment,
            enrol,
        };
    }

    /// The pending request goes on over its own connection.
    pub(super) fn resuming(
        &mut self,
        phase: Phase,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        match (phase, event) {
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
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    /// RFC 8995 section 5.9.4: success is told on a new connection, with the new certificate.
    pub(super) fn reconnect(
        &mut self,
        peer: &Peer,
        mut identity: LocalIdentity,
        mut enrolment: Box<Enrolment>,
        now: Timestamp,
    ) {
        // The answer holds the certificate alone (RFC 7030 section 4.2.3); what leads from it to an anchor came before.
        if identity.chain.is_empty() {
            identity.chain.clone_from(&enrolment.intermediates);
        }
        let certificate = Digest::of(&identity.certificate);
        self.desk.tell(now, Step::Issued { certificate });
        self.desk.close(peer.connection);
        let mut chain = alloc::vec![identity.certificate.clone()];
        chain.extend(identity.chain.iter().cloned());
        let key = identity.key.clone();
        enrolment.identity = Some(identity);
        enrolment.pending = None;
        let connection = self.desk.id();
        let seen = peer.presented.certificates.clone();
        let action = Action::Connect {
            connection,
            endpoint: peer.endpoint.clone(),
            trust: Trust::Same {
                certificates: seen.clone(),
            },
            identity: Some((key, chain)),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Reconnecting {
            connection,
            chain: seen,
            enrolment,
        };
    }

    /// The registrar hears of the certificate; whether it does or not, what was learnt is stored.
    pub(super) fn reporting(
        &mut self,
        phase: Phase,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        match (phase, event) {
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
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    pub(super) fn store(&mut self, enrolment: Box<Enrolment>, now: Timestamp) {
        let id = self.desk.id();
        self.desk.act(
            Action::Store {
                id,
                enrolment: enrolment.clone(),
            },
            now,
        );
        self.phase = Phase::Storing { id, enrolment };
    }
}

/// The DNS-IDs by which the registrar is known at the next attachment; none where it is one by id-kp-cmcRA alone.
fn reference_ids(presented: &Presented) -> Vec<String> {
    presented
        .certificates
        .first()
        .map(|der| dns_ids(der))
        .unwrap_or_default()
}
