//! What attaches to networks.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use resolvet_proto::{
    doh::Method,
    judgement::{Clock, Judgement, ReferenceId, Request, Server, Transport, Verdict},
    session::{self, Avoided, Session, Timestamp, limits},
};

use crate::{
    Policies, Recursive,
    attachment::Attachment,
    clock,
    dnssec::{DnssecAnchors, Validator},
    driver,
    error::AttachError,
    offers::interface_index,
    privacy_token::RefusedAddresses,
    spans::Trace,
    tls::Ticket,
    transport::{ConnectError, Connection, Established, Target, connect, place},
};

/// How long the library waits, each a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For TCP to be established, and again for TLS, and for QUIC: a server that needs longer is no use as a resolver.
    pub handshake: Duration,
    /// For the handshake of DTLS, in which lost datagrams are sent again after one second, two, four and eight.
    pub datagrams: Duration,
    /// For the answer to a query.
    pub query: Duration,
    /// For a signed privacy statement to be fetched, from the lookup of its host to its last octet.
    pub fetch: Duration,
    /// For answers under way when a server is withdrawn.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            // RFC 8094 section 3.1.
            datagrams: Duration::from_secs(15),
            query: Duration::from_secs(5),
            fetch: Duration::from_secs(5),
            drain: Duration::from_secs(2),
        }
    }
}

/// What attaches to networks: policies, a resolver to discover by, and limits. A clone shares the policies.
#[derive(Clone)]
pub struct Client {
    pub(crate) policies: Policies,
    pub(crate) recursive: Recursive,
    pub(crate) validator: Option<Validator>,
    pub(crate) limits: Limits,
    pub(crate) refused: RefusedAddresses,
    /// The interface that servers with link-local addresses are on.
    interface: Option<Arc<str>>,
    /// Servers that failed over datagrams, for the next attachment.
    pub(crate) avoided: Arc<Mutex<Vec<Avoided>>>,
    transports: Vec<Transport>,
    method: Method,
}

/// What a connection to one server brought, for a person to read. It vets nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Probe {
    /// There was no connection.
    Failed(String),
    /// The certificate was refused.
    Refused(Box<Judgement<Verdict>>),
    /// The certificate was accepted, and this was said of privacy.
    Judged {
        /// The validation.
        validation: Box<Judgement<Verdict>>,
        /// The privacy assessment.
        privacy: Box<Judgement<Verdict>>,
    },
}

impl Client {
    /// The transports that this build connects by.
    #[must_use]
    pub fn transports() -> Vec<Transport> {
        Connection::TRANSPORTS.into()
    }

    /// A client that discovers by this resolver, in clear text and without trust, and judges by these policies.
    #[must_use]
    pub fn new(policies: Policies, recursive: Recursive) -> Self {
        Self {
            policies,
            recursive,
            validator: None,
            limits: Limits::default(),
            refused: RefusedAddresses::default(),
            interface: None,
            avoided: Arc::default(),
            transports: Self::transports(),
            method: Method::default(),
        }
    }

    /// What judges.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The same client with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same client, which connects by these transports alone. What this build does not speak is left out.
    #[must_use]
    pub fn with_transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        let known = Self::transports();
        self.transports = transports
            .into_iter()
            .filter(|transport| known.contains(transport))
            .collect();
        self
    }

    /// The same client, which sends queries of DNS over HTTPS by this method.
    #[must_use]
    pub const fn with_doh_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same client, which validates the answers that discovery gets (DNSSEC) from these trust anchors. An answer that
    /// should be signed and is not is refused.
    #[must_use]
    pub fn with_dnssec(mut self, anchors: DnssecAnchors) -> Self {
        self.validator = (!anchors.is_empty()).then(|| Validator::new(anchors));
        self
    }

    /// The same client, which fetches signed privacy statements from none of these addresses
    /// ([`session::Config::privacy_token`]).
    #[must_use]
    pub fn with_refused_addresses(mut self, refused: RefusedAddresses) -> Self {
        self.refused = refused;
        self
    }

    /// The same client, for the network on this interface: servers at link-local addresses are on its link (RFC 9463 sections 4.1 and
    /// 6.1 allow such). Without it they are on the link of a resolver that has such an address itself, else they cannot be reached.
    #[must_use]
    pub fn with_interface(mut self, interface: &str) -> Self {
        self.interface = Some(interface.into());
        self
    }

    /// The number of the interface that link-local addresses are on: asked each time, since interfaces come and go.
    fn link(&self) -> Option<u32> {
        // An interface that is named and not there stands for no other one.
        match (self.interface.as_deref(), self.recursive.address()) {
            (Some(named), _) => interface_index(named),
            (None, SocketAddr::V6(of)) => Some(of.scope_id()).filter(|index| *index != 0),
            (None, SocketAddr::V4(_)) => None,
        }
    }

    /// What validates, and who is asked for keys.
    pub(crate) fn validated(&self) -> Option<(Validator, Recursive)> {
        let validator = self.validator.clone()?;
        Some((validator, self.recursive))
    }

    /// Goes from the domain name of this configuration to a vetted server, or to a failure: the attachment says which.
    /// The generation in the configuration is set to the active one, a clock that was never set counts as such, and the
    /// resolver that may designate others is the one that is asked unless it says another. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// No session can begin with this configuration.
    pub fn attach(&self, mut config: session::Config) -> Result<Attachment, AttachError> {
        let generations = self.policies.watch();
        config.generation = *generations.borrow();
        config.transports.clone_from(&self.transports);
        if config.clock == Clock::Synchronized {
            config.clock = clock::known();
        }
        let avoided = self.avoided.lock().unwrap_or_else(PoisonError::into_inner);
        config.avoided.extend(avoided.iter().cloned());
        drop(avoided);
        config.resolver.get_or_insert(self.recursive.address().ip());
        let trace = Trace::new(&config);
        let session = Session::new(config)?;
        Ok(driver::start(self.clone(), session, trace, generations))
    }

    /// Remembers what a session found out, beside what others did.
    pub(crate) fn avoid(&self, found: &[Avoided], now: Timestamp) {
        let mut avoided = self.avoided.lock().unwrap_or_else(PoisonError::into_inner);
        avoided.retain(|known| !known.until.is_reached(now));
        for new in found {
            if avoided.len() < limits::AVOIDED && !avoided.contains(new) {
                avoided.push(new.clone());
            }
        }
    }

    /// Connects to the server of this judgement context ([`Attachment::context`]), has both judgements made, and closes:
    /// it shows what would become of a server that is not needed. Nothing is sent over the connection.
    pub async fn probe(&self, context: Arc<Request>) -> Probe {
        let Some(server) = context.server.clone() else {
            return Probe::Failed("the context names no server".to_owned());
        };
        let judge = self.policies.judge().clone();
        match self.connect(&server, context, None).await {
            Ok(established) => {
                established.connection.close();
                let request = established.judged.request;
                let assessing = tokio::task::spawn_blocking(move || judge.assess(&request));
                match (established.judged.judgement, assessing.await) {
                    (Ok(validation), Ok(privacy)) => Probe::Judged {
                        validation: Box::new(validation),
                        privacy: Box::new(privacy),
                    },
                    (Err(error), _) => Probe::Failed(error.to_string()),
                    (_, Err(error)) => Probe::Failed(error.to_string()),
                }
            }
            Err(ConnectError::Refused { address, judged }) => match judged.judgement {
                Ok(judgement) => Probe::Refused(Box::new(judgement)),
                Err(error) => Probe::Failed(format!("{address} presented {error}")),
            },
            Err(error) => Probe::Failed(error.to_string()),
        }
    }

    /// Connects to a server and has what it presents, or presented before it gave this ticket, judged in this context.
    pub(crate) async fn connect(
        &self,
        server: &Server,
        context: Arc<Request>,
        ticket: Option<Ticket>,
    ) -> Result<Established, ConnectError> {
        let name = context.peer().map(ReferenceId::value).unwrap_or_default();
        let at = place(server, || self.link()).ok_or(ConnectError::Link {
            address: server.address,
        })?;
        let target = Target {
            server,
            at,
            name: &name,
            method: self.method,
            judge: self.policies.judge().clone(),
            context,
            ticket,
        };
        connect(target, &self.limits).await
    }
}
