//! Performs what journeys ask for, and knows no rules.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use resolvet_proto::{
    enrolment::{
        Enrolment,
        est::{Endpoint, HttpRequest},
        journey::{
            Action, AuthenticationRefusal, Event, Failure, Journey, JourneyError, Service, State,
            Step,
        },
        mutual::User,
    },
    judgement::{AnchorSet, Conveyed, Der, Server, Transport},
    session::{self, ConnectionFailure, ConnectionFailureKind, Timestamp},
};

use super::{
    DeviceKey, EnrolError, Enroller, NetworkName, ProofError, Store,
    channel::ChannelError,
    connection::{Connection, Target},
    keys::KeyRing,
    random,
    trust::Trust,
};
use crate::{AttachError, Attachment, Client, clock};

/// Where an enrolment is kept.
#[derive(Debug, Clone)]
pub struct Place {
    store: Store,
    network: Option<NetworkName>,
}

impl Place {
    /// In this store, under this name.
    #[must_use]
    pub fn named(store: &Store, network: &NetworkName) -> Self {
        Self {
            store: store.clone(),
            network: Some(network.clone()),
        }
    }

    /// In this store, under the authentication domain name that the enrolment gives.
    #[must_use]
    pub fn by_domain(store: &Store) -> Self {
        Self {
            store: store.clone(),
            network: None,
        }
    }

    fn save(&self, enrolment: &Enrolment) -> Result<NetworkName, String> {
        let network = match (&self.network, &enrolment.authentication_domain_name) {
            (Some(network), _) => network.clone(),
            (None, Some(domain)) => domain
                .parse()
                .map_err(|error| format!("no name for the network: {error}"))?,
            (None, None) => {
                return Err("no DNS server's certificate was conveyed that would name it".into());
            }
        };
        let saved = self.store.save(&network, enrolment);
        saved.map_err(|error| error.to_string())?;
        Ok(network)
    }
}

/// What a journey is driven with.
pub(super) struct Driver {
    enroller: Enroller,
    place: Place,
    /// Where servers are looked for.
    pub(super) domain: Option<String>,
    /// Who proves a password.
    pub(super) user: Option<User>,
    /// Whether the journey goes to the server that enrolled just now: it is not looked for, and the password is proved to it
    /// once the policies have accepted it.
    pub(super) again: bool,
    /// What attaches, and everything that an enrolment does not say. Without it a journey ends where it would attach.
    pub(super) session: Option<(Client, session::Config)>,
    /// Keys of the device's own certificates, where the network has a name already.
    keys: Option<KeyRing>,
    connections: HashMap<u32, Connection>,
    timer: Option<Timestamp>,
    stored: Option<NetworkName>,
    /// Why a search brought nothing.
    not_found: Option<EnrolError>,
    attachment: Option<Attachment>,
}

impl Driver {
    pub(super) fn new(enroller: Enroller, place: Place) -> Result<Self, EnrolError> {
        let Place { store, network } = &place;
        let keys = network.as_ref();
        let keys = keys.map(|network| KeyRing::new((store, network), enroller.keys()));
        Ok(Self {
            enroller,
            place,
            domain: None,
            user: None,
            again: false,
            session: None,
            keys: keys.transpose()?,
            connections: HashMap::new(),
            timer: None,
            stored: None,
            not_found: None,
            attachment: None,
        })
    }

    /// Takes a key that is open already.
    pub(super) fn add_key(&mut self, handle: &str, key: &DeviceKey) {
        if let Some(keys) = &mut self.keys {
            keys.add(handle, key.clone());
        }
    }

    /// The name under which the enrolment was stored.
    pub(super) const fn stored(&self) -> Option<&NetworkName> {
        self.stored.as_ref()
    }

    /// The attachment that was made last.
    pub(super) const fn take_attachment(&mut self) -> Option<Attachment> {
        self.attachment.take()
    }

    /// Drives a journey to its end, tells each step, and removes the keys that were made in vain.
    pub(super) async fn run(
        &mut self,
        journey: &mut (dyn Journey + Send),
        first: Event,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), EnrolError> {
        let ended = self.go(journey, first, progress).await;
        let closed = match self.keys.take() {
            Some(keys) => keys.close().await,
            None => Ok(()),
        };
        ended.and(closed)
    }

    async fn go(
        &mut self,
        journey: &mut (dyn Journey + Send),
        first: Event,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<(), EnrolError> {
        let mut events = VecDeque::from([first]);
        let mut told = 0;
        loop {
            let event = match events.pop_front() {
                Some(event) => event,
                None => {
                    let moment = self.timer.take();
                    let wait = moment.map_or(Duration::from_secs(1), clock::until);
                    tokio::time::sleep(wait).await;
                    Event::Tick
                }
            };
            journey.handle(&event, clock::now());
            let story = journey.story();
            let new = journey.told() - told;
            for entry in story.iter().skip(story.len().saturating_sub(new)) {
                progress(&entry.step);
            }
            told = journey.told();
            while let Some(action) = journey.next_action() {
                match action {
                    Action::Fail { failure } => return Err(self.failed(failure)),
                    Action::Discover { .. } if self.session.is_none() => return Ok(()),
                    action => events.extend(self.perform(action).await?),
                }
            }
            if journey.state() == State::Done {
                return Ok(());
            }
        }
    }

    /// How the journey ended; a search that found nothing says more than that there is no server.
    fn failed(&mut self, failure: Failure) -> EnrolError {
        match (&failure.error, self.not_found.take()) {
            (JourneyError::NoServer, Some(error)) => error,
            _ => EnrolError::Journey(Box::new(failure)),
        }
    }

    async fn perform(&mut self, action: Action) -> Result<Option<Event>, EnrolError> {
        Ok(Some(match action {
            Action::Find { id, service } => Event::Found {
                id,
                endpoints: self.find(service).await,
            },
            Action::Connect {
                connection,
                endpoint,
                trust,
                identity,
            } => {
                let trust = Trust::wanted(trust, self.enroller.policies(), self.user.as_ref());
                self.connect(connection, endpoint, trust, identity).await
            }
            Action::Authenticate {
                connection,
                certificate,
            } => self.authenticate(connection, certificate).await,
            Action::Exchange {
                id,
                connection,
                request,
                authorized,
            } => self.exchange(id, connection, &request, authorized).await,
            Action::Judge { id, request, .. } => {
                let judge = self.enroller.policies().judge().clone();
                let judging = tokio::task::spawn_blocking(move || judge.validate(&request));
                let judgement = judging.await;
                let judgement = judgement.map_err(|error| EnrolError::Ended(error.to_string()))?;
                Event::Judged { id, judgement }
            }
            Action::Random { id, octets } => {
                let mut drawn = vec![0; octets];
                random::fill(&mut drawn)?;
                Event::Random {
                    id,
                    octets: drawn.into(),
                }
            }
            Action::MakeKey { id, kind } => match self.keys()?.make(kind.as_ref()).await {
                Ok((key, public)) => Event::KeyMade { id, key, public },
                Err(error) => Event::KeyFailed {
                    id,
                    detail: error.to_string(),
                },
            },
            Action::Sign { id, key, octets } => match self.keys()?.sign(&key, &octets).await {
                Ok((algorithm, signature)) => Event::Signed {
                    id,
                    algorithm,
                    signature,
                },
                Err(error) => Event::KeyFailed {
                    id,
                    detail: error.to_string(),
                },
            },
            Action::Store { id, enrolment } => {
                let problem = match self.place.save(&enrolment) {
                    Ok(network) => {
                        self.stored = Some(network);
                        None
                    }
                    Err(problem) => Some(problem),
                };
                Event::Stored { id, problem }
            }
            Action::Discover {
                id,
                authentication_domain_name,
                conveyed,
                anchors,
                crls,
            } => {
                let name = authentication_domain_name;
                self.discover(id, name, conveyed, anchors, crls).await?
            }
            Action::Remember { pending } => {
                if let Some(network) = &self.place.network {
                    // A request that is not kept is made anew after a restart: no reason to end the journey.
                    let _kept = self.place.store.keep_voucher(network, pending.as_deref());
                }
                return Ok(None);
            }
            Action::Close { connection } => {
                self.connections.remove(&connection);
                return Ok(None);
            }
            Action::WaitUntil { until } => {
                self.timer = Some(until);
                return Ok(None);
            }
            // The caller has taken it.
            Action::Fail { .. } => return Ok(None),
        }))
    }

    /// That nothing is found is no end: a journey may know a server by itself. If it does not, the reason is the better error.
    async fn find(&mut self, service: Service) -> Vec<Endpoint> {
        if self.again {
            return Vec::new();
        }
        let found = match self.enroller.search(self.domain.as_deref()) {
            Ok(search) => search.find(service).await,
            Err(error) => Err(error),
        };
        let found = found.unwrap_or_else(|error| {
            self.not_found = Some(error);
            Vec::new()
        });
        found
            .into_iter()
            .map(|location| location.endpoint)
            .collect()
    }

    async fn connect(
        &mut self,
        connection: u32,
        endpoint: Endpoint,
        trust: Trust,
        identity: Option<(String, Vec<Der>)>,
    ) -> Event {
        match self.open(endpoint, trust, identity).await {
            Ok(opened) => {
                let channel = opened.channel();
                let address = channel.address();
                let event = Event::Connected {
                    connection,
                    server: Some(Server {
                        transport: Transport::Https,
                        path: None,
                        ech: None,
                        address: address.ip(),
                        port: address.port(),
                    }),
                    presented: channel.presented().clone(),
                    judgement: channel.judgement().cloned(),
                    binding: channel.binding().map(Into::into),
                };
                self.connections.insert(connection, opened);
                event
            }
            Err(EnrolError::Channel(error @ ChannelError::Password { refusal, .. })) => {
                Event::AuthenticationFailed {
                    connection,
                    refusal,
                    detail: error.to_string(),
                }
            }
            Err(error) => {
                let (kind, judgement) = match &error {
                    EnrolError::Channel(ChannelError::Refused { judgement, .. }) => {
                        (ConnectionFailureKind::Refusal, Some(judgement.clone()))
                    }
                    EnrolError::Channel(ChannelError::ProofOfPossession { .. }) => {
                        (ConnectionFailureKind::ProofOfPossession, None)
                    }
                    _ => (ConnectionFailureKind::Other, None),
                };
                Event::ConnectionFailed {
                    connection,
                    reason: ConnectionFailure {
                        kind,
                        detail: error.to_string(),
                    },
                    judgement,
                }
            }
        }
    }

    async fn open(
        &mut self,
        endpoint: Endpoint,
        trust: Trust,
        identity: Option<(String, Vec<Der>)>,
    ) -> Result<Connection, EnrolError> {
        let identity = match identity {
            Some((handle, chain)) => Some(self.keys()?.certified(&handle, &chain).await?),
            None => None,
        };
        let within = self.enroller.within();
        let search = self.enroller.search(None)?;
        let addresses = search.addresses(&endpoint).await?;
        let judged = matches!(trust, Trust::Judged { .. });
        let mut opened = Connection::open(Target {
            endpoint,
            addresses,
            trust,
            identity,
            within,
        })
        .await?;
        if let Some(user) = self.user.clone().filter(|_| self.again && judged) {
            let (schemes, label) = (self.enroller.schemes(), self.enroller.label());
            let proved = opened.authenticate(user, schemes, label).await;
            proved.map_err(|error| EnrolError::Proof(Box::new(error)))?;
        }
        Ok(opened)
    }

    async fn authenticate(&mut self, connection: u32, certificate: Der) -> Event {
        let failed = |refusal, detail: &str| Event::AuthenticationFailed {
            connection,
            refusal,
            detail: detail.to_owned(),
        };
        let Some(user) = self.user.clone() else {
            return failed(AuthenticationRefusal::NotOffered, "there is no password");
        };
        let Some(opened) = self.connections.get_mut(&connection) else {
            return failed(
                AuthenticationRefusal::Connection,
                "the connection is closed",
            );
        };
        let (schemes, label) = (self.enroller.schemes(), self.enroller.label());
        match opened.authenticate(user, schemes, label).await {
            Ok(method) => Event::Authenticated {
                connection,
                method,
                certificate,
            },
            Err(error) => {
                let refusal = error.refusal();
                let refusal = refusal.unwrap_or(AuthenticationRefusal::Connection);
                failed(refusal, &error.to_string())
            }
        }
    }

    async fn exchange(
        &mut self,
        id: u32,
        connection: u32,
        request: &HttpRequest,
        authorized: bool,
    ) -> Event {
        let failed = |detail| Event::ExchangeFailed { id, detail };
        let Some(opened) = self.connections.get_mut(&connection) else {
            return failed("the connection is closed".into());
        };
        let login = self.enroller.login().filter(|_| authorized);
        match opened.exchange(request, login).await {
            Ok(reply) => Event::Replied { id, reply },
            Err(error) => match error.refusal() {
                Some(refusal) if !self.again => Event::AuthenticationFailed {
                    connection,
                    refusal,
                    detail: error.to_string(),
                },
                // A server that the policies accepted, which proves nothing more: the exchange failed.
                _ => failed(error.to_string()),
            },
        }
    }

    async fn discover(
        &mut self,
        id: u32,
        authentication_domain_name: String,
        conveyed: Conveyed,
        anchors: Arc<AnchorSet>,
        crls: Vec<Der>,
    ) -> Result<Event, EnrolError> {
        let Some((client, session)) = self.session.clone() else {
            return Err(EnrolError::Ended("nothing attaches".into()));
        };
        let crls = lists(&crls, &session.crls);
        let session = session::Config {
            authentication_domain_name: Some(authentication_domain_name),
            network_identity: self.enroller.network_identity().clone(),
            anchors,
            conveyed,
            crls,
            ..session
        };
        let attachment = client.attach(session)?;
        let event = match attachment.vetted().await {
            Ok(_) => Event::Served { id },
            Err(AttachError::Failed(failure)) => Event::NotServed {
                id,
                kind: failure.kind,
                message: failure.message,
            },
            Err(error) => return Err(error.into()),
        };
        self.attachment = Some(attachment);
        Ok(event)
    }

    fn keys(&mut self) -> Result<&mut KeyRing, EnrolError> {
        let nowhere = || EnrolError::Ended("the network has no name to keep a key for".into());
        self.keys.as_mut().ok_or_else(nowhere)
    }
}

/// The certificate revocation lists that an enrolment conveyed, and those that are configured besides.
pub(crate) fn lists(conveyed: &[Der], configured: &[Der]) -> Vec<Der> {
    let besides = configured.iter().filter(|list| !conveyed.contains(list));
    conveyed.iter().chain(besides).cloned().collect()
}

impl From<EnrolError> for ProofError {
    fn from(error: EnrolError) -> Self {
        Self::Exchange(Box::new(error))
    }
}
