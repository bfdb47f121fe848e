//! What attaches to networks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use resolvet_proto::{
    judgement::{Clock, Judgement, ReferenceId, Request, Server, Transport, Verdict},
    session::{self, Session},
};

use crate::{
    Policies, Recursive,
    attachment::Attachment,
    clock, driver,
    error::AttachError,
    transport::dot::{self, ConnectError},
};

/// How long the library waits, each a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For TCP to be established, and again for TLS: a server that needs longer is no use as a resolver.
    pub handshake: Duration,
    /// For the answer to a query.
    pub query: Duration,
    /// For answers under way when a server is withdrawn.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            query: Duration::from_secs(5),
            drain: Duration::from_secs(2),
        }
    }
}

/// What attaches to networks: policies, a resolver to discover by, and limits. A clone shares the policies.
#[derive(Clone)]
pub struct Client {
    pub(crate) policies: Policies,
    pub(crate) recursive: Recursive,
    pub(crate) limits: Limits,
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
        vec![Transport::Dot]
    }

    /// A client that discovers by this resolver, in clear text and without trust, and judges by these policies.
    #[must_use]
    pub fn new(policies: Policies, recursive: Recursive) -> Self {
        Self {
            policies,
            recursive,
            limits: Limits::default(),
        }
    }

    /// The same client with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
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
        config.transports = Self::transports();
        if config.clock == Clock::Synchronized {
            config.clock = clock::known();
        }
        config.resolver.get_or_insert(self.recursive.address().ip());
        let session = Session::new(config)?;
        Ok(driver::start(self.clone(), session, generations))
    }

    /// Connects to the server of this judgement context ([`Attachment::context`]), has both judgements made, and closes:
    /// it shows what would become of a server that is not needed. Nothing is sent over the connection.
    pub async fn probe(&self, context: Arc<Request>) -> Probe {
        let server = match &context.server {
            Some(server) if server.transport == Transport::Dot => server,
            Some(Server { transport, .. }) => {
                return Probe::Failed(format!("transport `{transport}` is not in this build"));
            }
            None => return Probe::Failed("the context names no server".to_owned()),
        };
        let address = SocketAddr::new(server.address, server.port);
        let name = context.peer().map(ReferenceId::value).unwrap_or_default();
        let judge = self.policies.judge().clone();
        match dot::connect(
            address,
            &name,
            judge.clone(),
            context,
            self.limits.handshake,
        )
        .await
        {
            Ok(established) => {
                established.pipeline.close();
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
}
