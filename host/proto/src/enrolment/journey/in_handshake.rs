//! A password inside the handshake of TLS 1.3 (draft-ietf-tls-pake): no certificate is shown, so the trust anchors come first,
//! and the server comes again by ordinary TLS, under the name that the proof covered.

use alloc::{boxed::Box, string::String, sync::Arc, vec, vec::Vec};
use core::net::IpAddr;

use super::{
    Action, AuthenticationRefusal, Event, JourneyError, Profile, Step, Trust,
    collect::{Asked, Fallback, Peer, is_absent},
    desk::{Desk, without},
    limits,
    profile::{Facts, Known, explicit},
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Anchor, AnchorSource, ServerAuthentication,
        est::{self, Answer, Endpoint, Operation, Outcome},
    },
    judgement::{AnchorSet, Der, Presented, Purpose, ReferenceId, Request},
};

/// From the first connection to a second one whose certificate the policies accepted.
#[derive(Debug, Clone)]
pub(super) struct InHandshake {
    endpoint: Endpoint,
    connection: u32,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    /// Both prove the password.
    Proving,
    /// Over what was proved: whom the network trusts.
    Anchors(Box<(Peer, Asked)>),
    /// The same server by its certificate.
    Returning {
        request: Arc<Request>,
        fallback: Fallback,
    },
}

/// A server that is known by a certificate now.
pub(super) struct Proven {
    pub(super) peer: Peer,
    /// The host name, which the proof covered.
    pub(super) reference_ids: Vec<String>,
    /// What its certificate was judged by.
    pub(super) fallback: Fallback,
}

impl InHandshake {
    /// Connects to the server.
    pub(super) fn begin(
        endpoint: Endpoint,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Self, JourneyError> {
        if endpoint.host().parse::<IpAddr>().is_ok() {
            return Err(JourneyError::NoServerName { endpoint });
        }
        let connection = desk.id();
        desk.tell(now, Step::Connecting(endpoint.clone()));
        let action = Action::Connect {
            connection,
            endpoint: endpoint.clone(),
            trust: Trust::Password,
            identity: None,
        };
        desk.act_within(action, limits::PASSWORD_MILLISECONDS, now);
        Ok(Self {
            endpoint,
            connection,
            stage: Stage::Proving,
        })
    }

    /// The connection that is open, or being opened.
    pub(super) const fn connection(&self) -> u32 {
        self.connection
    }

    /// What is under way, for an error about its time.
    pub(super) const fn step(&self) -> (&'static str, u64) {
        match self.stage {
            Stage::Proving => ("proving the password", limits::PASSWORD_MILLISECONDS),
            Stage::Anchors(_) => ("fetching trust anchors", limits::PATIENCE_MILLISECONDS),
            Stage::Returning { .. } => ("connecting", limits::PATIENCE_MILLISECONDS),
        }
    }

    /// Takes an event; the server when it is known by its certificate.
    pub(super) fn handle(
        &mut self,
        event: &Event,
        profile: &Profile,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Option<Proven>, JourneyError> {
        match (&mut self.stage, event) {
            (
                _,
                Event::AuthenticationFailed {
                    connection,
                    refusal,
                    detail,
                },
            ) if *connection == self.connection => Err(self.refused(*refusal, detail)),
            (
                _,
                Event::ConnectionFailed {
                    connection,
                    reason,
                    judgement,
                },
            ) if *connection == self.connection => {
                let failed = desk.not_connected(self.endpoint.clone(), reason, now);
                match judgement {
                    Some(judgement) => Err(JourneyError::Refused {
                        purpose: Purpose::EstServer,
                        subject: self.endpoint.host().into(),
                        judgement: judgement.clone(),
                    }),
                    None => Err(failed),
                }
            }
            (
                stage @ Stage::Proving,
                Event::Connected {
                    connection,
                    server,
                    presented,
                    binding,
                    ..
                },
            ) if *connection == self.connection => {
                let method = ServerAuthentication::TlsPake;
                desk.tell(now, Step::Authenticated { method });
                let peer = Peer {
                    connection: *connection,
                    endpoint: self.endpoint.clone(),
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                if profile.anchors.asks() {
                    let (operation, label) = (Operation::CaCerts, profile.label.as_ref());
                    let asked = Asked::begin(operation, label, None, &peer, desk, now);
                    *stage = Stage::Anchors(Box::new((peer, asked)));
                    return Ok(None);
                }
                self.come_again(Vec::new(), profile, desk, now)
            }
            (Stage::Anchors(asking), event) => {
                let (peer, asked) = &mut **asking;
                let Some(outcome) = asked.handle(event, peer, desk, now) else {
                    return Ok(None);
                };
                let certificates = match outcome {
                    Ok(Outcome::Answer(Answer::Certificates(certificates))) => certificates,
                    Ok(_) => Vec::new(),
                    Err(error) if is_absent(&error) && profile.anchors.implicit().is_some() => {
                        desk.tell(now, without("cacerts", &error));
                        Vec::new()
                    }
                    Err(error) => return Err(error),
                };
                let sorted = est::sort_ca_certificates(certificates);
                let others = sorted.intermediates().count() + sorted.others.len();
                let roots = sorted.roots.len();
                desk.tell(now, Step::CaCertificates { roots, others });
                self.come_again(sorted.roots, profile, desk, now)
            }
            (
                Stage::Returning { request, fallback },
                Event::Connected {
                    connection,
                    server,
                    presented,
                    judgement,
                    binding,
                },
            ) if *connection == self.connection => {
                let asked = request.presenting(presented.clone());
                let purpose = Purpose::EstServer;
                let judgement = judgement
                    .as_ref()
                    .ok_or(JourneyError::ForeignJudgement { purpose })?;
                desk.accepts(&asked, profile.generation, judgement, now)?;
                Ok(Some(Proven {
                    peer: Peer {
                        connection: *connection,
                        endpoint: self.endpoint.clone(),
                        server: server.clone(),
                        presented: presented.clone(),
                        binding: binding.clone(),
                    },
                    reference_ids: vec![self.endpoint.host().into()],
                    fallback: fallback.clone(),
                }))
            }
            _ => Ok(None),
        }
    }

    /// Connects to the same name by ordinary TLS, judged by what the server gave over the first connection, or by the Implicit
    /// anchors where it gave nothing and they are not disabled.
    fn come_again(
        &mut self,
        roots: Vec<Der>,
        profile: &Profile,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Option<Proven>, JourneyError> {
        let (anchors, fallback) = match profile.anchors.implicit() {
            Some(set) if roots.is_empty() => (Arc::clone(set), Fallback::Implicit(Arc::clone(set))),
            _ => {
                let anchor = |certificate: &Der| Anchor {
                    certificate: certificate.clone(),
                    source: AnchorSource::CaCerts,
                };
                let kept = roots.iter().map(anchor).collect();
                (explicit(roots), Fallback::Explicit(kept))
            }
        };
        if anchors.certificates().is_empty() {
            return Err(JourneyError::NoAnchors);
        }
        desk.close(self.connection);
        let request = Arc::new(self.question(&anchors, profile, now));
        request.check()?;
        self.connection = desk.id();
        desk.tell(now, Step::Connecting(self.endpoint.clone()));
        desk.act(
            Action::Connect {
                connection: self.connection,
                endpoint: self.endpoint.clone(),
                trust: Trust::Judged {
                    request: Arc::clone(&request),
                    generation: profile.generation,
                },
                identity: None,
            },
            now,
        );
        self.stage = Stage::Returning { request, fallback };
        Ok(None)
    }

    fn question(&self, anchors: &Arc<AnchorSet>, profile: &Profile, now: Timestamp) -> Request {
        let known = Known {
            authentication: ServerAuthentication::TlsPake,
            revocation_checks: None,
            reference_ids: vec![ReferenceId::DnsId(self.endpoint.host().into())],
        };
        let facts = Facts {
            known: &known,
            domain: None,
            reference_ids: known.reference_ids.clone(),
            server: None,
            presented: Presented::default(),
            anchors,
            crls: &[],
        };
        profile.request(Purpose::EstServer, facts, now.unix)
    }

    fn refused(&self, refusal: AuthenticationRefusal, detail: &str) -> JourneyError {
        JourneyError::Authentication {
            endpoint: self.endpoint.clone(),
            refusal,
            detail: crate::enrolment::quoted(detail, 200),
        }
    }
}
