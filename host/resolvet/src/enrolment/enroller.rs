//! From nothing to an enrolment, and from an enrolment to a newer one.

use std::{sync::Arc, time::Duration};

use resolvet_proto::{
    certificate::{self, SrvId},
    discovery::DomainName,
    enrolment::{
        Anchor, AnchorSource, Enrolment, EstServer, ServerAuthentication,
        est::{
            CaCertificates, DnsServerIdentity, EndEntityError, Operation, dns_server,
            sort_ca_certificates,
        },
        journey::Service,
        mutual::User,
    },
    judgement::{
        AnchorDatabase, AnchorSet, Der, Judgement, NetworkIdentity, Presented, Purpose, Request,
        Server, Transport, Verdict, limits,
    },
};

use super::{
    EnrolError, KeyStore, Progress,
    est::Est,
    locate::{self, EstLocation, Search},
    trust::Trust,
};
use crate::{Policies, Recursive, clock};

/// How long a handshake or an exchange with an EST server may take.
const WITHIN: Duration = Duration::from_secs(10);

/// What enrols: policies, a resolver that is not trusted, and the system's trust anchors if they may be used.
#[derive(Clone)]
pub struct Enroller {
    policies: Policies,
    recursive: Recursive,
    implicit: Option<Arc<AnchorSet>>,
    keys: KeyStore,
    within: Duration,
}

impl Enroller {
    /// Enrols with these policies, and looks names up at this resolver. The Implicit trust anchor database is disabled.
    #[must_use]
    pub fn new(policies: Policies, recursive: Recursive) -> Self {
        Self {
            policies,
            recursive,
            implicit: None,
            keys: KeyStore::new(),
            within: WITHIN,
        }
    }

    /// Lets these anchors stand for the system's where a server gives none of its own.
    #[must_use]
    pub fn with_implicit_anchors(mut self, anchors: Arc<AnchorSet>) -> Self {
        self.implicit = Some(anchors);
        self
    }

    /// Makes and opens keys of the device's own certificates there. By default they are files beside the enrolments.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyStore) -> Self {
        self.keys = keys;
        self
    }

    /// The same with another bound for each handshake and exchange.
    #[must_use]
    pub const fn with_limit(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    pub(super) const fn keys(&self) -> &KeyStore {
        &self.keys
    }

    pub(super) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Where names are looked up, and how long a handshake or exchange may take.
    pub(super) const fn network(&self) -> (Recursive, Duration) {
        (self.recursive, self.within)
    }

    /// The EST servers that a domain announces (the draft's section 8), best first.
    ///
    /// # Errors
    /// There is none, or the resolver does not answer.
    pub async fn find(&self, domain: &str) -> Result<Vec<EstLocation>, EnrolError> {
        let name = DomainName::parse(domain).map_err(|_| EnrolError::NotFound {
            domain: domain.to_owned(),
        })?;
        let search = Search::new(self.recursive).in_domain(name);
        search.find(Service::Est).await
    }

    /// Enrols a device that knows nothing of the network but a user's password (the draft's section 4): provisional TLS, HTTP
    /// Mutual authentication bound to the certificate, trust anchors, the certificate judged by them, and the DNS server's
    /// certificate. The first of the servers that can be connected to is the one, since a password is offered once.
    /// `domain` is the domain that the user named, if one was. Nothing is stored.
    ///
    /// # Errors
    /// See [`EnrolError`]; after any of them nothing that came may be used.
    pub async fn bootstrap(
        &self,
        locations: Vec<EstLocation>,
        user: User,
        domain: Option<&str>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let name = user.name().to_owned();
        let mut server = self.open_first(locations, domain, progress).await?;
        progress(Progress::Provisional {
            address: server.address(),
        });
        server.authenticate(user).await?;
        // From here on the server is known: it proved the password over this certificate.
        let reference_ids = reference_ids(server.chain())?;
        progress(Progress::Authenticated {
            user: name,
            reference_ids: reference_ids.clone(),
        });
        let est = EstServer {
            endpoint: server.location().endpoint.clone(),
            label: server.location().label.clone(),
            reference_ids,
            authentication: ServerAuthentication::HttpMutual,
            certificate: server
                .chain()
                .first()
                .cloned()
                .ok_or(EnrolError::NoReferenceId)?,
        };
        let ca_certificates = server.certificates(Operation::CaCerts).await?;
        let enrolment = Enrolment::new(est, AnchorDatabase::None, clock::now().unix);
        let domain = domain.map_or(Domain::Any, |name| Domain::Required(name.into()));
        let method = ServerAuthentication::HttpMutual;
        self.convey(
            enrolment,
            ca_certificates,
            (server, method),
            domain,
            progress,
        )
        .await
    }

    /// Asks the EST server of an enrolment again (the draft's section 9): known by its anchors and its reference
    /// identifiers, without a password. Where it was is tried first, then where the domain announces it now.
    ///
    /// # Errors
    /// See [`EnrolError`]; the old enrolment stands as it was.
    pub async fn renew(
        &self,
        enrolment: &Enrolment,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let known = EstLocation {
            endpoint: enrolment.est.endpoint.clone(),
            label: enrolment.est.label.clone(),
        };
        let mut server = match self.reopen(enrolment, known.clone(), progress).await {
            Ok(server) => server,
            Err(error) => self
                .reopen_elsewhere(enrolment, &known, progress)
                .await
                .ok_or(error)?,
        };
        progress(Progress::Connected {
            address: server.address(),
        });
        let ca_certificates = server.certificates(Operation::CaCerts).await?;
        let mut renewed = enrolment.clone();
        renewed.renewed = clock::now().unix;
        renewed.retry_after = None;
        renewed.est.endpoint = server.location().endpoint.clone();
        if let Some(certificate) = server.chain().first() {
            renewed.est.certificate = certificate.clone();
        }
        // The domain may have been replaced (the draft's section 9); then only one may be conveyed.
        let domain = served_domain(enrolment).map_or(Domain::Any, Domain::Preferred);
        let method = ServerAuthentication::ReferenceIdentifier;
        self.convey(renewed, ca_certificates, (server, method), domain, progress)
            .await
    }

    async fn reopen(
        &self,
        enrolment: &Enrolment,
        location: EstLocation,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Est, EnrolError> {
        let context = Request {
            network_identity: NetworkIdentity::Named,
            est_server_authentication: Some(ServerAuthentication::ReferenceIdentifier),
            domain_cert_revocation_checks: enrolment.revocation_checks(),
            authentication_domain_name: enrolment.authentication_domain_name.clone(),
            reference_ids: enrolment.est_reference_ids(),
            anchors: enrolment.anchor_set(self.implicit.as_ref()),
            crls: enrolment.crls.clone(),
            ..Request::new(Purpose::EstServer, clock::now().unix)
        };
        let trust = Trust::Judged {
            judge: self.policies.judge().clone(),
            context: Arc::new(context),
        };
        self.open(location, trust, progress).await
    }

    /// The server at another place that the domain announces; the error of the known place says more than those of others.
    async fn reopen_elsewhere(
        &self,
        enrolment: &Enrolment,
        known: &EstLocation,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Option<Est> {
        let domain = enrolment.authentication_domain_name.as_deref()?;
        let announced = self.find(domain).await.ok()?;
        for location in announced {
            let location = EstLocation {
                label: known.label.clone(),
                ..location
            };
            if location == *known {
                continue;
            }
            if let Ok(server) = self.reopen(enrolment, location, progress).await {
                return Some(server);
            }
        }
        None
    }

    async fn open_first(
        &self,
        locations: Vec<EstLocation>,
        domain: Option<&str>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Est, EnrolError> {
        let mut last = EnrolError::NotFound {
            domain: domain.unwrap_or_default().to_owned(),
        };
        for location in locations {
            match self.open(location, Trust::Provisional, progress).await {
                Ok(server) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn open(
        &self,
        location: EstLocation,
        trust: Trust,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Est, EnrolError> {
        progress(Progress::Connecting {
            location: location.clone(),
        });
        let addresses = locate::addresses(self.recursive, &location.endpoint).await?;
        Est::open(location, addresses, trust, self.within).await
    }

    /// What an authenticated server conveys, each certificate judged for its purpose: anchors, the server's own, and the
    /// DNS server's.
    async fn convey(
        &self,
        mut enrolment: Enrolment,
        ca_certificates: Option<Vec<Der>>,
        (mut server, method): (Est, ServerAuthentication),
        domain: Domain,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Enrolment, EnrolError> {
        self.set_anchors(&mut enrolment, ca_certificates)?;
        let anchors = enrolment.anchor_set(self.implicit.as_ref());
        progress(Progress::Anchors {
            database: anchors.database().clone(),
            anchors: anchors.certificates().len(),
        });
        let context = Request {
            network_identity: NetworkIdentity::Named,
            est_server_authentication: Some(method),
            domain_cert_revocation_checks: enrolment.revocation_checks(),
            authentication_domain_name: enrolment.authentication_domain_name.clone(),
            anchors,
            crls: enrolment.crls.clone(),
            ..Request::new(Purpose::EstServer, clock::now().unix)
        };
        let own = Request {
            reference_ids: enrolment.est_reference_ids(),
            server: Some(Server {
                transport: Transport::Https,
                path: None,
                address: server.address().ip(),
                port: server.address().port(),
            }),
            ..context.clone()
        };
        let subject = subject(server.chain().first());
        let judgement = self
            .judge(own.presenting(server.presented().clone()))
            .await?;
        let what = format!("the certificate of the EST server ({subject})");
        accepted(judgement, what, Purpose::EstServer)?;
        progress(Progress::Accepted {
            purpose: Purpose::EstServer,
            subject,
        });

        let conveyed = server.certificates(Operation::EeCerts).await?;
        let context = Request {
            purpose: Purpose::ConveyedEndEntity,
            ..context
        };
        let conveyed = conveyed.unwrap_or_default();
        let found = self
            .judge_conveyed(&enrolment, &context, conveyed, progress)
            .await?;
        let identity = domain.server_of(&found)?;
        progress(Progress::DnsServer {
            srv_id: identity.srv_id.to_string(),
            authentication_domain_name: identity.authentication_domain_name.clone(),
            certificates: identity.certificates.len(),
        });
        enrolment.authentication_domain_name = Some(identity.authentication_domain_name);
        enrolment.end_entities = identity.certificates;
        Ok(enrolment)
    }

    /// The Explicit anchors are replaced as a whole (RFC 7030 section 4.1.3); a server that has none leaves those that there
    /// are, or the system's.
    fn set_anchors(
        &self,
        enrolment: &mut Enrolment,
        ca_certificates: Option<Vec<Der>>,
    ) -> Result<(), EnrolError> {
        let sorted: CaCertificates = sort_ca_certificates(ca_certificates.unwrap_or_default());
        enrolment.intermediates = sorted.intermediates().cloned().collect();
        if !sorted.roots.is_empty() {
            enrolment.database = AnchorDatabase::Explicit;
            enrolment.anchors = sorted
                .roots
                .into_iter()
                .map(|certificate| Anchor {
                    certificate,
                    source: AnchorSource::CaCerts,
                })
                .collect();
        } else if enrolment.database == AnchorDatabase::None {
            if self.implicit.is_none() {
                return Err(EnrolError::NoAnchors);
            }
            enrolment.database = AnchorDatabase::Implicit;
        }
        Ok(())
    }

    /// Those of the conveyed certificates that policies accept (RFC 8295 section 3: others MUST be rejected). When none is
    /// left, the first refusal is the error.
    async fn judge_conveyed(
        &self,
        enrolment: &Enrolment,
        context: &Request,
        conveyed: Vec<Der>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<Der>, EnrolError> {
        let mut found = Vec::new();
        let mut refused = None;
        for der in conveyed {
            // The chain comes from /cacerts: a conveyed certificate comes alone.
            let chain: Vec<Der> = std::iter::once(&der)
                .chain(&enrolment.intermediates)
                .take(limits::PRESENTED)
                .cloned()
                .collect();
            let presented = Presented {
                certificates: chain,
                ocsp_response: None,
            };
            let judgement = self.judge(context.presenting(presented)).await?;
            let subject = subject(Some(&der));
            if judgement.is_accepted() {
                let purpose = Purpose::ConveyedEndEntity;
                progress(Progress::Accepted { purpose, subject });
                found.push(der);
            } else {
                let why = super::why(&judgement);
                progress(Progress::Refused {
                    subject: subject.clone(),
                    why,
                });
                refused.get_or_insert((subject, judgement));
            }
        }
        match refused {
            Some((subject, judgement)) if found.is_empty() => Err(EnrolError::Refused {
                what: format!("the conveyed certificate of {subject}"),
                purpose: Purpose::ConveyedEndEntity,
                judgement: Box::new(judgement),
            }),
            _ => Ok(found),
        }
    }

    async fn judge(&self, request: Request) -> Result<Judgement<Verdict>, EnrolError> {
        request.check()?;
        let request = Arc::new(request);
        let judge = self.policies.judge().clone();
        tokio::task::spawn_blocking(move || judge.validate(&request))
            .await
            .map_err(|error| EnrolError::Ended(error.to_string()))
    }
}

/// Which domain's server is wanted.
enum Domain {
    /// Whichever one is conveyed.
    Any,
    /// This one or none.
    Required(String),
    /// This one; when there is none of it, whichever one is conveyed.
    Preferred(String),
}

impl Domain {
    fn server_of(&self, certificates: &[Der]) -> Result<DnsServerIdentity, EndEntityError> {
        match self {
            Self::Any => dns_server(certificates, None),
            Self::Required(name) => dns_server(certificates, Some(name)),
            Self::Preferred(name) => match dns_server(certificates, Some(name)) {
                Err(EndEntityError::OtherDomain { .. }) => dns_server(certificates, None),
                found => found,
            },
        }
    }
}

/// The domain of the SRV-ID that an enrolment knows its DNS server by.
fn served_domain(enrolment: &Enrolment) -> Option<String> {
    let facts = certificate::facts(enrolment.end_entities.first()?).ok()?;
    let mut ids = facts.srv_ids.into_iter();
    ids.find(|id| id.service() == SrvId::DOMAIN_S)
        .map(|id| id.name().to_owned())
}

fn accepted(
    judgement: Judgement<Verdict>,
    what: String,
    purpose: Purpose,
) -> Result<(), EnrolError> {
    if judgement.is_accepted() {
        return Ok(());
    }
    let judgement = Box::new(judgement);
    Err(EnrolError::Refused {
        what,
        purpose,
        judgement,
    })
}

/// The names by which the server will be known: the DNS-IDs of its certificate (the draft's section 4, step 3). A wildcard is
/// no name (RFC 9525 section 6.1).
fn reference_ids(chain: &[Der]) -> Result<Vec<String>, EnrolError> {
    let facts = chain.first().and_then(|der| certificate::facts(der).ok());
    let names: Vec<String> = facts
        .into_iter()
        .flat_map(|facts| facts.dns_ids)
        .filter(|name| !name.contains('*') && !name.is_empty())
        .map(|name| name.trim_end_matches('.').to_lowercase())
        .take(limits::REFERENCE_IDS)
        .collect();
    if names.is_empty() {
        return Err(EnrolError::NoReferenceId);
    }
    Ok(names)
}

/// Whose certificate it is, for a person.
fn subject(der: Option<&Der>) -> String {
    let facts = der.and_then(|der| certificate::facts(der).ok());
    let Some(facts) = facts else {
        return "unreadable".into();
    };
    match facts.dns_ids.first() {
        Some(name) => name.clone(),
        None => facts.subject,
    }
}
