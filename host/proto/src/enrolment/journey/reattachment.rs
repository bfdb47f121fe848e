//! A network that is known: use what is stored, and fetch it anew where it does not fit any more (the draft's section 9).

mod own;
mod step;

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};

use super::{
    Action, JourneyError, Profile, ProfileError, Service, Step, Trust,
    byod::adopt,
    collect::{Collect, Collected, Fallback, Peer},
    desk::Desk,
    enrol::{Enrol, Want},
    profile::{Facts, Known},
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Enrolment, ServerAuthentication,
        est::{Endpoint, Subject},
    },
    judgement::{AnchorDatabase, Der, Presented, Purpose, Request},
    session::FailureKind,
};

/// What the journey knows beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReattachmentConfig {
    /// Anchors, network, clock. The label and the database are the enrolment's.
    pub profile: Profile,
    /// What is stored.
    pub enrolment: Enrolment,
    /// The handle of the device's first key and its certificates, while it has no certificate of this network.
    pub device: Option<(String, Vec<Der>)>,
    /// Where the device has no certificate of its own, one with this subject is asked for.
    pub subject: Option<Subject>,
}

/// The draft's section 9: discover with the stored name, connect, validate; where that fails, ask the EST server without a
/// PAKE, replace what changed, and discover once more. [`super`] says how it is driven. [`super::Event::Start`] begins,
/// also again after [`super::State::Done`]; [`super::Event::Renew`] begins at the EST server.
#[derive(Debug, Clone)]
pub struct Reattachment {
    profile: Profile,
    enrolment: Enrolment,
    device: Option<(String, Vec<Der>)>,
    subject: Option<Subject>,
    desk: Desk,
    phase: Phase,
    /// Why the EST server is asked; absent when it is a renewal.
    trouble: Option<(FailureKind, String)>,
    /// Whether the EST server was asked since the last start.
    renewed: bool,
    servers: VecDeque<Endpoint>,
    last: Option<JourneyError>,
}

#[derive(Debug, Clone)]
enum Phase {
    New,
    Discovering {
        id: u32,
    },
    Finding {
        id: u32,
    },
    Connecting {
        connection: u32,
        endpoint: Endpoint,
        request: Arc<Request>,
    },
    Collecting {
        peer: Peer,
        collect: Box<Collect>,
    },
    Enrolling {
        peer: Peer,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
    },
    /// A registrar is told of the certificate that it issued (RFC 8995 section 5.9.4).
    Reconnecting {
        connection: u32,
        enrolment: Box<Enrolment>,
    },
    Reporting {
        id: u32,
        connection: u32,
        enrolment: Box<Enrolment>,
    },
    Storing {
        id: u32,
        enrolment: Box<Enrolment>,
    },
    Done,
    Failed,
}

impl Reattachment {
    /// A journey that has not begun.
    ///
    /// # Errors
    /// The network is not one that the user trusts, or the EST server has no reference identifier.
    pub fn new(config: ReattachmentConfig) -> Result<Self, ProfileError> {
        let ReattachmentConfig {
            profile,
            enrolment,
            device,
            subject,
        } = config;
        profile.check()?;
        // A registrar may be known by id-kp-cmcRA, which counts under Explicit anchors alone (RFC 7030 section 3.6.1).
        let by_purpose = enrolment.database == AnchorDatabase::Explicit
            && enrolment.est.authentication == ServerAuthentication::Voucher;
        if enrolment.est.reference_ids.is_empty() && !by_purpose {
            return Err(ProfileError::NoReferenceId);
        }
        Ok(Self {
            desk: Desk::new(profile.previous_failures),
            profile: Profile {
                label: enrolment.est.label.clone(),
                anchors_suffice: enrolment.anchors_suffice,
                ..profile
            },
            enrolment,
            device,
            subject,
            phase: Phase::New,
            trouble: None,
            renewed: false,
            servers: VecDeque::new(),
            last: None,
        })
    }

    /// Whether the EST server was asked since the journey began or began again.
    #[must_use]
    pub const fn asked_est(&self) -> bool {
        self.renewed
    }

    /// What is stored now.
    #[must_use]
    pub const fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    fn discover(&mut self, now: Timestamp) {
        let id = self.desk.id();
        let stored = self.enrolment.authentication_domain_name.clone();
        let name = stored.or_else(|| self.profile.domain.clone());
        let implicit = self.profile.anchors.implicit();
        let action = Action::Discover {
            id,
            authentication_domain_name: name.unwrap_or_default(),
            conveyed: self.enrolment.conveyed(),
            anchors: self.enrolment.anchor_set(implicit),
            crls: self.enrolment.crls.clone(),
        };
        // A session has deadlines of its own for everything that it does.
        self.desk.act(action, now);
        self.desk.deadline = None;
        self.phase = Phase::Discovering { id };
    }

    /// A certificate that is invalid and a discovery that failed lead to the EST server (the draft's section 9); what the
    /// user's own policies want otherwise, no EST server can change.
    fn not_served(
        &mut self,
        kind: FailureKind,
        message: String,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        if kind == FailureKind::Downgrade {
            self.desk.tell(now, Step::Downgrade);
        }
        let curable = matches!(
            kind,
            FailureKind::Unanswered
                | FailureKind::NothingDiscovered
                | FailureKind::Downgrade
                | FailureKind::ConnectionFailed
                | FailureKind::ValidationRefused
        );
        if self.renewed || !curable {
            return Err(JourneyError::NoDnsServer { kind, message });
        }
        self.trouble = Some((kind, message));
        self.find(now)
    }

    fn find(&mut self, now: Timestamp) -> Result<(), JourneyError> {
        self.renewed = true;
        let id = self.desk.id();
        let service = match self.enrolment.est.authentication {
            ServerAuthentication::Voucher => Service::Brski,
            _ => Service::Est,
        };
        self.desk.act(Action::Find { id, service }, now);
        self.phase = Phase::Finding { id };
        Ok(())
    }

    fn next_server(&mut self, now: Timestamp) -> Result<(), JourneyError> {
        let Some(endpoint) = self.servers.pop_front() else {
            return Err(self.last.take().unwrap_or(JourneyError::NoServer));
        };
        let anchors = self.enrolment.anchor_set(self.profile.anchors.implicit());
        if anchors.certificates().is_empty() {
            return Err(JourneyError::NoAnchors);
        }
        let known = self.known();
        let facts = Facts {
            known: &known,
            domain: None,
            reference_ids: known.reference_ids.clone(),
            server: None,
            presented: Presented::default(),
            anchors: &anchors,
            crls: &self.enrolment.crls,
        };
        let request = Arc::new(self.profile.request(Purpose::EstServer, facts, now.unix));
        request.check()?;
        let connection = self.desk.id();
        self.desk.tell(now, Step::Connecting(endpoint.clone()));
        let identity = self.enrolment.identity.as_ref().map(own::certified);
        let identity = identity.or_else(|| self.device.clone());
        self.desk.act(
            Action::Connect {
                connection,
                endpoint: endpoint.clone(),
                trust: Trust::Judged {
                    request: Arc::clone(&request),
                    generation: self.profile.generation,
                },
                identity,
            },
            now,
        );
        self.phase = Phase::Connecting {
            connection,
            endpoint,
            request,
        };
        Ok(())
    }

    /// The server is known by what is stored, however it was authenticated when that came.
    fn known(&self) -> Known {
        Known {
            authentication: ServerAuthentication::ReferenceIdentifier,
            revocation_checks: self.enrolment.revocation_checks(),
            reference_ids: self.enrolment.est_reference_ids(),
        }
    }

    fn collect(&mut self, peer: Peer, now: Timestamp) -> Result<(), JourneyError> {
        // The database is the one that the enrolment began with: a server must not move a device from one to the other.
        let explicit = self.enrolment.database == AnchorDatabase::Explicit;
        let fallback = if explicit {
            Fallback::Explicit(self.enrolment.anchors.clone())
        } else {
            let implicit = self.profile.anchors.implicit();
            implicit.map_or(Fallback::None, |set| Fallback::Implicit(Arc::clone(set)))
        };
        let collect = Collect::begin(
            &self.profile,
            peer.clone(),
            self.known(),
            explicit,
            fallback,
            &mut self.desk,
            now,
        )?;
        self.phase = Phase::Collecting {
            peer,
            collect: Box::new(collect),
        };
        Ok(())
    }

    fn replace(
        &mut self,
        peer: Peer,
        collected: Collected,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let mut enrolment = self.enrolment.clone();
        adopt(&mut enrolment, collected);
        enrolment.est.endpoint = peer.endpoint.clone();
        enrolment.renewed = now.unix;
        enrolment.retry_after = None;
        let changed = enrolment.authentication_domain_name
            != self.enrolment.authentication_domain_name
            || enrolment.end_entities != self.enrolment.end_entities
            || enrolment.anchors != self.enrolment.anchors
            || enrolment.crls != self.enrolment.crls;
        // The EST server confirms what is known: to try the same again would change nothing.
        if let Some((kind, message)) = self.trouble.take().filter(|_| !changed) {
            self.desk.close(peer.connection);
            return Err(JourneyError::NoDnsServer { kind, message });
        }
        if changed {
            self.desk.tell(
                now,
                Step::Replaced {
                    before: self.enrolment.authentication_domain_name.clone(),
                    after: enrolment.authentication_domain_name.clone(),
                },
            );
        }
        let (profile, desk) = (&self.profile, &mut self.desk);
        let subject = self.subject.clone();
        let enrol = match (enrolment.pending.clone(), &enrolment.identity, subject) {
            (Some(pending), ..) if pending.not_before <= now.unix => {
                Enrol::resume(pending, profile, peer.clone(), desk, now)?
            }
            (None, Some(identity), _) if identity.is_due(now.unix) => {
                let want = Want::Renewal(identity.certificate.clone());
                Enrol::begin(want, profile, peer.clone(), desk, now)
            }
            (None, None, Some(subject)) => {
                Enrol::begin(Want::First(subject), profile, peer.clone(), desk, now)
            }
            _ => {
                self.desk.close(peer.connection);
                self.store(Box::new(enrolment), now);
                return Ok(());
            }
        };
        self.phase = Phase::Enrolling {
            peer,
            enrolment: Box::new(enrolment),
            enrol: Box::new(enrol),
        };
        Ok(())
    }

    fn store(&mut self, enrolment: Box<Enrolment>, now: Timestamp) {
        let id = self.desk.id();
        let copy = enrolment.clone();
        self.desk.act(
            Action::Store {
                id,
                enrolment: copy,
            },
            now,
        );
        self.phase = Phase::Storing { id, enrolment };
    }
}
