//! A factory-fresh device: performs what [`Pledge`] asks for, and knows no rules.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use resolvet_proto::{
    enrolment::{
        Enrolment,
        brski::IDevId,
        est::Endpoint,
        journey::{
            Action, AnchorChoice, AuthenticationRefusal, Entry, Event, Pledge, PledgeConfig,
            Profile, Step, Trust as Wanted,
        },
    },
    judgement::{Der, NetworkIdentity, Server, Transport},
    session::{ConnectionFailure, ConnectionFailureKind, FailureKind, Timestamp},
};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};

use super::{
    DeviceKey, EnrolError, Enroller, NetworkName, Progress, Store, channel::Channel, est,
    keys::KeyRing, locate, trust::Trust,
};
use crate::clock;

/// The handle of the key that the manufacturer gave.
const DEVICE_KEY: &str = "idevid";

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

impl Enroller {
    /// Enrols a device by its manufacturer's voucher at this registrar, and stores the enrolment under this name: the domain's
    /// certificates as Explicit anchors, the DNS server's certificates, and a certificate of the device's own whose key
    /// stays in the store's folder.
    ///
    /// # Errors
    /// See [`EnrolError`]; nothing is stored then.
    pub async fn join(
        &self,
        registrar: Endpoint,
        device: &Device,
        domain: Option<&str>,
        (store, network): (&Store, &NetworkName),
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let certificate = device.chain.first().map(|der| &**der).unwrap_or_default();
        // The user names a thing's network by letting it join here.
        let mut profile = Profile::new(AnchorChoice::Explicit, NetworkIdentity::Named);
        profile.domain = domain.map(str::to_owned);
        profile.generation = self.policies().judge().generation();
        let config = PledgeConfig {
            profile,
            endpoint: Some(registrar),
            device: IDevId::new(certificate)?,
            device_chain: device.chain.get(1..).unwrap_or_default().to_vec(),
            device_key: DEVICE_KEY.into(),
            manufacturer: device.manufacturer.clone(),
            nonceless: false,
            base64: false,
            subject: None,
            algorithms: aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .all,
        };
        let mut driver = Driver {
            enroller: self,
            store,
            network,
            keys: KeyRing::new((store, network), self.keys())?,
            channels: HashMap::new(),
            timer: None,
        };
        driver.keys.add(DEVICE_KEY, device.key.clone());
        let outcome = driver.run(Pledge::new(config)?, progress).await;
        let closed = driver.keys.close().await;
        let enrolment = outcome?;
        closed.map(|()| enrolment)
    }
}

struct Driver<'a> {
    enroller: &'a Enroller,
    store: &'a Store,
    network: &'a NetworkName,
    keys: KeyRing,
    channels: HashMap<u32, Channel>,
    timer: Option<Timestamp>,
}

impl Driver<'_> {
    async fn run(
        &mut self,
        mut pledge: Pledge,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Enrolment, EnrolError> {
        let mut events = VecDeque::from([Event::Start]);
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
            pledge.handle(&event, clock::now());
            for Entry { step, .. } in pledge.story().get(told..).unwrap_or_default() {
                progress(Progress::Pledge {
                    step: Box::new(step.clone()),
                });
            }
            told = pledge.story().len();
            while let Some(action) = pledge.next_action() {
                if let Action::Fail { failure } = action {
                    return Err(EnrolError::Pledge(Box::new(failure)));
                }
                events.extend(self.perform(action).await?);
            }
            if let Some(enrolment) = pledge.enrolment() {
                return Ok(enrolment.clone());
            }
        }
    }

    async fn perform(&mut self, action: Action) -> Result<Option<Event>, EnrolError> {
        Ok(Some(match action {
            Action::Find { id, .. } => Event::Found {
                id,
                endpoints: Vec::new(),
            },
            Action::Connect {
                connection,
                endpoint,
                trust,
                identity,
            } => self.connect(connection, &endpoint, trust, identity).await,
            Action::Authenticate { connection, .. } => Event::AuthenticationFailed {
                connection,
                refusal: AuthenticationRefusal::NotOffered,
                detail: "a device has no password".into(),
            },
            Action::Exchange {
                id,
                connection,
                request,
                ..
            } => {
                let failed = |detail| Event::ExchangeFailed { id, detail };
                match self.channels.get_mut(&connection) {
                    None => failed("the connection is closed".into()),
                    Some(channel) => match channel.exchange(&request, None).await {
                        Ok(reply) => Event::Replied { id, reply },
                        Err(error) => failed(error.to_string()),
                    },
                }
            }
            Action::Judge { id, request, .. } => {
                let judge = self.enroller.policies().judge().clone();
                let judging = tokio::task::spawn_blocking(move || judge.validate(&request));
                let judgement = judging.await;
                let judgement = judgement.map_err(|error| EnrolError::Ended(error.to_string()))?;
                Event::Judged { id, judgement }
            }
            Action::Random { id, octets } => {
                let mut drawn = vec![0; octets];
                est::fill(&mut drawn)?;
                Event::Random {
                    id,
                    octets: drawn.into(),
                }
            }
            Action::MakeKey { id, kind } => match self.keys.make(kind.as_ref()).await {
                Ok((key, public)) => Event::KeyMade { id, key, public },
                Err(error) => Event::KeyFailed {
                    id,
                    detail: error.to_string(),
                },
            },
            Action::Sign { id, key, octets } => match self.keys.sign(&key, &octets).await {
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
                let stored = self.store.save(self.network, &enrolment);
                let problem = stored.err().map(|error| error.to_string());
                Event::Stored { id, problem }
            }
            Action::Discover { id, .. } => Event::NotServed {
                id,
                kind: FailureKind::NothingDiscovered,
                message: "a pledge discovers nothing".into(),
            },
            Action::Close { connection } => {
                self.channels.remove(&connection);
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

    async fn connect(
        &mut self,
        connection: u32,
        endpoint: &Endpoint,
        trust: Wanted,
        identity: Option<(String, Vec<Der>)>,
    ) -> Event {
        let trust = match trust {
            Wanted::Provisional => Trust::Provisional,
            Wanted::Same { certificates } => Trust::Same(certificates),
            Wanted::Judged { request, .. } => Trust::Judged {
                judge: self.enroller.policies().judge().clone(),
                context: request,
            },
        };
        let opened = match identity {
            None => self.open(endpoint, &trust, None).await,
            Some((key, chain)) => match self.keys.certified(&key, &chain).await {
                Ok(identity) => self.open(endpoint, &trust, Some(identity)).await,
                Err(error) => Err(error),
            },
        };
        match opened {
            Ok(channel) => {
                let address = channel.address();
                let event = Event::Connected {
                    connection,
                    server: Some(Server {
                        transport: Transport::Https,
                        path: None,
                        address: address.ip(),
                        port: address.port(),
                    }),
                    presented: channel.presented().clone(),
                    judgement: channel.judgement().cloned(),
                    binding: channel.binding().map(|octets| octets.as_slice().into()),
                };
                self.channels.insert(connection, channel);
                event
            }
            Err(error) => Event::ConnectionFailed {
                connection,
                reason: ConnectionFailure {
                    kind: ConnectionFailureKind::Other,
                    detail: error.to_string(),
                },
            },
        }
    }

    async fn open(
        &self,
        endpoint: &Endpoint,
        trust: &Trust,
        identity: Option<Arc<CertifiedKey>>,
    ) -> Result<Channel, EnrolError> {
        let (recursive, within) = self.enroller.network();
        let mut last = EnrolError::NoAddress {
            host: endpoint.host().to_owned(),
        };
        for address in locate::addresses(recursive, endpoint).await? {
            match Channel::open(address, endpoint, trust, identity.as_ref(), within).await {
                Ok(channel) => return Ok(channel),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

/// A step of a pledge in words; none for what other steps say too.
pub(super) fn told(step: &Step) -> Option<String> {
    Some(match step {
        Step::Connecting(endpoint) => format!("connecting to {endpoint}"),
        Step::ConnectionFailed { endpoint, detail } => format!("{endpoint}: {detail}"),
        Step::Provisional { .. } => {
            "TLS stands; the registrar's certificate is not believed yet".into()
        }
        Step::Voucher { assertion, pin, .. } => {
            format!(
                "the manufacturer's voucher is good ({assertion}); it names the registrar by its {pin}"
            )
        }
        Step::CaCertificates { roots, .. } => format!("{roots} trust anchors (explicit)"),
        Step::Judged {
            purpose, judgement, ..
        } if judgement.is_accepted() => format!("policies on {purpose}: accepted"),
        Step::Judged {
            purpose, judgement, ..
        } => format!("policies on {purpose}: {}", super::why(judgement)),
        Step::DnsServer {
            authentication_domain_name,
            certificates,
        } => format!(
            "DNS server: authentication domain name {authentication_domain_name}, {} certificates",
            certificates.len()
        ),
        Step::Issued { .. } => "a certificate of the device's own was issued".into(),
        Step::Waiting { reason, .. } => format!("waiting: {reason}"),
        Step::Without { what, reason } => format!("without {what}: {reason}"),
        _ => return None,
    })
}
