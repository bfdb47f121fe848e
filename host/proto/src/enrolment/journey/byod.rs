//! A person's device: provisional TLS, a password, then everything else (the draft's section 4).

mod step;

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Action, JourneyError, Profile, ProfileError, Step, Trust,
    collect::{Collect, Collected, Fallback, Peer},
    desk::Desk,
    in_handshake::InHandshake,
    limits,
    profile::Known,
};
use crate::{
    certificate,
    discovery::Timestamp,
    enrolment::{Enrolment, EstServer, ServerAuthentication, est::Endpoint},
    judgement::{AnchorDatabase, Der, Digest, ReferenceId},
};

/// What the journey knows beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByodConfig {
    /// Anchors, network, clock.
    pub profile: Profile,
    /// The EST server, where it need not be looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Whether the password is proved inside the handshake of TLS 1.3 (draft-ietf-tls-pake), and by nothing else.
    #[serde(default)]
    pub in_handshake: bool,
}

/// The way of a person's device to an enrolment; [`super`] says how it is driven. It ends in [`super::State::Done`] after
/// [`Action::Store`] was answered, or with [`Action::Fail`].
#[derive(Debug, Clone)]
pub struct Byod {
    config: ByodConfig,
    desk: Desk,
    phase: Phase,
    /// Servers that are still to be tried.
    servers: VecDeque<Endpoint>,
    /// What went wrong with the server that was tried last.
    last: Option<JourneyError>,
    enrolment: Option<Enrolment>,
}

#[derive(Debug, Clone)]
enum Phase {
    New,
    Finding {
        id: u32,
    },
    Connecting {
        connection: u32,
        endpoint: Endpoint,
    },
    Authenticating {
        peer: Peer,
        certificate: Der,
    },
    InHandshake(Box<InHandshake>),
    Collecting {
        est: EstServer,
        connection: u32,
        collect: Box<Collect>,
    },
    Storing {
        id: u32,
        enrolment: Box<Enrolment>,
    },
    Done,
    Failed,
}

impl Byod {
    /// A journey that has not begun.
    ///
    /// # Errors
    /// The network is not one to enrol in.
    pub fn new(config: ByodConfig) -> Result<Self, ProfileError> {
        config.profile.check()?;
        Ok(Self {
            desk: Desk::new(config.profile.previous_failures),
            config,
            phase: Phase::New,
            servers: VecDeque::new(),
            last: None,
            enrolment: None,
        })
    }

    /// The enrolment, once it is stored.
    #[must_use]
    pub const fn enrolment(&self) -> Option<&Enrolment> {
        self.enrolment.as_ref()
    }

    fn next_server(&mut self, now: Timestamp) -> Result<(), JourneyError> {
        match self.servers.pop_front() {
            Some(endpoint) => self.connect(endpoint, now),
            None => Err(self.last.take().unwrap_or(JourneyError::NoServer)),
        }
    }

    fn connect(&mut self, endpoint: Endpoint, now: Timestamp) -> Result<(), JourneyError> {
        if self.config.in_handshake {
            let begun = InHandshake::begin(endpoint, &mut self.desk, now)?;
            self.phase = Phase::InHandshake(Box::new(begun));
            return Ok(());
        }
        let connection = self.desk.id();
        self.desk.tell(now, Step::Connecting(endpoint.clone()));
        self.desk.act(
            Action::Connect {
                connection,
                endpoint: endpoint.clone(),
                trust: Trust::Provisional,
                identity: None,
            },
            now,
        );
        self.phase = Phase::Connecting {
            connection,
            endpoint,
        };
        Ok(())
    }

    fn authenticate(&mut self, peer: Peer, now: Timestamp) -> Result<(), JourneyError> {
        let Some(certificate) = peer.presented.certificates.first().cloned() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        self.desk.tell(
            now,
            Step::Provisional {
                certificate: Digest::of(&certificate),
            },
        );
        let action = Action::Authenticate {
            connection: peer.connection,
            certificate: certificate.clone(),
        };
        self.desk
            .act_within(action, limits::PASSWORD_MILLISECONDS, now);
        self.phase = Phase::Authenticating { peer, certificate };
        Ok(())
    }

    /// The password was proved for this certificate: its DNS-IDs are what the server is known by from now on.
    fn proved(
        &mut self,
        peer: Peer,
        method: ServerAuthentication,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let certificate = peer.presented.certificates.first();
        let reference_ids = certificate.map(|der| dns_ids(der)).unwrap_or_default();
        let step = Step::Authenticated {
            method: method.clone(),
        };
        self.desk.tell(now, step);
        let implicit = self.config.profile.anchors.implicit();
        let fallback = implicit.map_or(Fallback::None, |set| Fallback::Implicit(Arc::clone(set)));
        self.collect(peer, method, reference_ids, fallback, now)
    }

    fn collect(
        &mut self,
        peer: Peer,
        method: ServerAuthentication,
        reference_ids: Vec<String>,
        fallback: Fallback,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let connection = peer.connection;
        let Some(certificate) = peer.presented.certificates.first().cloned() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        if reference_ids.is_empty() {
            return Err(JourneyError::NoReferenceId {
                endpoint: peer.endpoint,
            });
        }
        self.desk
            .tell(now, Step::ReferenceIds(reference_ids.clone()));
        let est = EstServer {
            endpoint: peer.endpoint.clone(),
            label: self.config.profile.label.clone(),
            reference_ids: reference_ids.clone(),
            authentication: method.clone(),
            certificate,
        };
        let profile = &self.config.profile;
        let known = Known {
            authentication: method,
            revocation_checks: None,
            reference_ids: reference_ids.into_iter().map(ReferenceId::DnsId).collect(),
        };
        let asks = profile.anchors.asks();
        let collect = Collect::begin(profile, peer, known, asks, fallback, &mut self.desk, now)?;
        self.phase = Phase::Collecting {
            est,
            connection,
            collect: Box::new(collect),
        };
        Ok(())
    }

    fn store(&mut self, est: EstServer, collected: Collected, now: Timestamp) {
        if let Phase::Collecting { connection, .. } = self.phase {
            self.desk.close(connection);
        }
        let database = collected.set.database().clone();
        let mut enrolment = Enrolment::new(est, AnchorDatabase::None, now.unix);
        enrolment.database = database;
        enrolment.anchors_suffice = self.config.profile.anchors_suffice;
        adopt(&mut enrolment, collected);
        let id = self.desk.id();
        let enrolment = Box::new(enrolment);
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

/// The names that a server can be known by: DNS-IDs without wildcard, lower case, each once.
pub(super) fn dns_ids(certificate: &[u8]) -> Vec<String> {
    let facts = certificate::facts(certificate);
    let mut names: Vec<_> = facts
        .map(|facts| facts.dns_ids)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| !name.is_empty() && !name.contains('*'))
        .map(|name| name.trim_end_matches('.').into())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(crate::judgement::limits::REFERENCE_IDS);
    names
}

/// Takes over what was fetched and accepted.
pub(super) fn adopt(enrolment: &mut Enrolment, collected: Collected) {
    enrolment.anchors = collected.anchors;
    enrolment.intermediates = collected.intermediates;
    enrolment.crls = collected.crls;
    let (name, certificates) = match collected.dns {
        Some(dns) => (Some(dns.authentication_domain_name), dns.certificates),
        None => (None, Vec::new()),
    };
    enrolment.authentication_domain_name = name;
    enrolment.end_entities = certificates;
}
