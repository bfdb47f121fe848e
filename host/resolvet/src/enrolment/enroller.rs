//! From nothing to an enrolment, and from an enrolment to a newer one.

use std::{sync::Arc, time::Duration};

use resolvet_proto::{
    discovery::DomainName,
    enrolment::{
        Enrolment,
        authentication::{Scheme, User},
        brski::IDevId,
        est::{CaLabel, Endpoint, Subject},
        journey::{
            AnchorChoice, Byod, ByodConfig, Event, Pledge, PledgeConfig, Profile, Reattachment,
            ReattachmentConfig, Step, limits,
        },
    },
    judgement::{AnchorSet, Clock, Der, NetworkIdentity},
};
use rustls::crypto::aws_lc_rs;

use super::{
    DeviceKey, EnrolError, KeyStore, NetworkName, Store,
    driver::{Driver, Place},
    locate::{EstLocation, Search},
};
use crate::{Policies, clock};

/// How long a handshake or an exchange with an EST server may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long a certification request may be pending.
const PENDING: Duration = Duration::from_secs(limits::PENDING_SECONDS);
/// The handle of the key that the manufacturer gave.
const DEVICE_KEY: &str = "idevid";

/// What enrols: policies, a resolver that is not trusted, which trust anchors may be used, and how the network is known.
#[derive(Clone)]
pub struct Enroller {
    policies: Policies,
    search: Search,
    anchors: AnchorChoice,
    network_identity: NetworkIdentity,
    clock: Option<Clock>,
    crls: bool,
    pal: bool,
    label: Option<CaLabel>,
    schemes: Vec<Scheme>,
    in_handshake: bool,
    subject: Option<Subject>,
    login: Option<User>,
    keys: KeyStore,
    within: Duration,
    pending: Duration,
}

/// A person whose device enrols by a password (the draft's section 4).
#[derive(Debug, Clone)]
pub struct Person {
    /// Name and password.
    pub user: User,
    /// The EST server, where it need not be looked for.
    pub server: Option<EstLocation>,
    /// The network's domain: the EST server is looked for in it, and the DNS server must be of it. Without it, the server is
    /// looked for wherever the search looks.
    pub domain: Option<String>,
}

/// What a manufacturer gave a device (RFC 8995 section 2.3).
#[derive(Debug, Clone)]
pub struct Device {
    /// Its certificate (IDevID) first, then what leads from it to the manufacturer, DER.
    pub chain: Vec<Der>,
    /// The certificate's key.
    pub key: DeviceKey,
    /// The manufacturer's anchors: a voucher's signer must lead to one of them.
    pub manufacturer: Vec<Der>,
}

/// An enrolment, and the name under which the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enrolled {
    /// The network.
    pub network: NetworkName,
    /// The enrolment.
    pub enrolment: Enrolment,
}

impl Enroller {
    /// Enrols with these policies, and looks for servers and their addresses so; a [`crate::Recursive`] will do. The Implicit
    /// trust anchor database is disabled, `/crls` is asked, and the network is one that the user named.
    #[must_use]
    pub fn new(policies: Policies, search: impl Into<Search>) -> Self {
        Self {
            policies,
            search: search.into(),
            anchors: AnchorChoice::Explicit,
            network_identity: NetworkIdentity::Named,
            clock: None,
            crls: true,
            pal: false,
            label: None,
            schemes: Scheme::ALL.to_vec(),
            in_handshake: false,
            subject: None,
            login: None,
            keys: KeyStore::new(),
            within: WITHIN,
            pending: PENDING,
        }
    }

    /// Which trust anchor databases may be used (RFC 7030 section 1.1).
    #[must_use]
    pub fn with_anchors(mut self, anchors: AnchorChoice) -> Self {
        self.anchors = anchors;
        self
    }

    /// Lets these anchors stand for the system's where a server gives none of its own.
    #[must_use]
    pub fn with_implicit_anchors(self, anchors: Arc<AnchorSet>) -> Self {
        self.with_anchors(AnchorChoice::Either(anchors))
    }

    /// How the network's identity is known. Nothing is enrolled in a network that is neither named by the user nor
    /// authenticated (the draft's section 11).
    #[must_use]
    pub fn with_network_identity(mut self, identity: NetworkIdentity) -> Self {
        self.network_identity = identity;
        self
    }

    /// How the time is known. Where this is not said, the clock itself tells whether it was ever set.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// By which schemes a password may prove both sides. OPAQUE is preferred where both are allowed and offered.
    #[must_use]
    pub fn with_schemes(mut self, schemes: &[Scheme]) -> Self {
        self.schemes = schemes.to_vec();
        self
    }

    /// Has the password proved inside the handshake of TLS 1.3 (draft-ietf-tls-pake), and in no other way. Experimental: the
    /// code points are BoringSSL's.
    #[cfg(feature = "tls-pake")]
    #[must_use]
    pub const fn with_password_in_handshake(mut self) -> Self {
        self.in_handshake = true;
        self
    }

    /// Whether certificate revocation lists are asked for.
    #[must_use]
    pub const fn with_crls(mut self, crls: bool) -> Self {
        self.crls = crls;
        self
    }

    /// Whether the server is asked where it has what (RFC 8295 section 2).
    #[must_use]
    pub const fn with_pal(mut self, pal: bool) -> Self {
        self.pal = pal;
        self
    }

    /// Asks for a certificate of the device's own with this subject: a thing when it joins, another device at a known EST server
    /// where there is none yet.
    #[must_use]
    pub fn with_subject(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Answers to HTTP Basic and Digest as this user, where an EST server asks that the policies have accepted, and nowhere else
    /// (RFC 7030 section 3.2.3).
    #[must_use]
    pub fn with_login(mut self, user: User) -> Self {
        self.login = Some(user);
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

    /// How long a server may take to decide about a certificate: a week at most, which is the default.
    #[must_use]
    pub const fn with_patience(mut self, pending: Duration) -> Self {
        self.pending = pending;
        self
    }

    pub(super) const fn login(&self) -> Option<&User> {
        self.login.as_ref()
    }

    pub(super) const fn keys(&self) -> &KeyStore {
        &self.keys
    }

    pub(super) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// How long a handshake or exchange may take.
    pub(super) const fn within(&self) -> Duration {
        self.within
    }

    pub(super) const fn network_identity(&self) -> &NetworkIdentity {
        &self.network_identity
    }

    pub(super) fn schemes(&self) -> &[Scheme] {
        &self.schemes
    }

    pub(super) const fn label(&self) -> Option<&CaLabel> {
        self.label.as_ref()
    }

    pub(super) fn profile(&self) -> Profile {
        Profile {
            label: self.label.clone(),
            crls: self.crls,
            pal: self.pal,
            clock: self.clock.clone().unwrap_or_else(clock::known),
            generation: self.policies.judge().generation(),
            pending_seconds: self.pending.as_secs(),
            ..Profile::new(self.anchors.clone(), self.network_identity.clone())
        }
    }

    /// Where servers are looked for: in this domain, or, where none is named, in those that the search knows.
    pub(super) fn search(&self, domain: Option<&str>) -> Result<Search, EnrolError> {
        let Some(domain) = domain else {
            return Ok(self.search.clone());
        };
        let name = DomainName::parse(domain).map_err(|problem| EnrolError::Domain {
            domain: domain.to_owned(),
            problem,
        })?;
        Ok(self.search.clone().in_domain(name))
    }

    /// Enrols a device that knows nothing of the network but a user's password (the draft's section 4): provisional TLS, a
    /// PAKE bound to the connection, trust anchors, the certificate judged by them, and the DNS server's certificate.
    ///
    /// # Errors
    /// See [`EnrolError`]; nothing is stored then.
    pub async fn bootstrap(
        &self,
        person: Person,
        place: Place,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Enrolled, EnrolError> {
        let mut enroller = self.clone();
        let endpoint = person.server.map(|location| {
            enroller.label = location.label;
            location.endpoint
        });
        let mut profile = enroller.profile();
        profile.domain = person.domain.clone();
        let mut journey = Byod::new(ByodConfig {
            profile,
            endpoint,
            in_handshake: enroller.in_handshake,
        })?;
        let mut driver = Driver::new(enroller, place)?;
        driver.domain = person.domain;
        driver.user = Some(person.user);
        driver.run(&mut journey, Event::Start, progress).await?;
        enrolled(&driver, journey.enrolment())
    }

    /// Enrols a device by its manufacturer's voucher (the draft's section 5, RFC 8995) at this registrar, or, where none is
    /// named, at one that is looked for in the domain and wherever else the search looks: the domain's certificates as Explicit
    /// anchors, the DNS server's certificates, and a certificate of the device's own whose key stays where keys are made.
    ///
    /// What an earlier run asked for and was not decided goes on: the voucher request as it was signed (RFC 8995 section 5.6),
    /// or the request for the certificate (RFC 7030 section 4.2.3).
    ///
    /// # Errors
    /// See [`EnrolError`]; nothing is stored then.
    pub async fn join(
        &self,
        registrar: Option<Endpoint>,
        device: &Device,
        domain: Option<&str>,
        (store, network): (&Store, &NetworkName),
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Enrolled, EnrolError> {
        if let Some(stored) = store.load(network)?
            && stored.pending.is_some()
            && registrar
                .as_ref()
                .is_none_or(|registrar| *registrar == stored.est.endpoint)
        {
            return self.go_on(stored, device, (store, network), progress).await;
        }
        let certificate = device.chain.first().map(|der| &**der).unwrap_or_default();
        let mut profile = self.profile();
        profile.anchors = AnchorChoice::Explicit;
        profile.domain = domain.map(str::to_owned);
        let mut journey = Pledge::new(PledgeConfig {
            profile,
            endpoint: registrar,
            device: IDevId::new(certificate)?,
            device_chain: device.chain.get(1..).unwrap_or_default().to_vec(),
            device_key: DEVICE_KEY.into(),
            manufacturer: device.manufacturer.clone(),
            nonceless: false,
            base64: false,
            pending: store.pending_voucher(network)?,
            subject: self.subject.clone(),
            algorithms: aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .all,
        })?;
        let mut driver = Driver::new(self.clone(), Place::named(store, network))?;
        driver.domain = domain.map(str::to_owned);
        driver.add_key(DEVICE_KEY, &device.key);
        driver.run(&mut journey, Event::Start, progress).await?;
        enrolled(&driver, journey.enrolment())
    }

    /// A device that has everything but its certificate, which the registrar has not decided yet.
    async fn go_on(
        &self,
        mut enrolment: Enrolment,
        device: &Device,
        (store, network): (&Store, &NetworkName),
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Enrolled, EnrolError> {
        while let Some(pending) = &enrolment.pending {
            let wait = pending.not_before.saturating_sub(clock::now().unix);
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let enroller = self.of(&enrolment);
            let mut journey = Reattachment::new(ReattachmentConfig {
                profile: enroller.profile(),
                enrolment,
                device: Some((DEVICE_KEY.into(), device.chain.clone())),
                subject: None,
            })?;
            let mut driver = Driver::new(enroller, Place::named(store, network))?;
            driver.add_key(DEVICE_KEY, &device.key);
            driver.run(&mut journey, Event::Renew, progress).await?;
            enrolment = journey.enrolment().clone();
        }
        Ok(Enrolled {
            network: network.clone(),
            enrolment,
        })
    }

    /// Asks the EST server of a stored enrolment again (the draft's section 9): known by its anchors and its reference
    /// identifiers, without a password. It is looked for where the domain announces it, and where it was. A certificate of the
    /// device's own that is due is renewed too. What came is stored.
    ///
    /// # Errors
    /// See [`EnrolError`]; the old enrolment stands as it was.
    pub async fn renew(
        &self,
        store: &Store,
        network: &NetworkName,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let (mut journey, mut driver) = self.back_to(store, network)?;
        driver.domain = journey.enrolment().authentication_domain_name.clone();
        driver.run(&mut journey, Event::Renew, progress).await?;
        Ok(journey.enrolment().clone())
    }

    /// Asks the EST server of an enrolment, where it was, for a certificate of the device's own with the subject of
    /// [`Self::with_subject`]. The policies accept the server in the handshake. The device is known by the login, where there
    /// is one; else by this user's password, which both sides prove. What the server has not decided is pending in the
    /// enrolment, and [`Self::renew`] goes on with it.
    ///
    /// # Errors
    /// See [`EnrolError`]; the old enrolment stands as it was.
    pub async fn own_certificate(
        &self,
        (store, network): (&Store, &NetworkName),
        user: Option<User>,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let (mut journey, mut driver) = self.back_to(store, network)?;
        driver.again = true;
        driver.user = user.filter(|_| self.login.is_none());
        driver.run(&mut journey, Event::Renew, progress).await?;
        Ok(journey.enrolment().clone())
    }

    /// The journey back to a stored enrolment's network, and what drives it.
    fn back_to(
        &self,
        store: &Store,
        network: &NetworkName,
    ) -> Result<(Reattachment, Driver), EnrolError> {
        let stored = store.load(network)?;
        let stored = stored.ok_or_else(|| EnrolError::NotEnrolled {
            network: network.clone(),
        })?;
        let enroller = self.of(&stored);
        let journey = enroller.returning(stored)?;
        let driver = Driver::new(enroller, Place::named(store, network))?;
        Ok((journey, driver))
    }

    /// What asks the server of this enrolment again.
    pub(super) fn of(&self, enrolment: &Enrolment) -> Self {
        Self {
            label: enrolment.est.label.clone(),
            ..self.clone()
        }
    }

    /// The journey back to this enrolment's network.
    pub(super) fn returning(&self, enrolment: Enrolment) -> Result<Reattachment, EnrolError> {
        Ok(Reattachment::new(ReattachmentConfig {
            profile: self.profile(),
            enrolment,
            device: None,
            subject: self.subject.clone(),
        })?)
    }
}

fn enrolled(driver: &Driver, enrolment: Option<&Enrolment>) -> Result<Enrolled, EnrolError> {
    match (driver.stored(), enrolment) {
        (Some(network), Some(enrolment)) => Ok(Enrolled {
            network: network.clone(),
            enrolment: enrolment.clone(),
        }),
        _ => Err(EnrolError::Ended("nothing was stored".into())),
    }
}
