//! A vetted server that is kept vetted, and the only way to send a query.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use hickory_proto::{op::Message, rr::RecordType, serialize::binary::DecodeError};
use resolvet_proto::{
    discovery::{Kind, dnr::NetworkOption},
    judgement::{Der, Request, Server, Transport},
    message::{clear_authentic_data, is_truncated, pad},
    session::{Authenticated, Entry, Failure, LookupFailure, Response, Vetted},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::{
    Recursive, clock,
    dnssec::Validator,
    error::{AttachError, QueryError},
    message,
    stub::Evidence,
    transport::{Connection, Cost, ExchangeError},
};

/// A server that answered none of so many queries in a row is taken for gone, though its connection is open.
const SILENT: u32 = 2;

/// A vetted server with an open connection to it. It can be made of nothing less: what is sent, is sent by
/// [`Serving::exchange`].
pub(crate) struct Serving {
    pub(crate) vetted: Vetted<Server>,
    pub(crate) connection: Connection,
    pub(crate) cost: Cost,
    /// Queries that got no answer in time since the last answer.
    pub(crate) unanswered: AtomicU32,
}

impl Serving {
    fn address(&self) -> SocketAddr {
        let server = self.vetted.server();
        SocketAddr::new(server.address, server.port)
    }

    /// Whether it may be used now: the verdict has not ended and the connection lives.
    fn is_usable(&self) -> bool {
        !self.vetted.expires().is_reached(clock::now()) && self.connection.is_open()
    }

    async fn exchange(&self, query: &[u8], within: Duration) -> Result<Vec<u8>, QueryError> {
        let mut answered = self.connection.exchange(query, within).await;
        match &mut answered {
            Ok(answer) => {
                self.unanswered.store(0, Ordering::Relaxed);
                // What a server says of DNSSEC counts when it is known who it is (RFC 4035 section 4.9.3).
                if !self.vetted.is_authenticated() {
                    clear_authentic_data(answer);
                }
            }
            Err(ExchangeError::Timeout(_)) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        answered.map_err(|source| self.failed(source))
    }

    /// Whether it let several queries in a row go unanswered.
    fn is_silent(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= SILENT
    }

    fn failed(&self, source: ExchangeError) -> QueryError {
        QueryError::Exchange {
            transport: self.vetted.server().transport.clone(),
            address: self.address(),
            source,
        }
    }

    /// Whether an answer was cut since it did not fit into a datagram.
    fn has_cut(&self, answer: &[u8]) -> bool {
        self.vetted.server().transport == Transport::Dtls && is_truncated(answer)
    }
}

/// An authenticated server with an open connection to it, which may be asked what it says about itself and nothing else.
pub(crate) struct Asking {
    pub(crate) authenticated: Authenticated<Server>,
    pub(crate) connection: Connection,
    /// What validates its answer, and who is asked for the keys that this takes.
    pub(crate) validator: Option<(Validator, Recursive)>,
}

impl Asking {
    /// Its RESINFO record (RFC 9606).
    pub(crate) async fn resolver_info(self, within: Duration) -> Response {
        let other = |detail| Response::Failed(LookupFailure::Other { detail });
        let name = self.authenticated.name().as_str();
        let query = match message::resolver_info(name, self.validator.is_some()) {
            Ok(query) => query,
            Err(error) => return other(error.to_string()),
        };
        let answer = match self.connection.exchange(&query, within).await {
            Ok(answer) => answer,
            Err(error) => return other(error.to_string()),
        };
        let Some((validator, recursive)) = self.validator else {
            return Response::Message(answer.into());
        };
        let rtype = Kind::Resinfo.number();
        match validator.of_message(recursive, name, rtype, &answer).await {
            Ok(validation) => Response::Validated {
                message: answer.into(),
                validation,
            },
            Err(error) => other(error.to_string()),
        }
    }
}

/// What an attachment is at the moment.
#[derive(Clone)]
pub(crate) enum State {
    /// No server yet, or none at the moment.
    Seeking,
    /// A vetted server.
    Serving(Arc<Serving>),
    /// The session ended without one.
    Failed(Failure),
}

/// What an attachment asks of its driver.
pub(crate) enum Command {
    /// The connection of this attempt is closed and one is needed.
    Closed(u32),
    /// This attempt's server answers nothing.
    Unanswered(u32),
    /// What servers are judged by has changed.
    Evidence(Evidence),
    /// The certificate revocation lists have changed, and nothing else that servers are judged by.
    Lists(Vec<Der>),
    /// The network says something else of encrypted resolvers.
    NetworkOptions(Vec<NetworkOption>),
    /// An answer of this attempt's server was cut; say whether another server is looked for.
    Truncated(u32, oneshot::Sender<bool>),
    /// Say in which context this candidate would be judged.
    Context(u32, oneshot::Sender<Option<Request>>),
    /// Say what happened.
    Story(oneshot::Sender<Vec<Entry>>),
}

/// An answer and over what it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The message.
    pub message: Message,
    /// Who answered.
    pub server: Server,
    /// Octets of the answer.
    pub octets: usize,
    /// What the connection had cost that it came over.
    pub connection: Cost,
}

/// An attachment to a network: a session that goes on. Dropping the last clone ends it.
#[derive(Clone)]
pub struct Attachment {
    pub(crate) state: watch::Receiver<State>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) query_within: Duration,
    pub(crate) refusals: Arc<AtomicU64>,
}

impl Attachment {
    /// Waits until a server is vetted, and says which.
    ///
    /// # Errors
    /// The session ended without one.
    pub async fn vetted(&self) -> Result<Vetted<Server>, AttachError> {
        self.serving().await.map(|serving| serving.vetted.clone())
    }

    /// The server that is vetted at this moment.
    #[must_use]
    pub fn vetted_now(&self) -> Option<Vetted<Server>> {
        match &*self.state.borrow() {
            State::Serving(serving) => Some(serving.vetted.clone()),
            State::Seeking | State::Failed(_) => None,
        }
    }

    /// Waits until the session has ended without a server, at once or after it had one, and says why.
    pub async fn failed(&self) -> AttachError {
        let mut state = self.state.clone();
        loop {
            if let State::Failed(failure) = &*state.borrow_and_update() {
                return AttachError::Failed(failure.clone());
            }
            if state.changed().await.is_err() {
                return AttachError::Ended;
            }
        }
    }

    /// How the session has ended, when it has.
    #[must_use]
    pub fn failure_now(&self) -> Option<Failure> {
        match &*self.state.borrow() {
            State::Failed(failure) => Some(failure.clone()),
            State::Seeking | State::Serving(_) => None,
        }
    }

    /// How many servers were refused after they had been vetted: what they answered before is not to be believed any longer.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::SeqCst)
    }

    /// Has what is vetted judged again by this evidence, and whatever is vetted from now on. A server that is not accepted
    /// within two seconds is withdrawn.
    ///
    /// # Errors
    /// The attachment was ended.
    pub async fn judge_by(&self, evidence: Evidence) -> Result<(), AttachError> {
        let command = Command::Evidence(evidence);
        self.commands
            .send(command)
            .await
            .map_err(|_| AttachError::Ended)
    }

    /// As [`Attachment::judge_by`], where only the certificate revocation lists are others.
    pub(crate) async fn judge_by_lists(&self, lists: Vec<Der>) -> Result<(), AttachError> {
        let sent = self.commands.send(Command::Lists(lists)).await;
        sent.map_err(|_| AttachError::Ended)
    }

    /// Says what DHCP and router advertisements say of encrypted resolvers now (RFC 9463), all of it, in place of what was said
    /// before: [`offers`](crate::offers) asks for it. Discovery is repeated when it is something else.
    ///
    /// # Errors
    /// The attachment was ended.
    pub async fn network_options(&self, options: Vec<NetworkOption>) -> Result<(), AttachError> {
        let command = Command::NetworkOptions(options);
        self.commands
            .send(command)
            .await
            .map_err(|_| AttachError::Ended)
    }

    async fn serving(&self) -> Result<Arc<Serving>, AttachError> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Serving(serving) => return Ok(Arc::clone(serving)),
                State::Failed(failure) => return Err(AttachError::Failed(failure.clone())),
                State::Seeking => {}
            }
            state.changed().await.map_err(|_| AttachError::Ended)?;
        }
    }

    /// What happened so far, for a person to read.
    ///
    /// # Errors
    /// The attachment was ended.
    pub async fn story(&self) -> Result<Vec<Entry>, AttachError> {
        let (reply, story) = oneshot::channel();
        self.commands
            .send(Command::Story(reply))
            .await
            .map_err(|_| AttachError::Ended)?;
        story.await.map_err(|_| AttachError::Ended)
    }

    /// The context in which this candidate, by its position in discovery's order, would be judged now: for
    /// [`Client::probe`](crate::Client::probe). `None` beyond the end.
    ///
    /// # Errors
    /// The attachment was ended.
    pub async fn context(&self, candidate: u32) -> Result<Option<Arc<Request>>, AttachError> {
        let (reply, context) = oneshot::channel();
        let command = Command::Context(candidate, reply);
        self.commands
            .send(command)
            .await
            .map_err(|_| AttachError::Ended)?;
        let context = context.await.map_err(|_| AttachError::Ended)?;
        Ok(context.map(Arc::new))
    }

    /// Asks the vetted server. A connection that the server closed meanwhile is made again, and judged again.
    ///
    /// # Errors
    /// Nothing is sent when no server is vetted; see [`QueryError`].
    pub async fn query(&self, name: &str, rtype: RecordType) -> Result<Answer, QueryError> {
        let query = message::query(name, rtype).map_err(|error| QueryError::Name {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
        let (answer, serving) = self.exchange_over(&query).await?;
        let unreadable = |error: DecodeError| QueryError::Answer {
            address: serving.address(),
            reason: error.to_string(),
        };
        let message = Message::from_vec(&answer).map_err(unreadable)?;
        let server = serving.vetted.server().clone();
        Ok(Answer {
            message,
            server,
            octets: answer.len(),
            connection: serving.cost,
        })
    }

    /// Sends a whole query message and gives the whole answer: what a stub or an embedding resolver forwards. A query with EDNS
    /// is padded, unless it is already (RFC 8467).
    ///
    /// # Errors
    /// As [`Attachment::query`].
    pub async fn exchange(&self, query: &[u8]) -> Result<Vec<u8>, QueryError> {
        let mut query = query.to_vec();
        pad(&mut query);
        self.exchange_over(&query).await.map(|(answer, _)| answer)
    }

    /// An answer that was cut is asked for again over a stream, and never given (RFC 8094 section 5).
    async fn exchange_over(&self, query: &[u8]) -> Result<(Vec<u8>, Arc<Serving>), QueryError> {
        let (answer, serving) = self.exchange_once(query).await?;
        if !serving.has_cut(&answer) {
            return Ok((answer, serving));
        }
        if self.turns_to_streams(&serving).await {
            let (answer, serving) = self.exchange_once(query).await?;
            if !serving.has_cut(&answer) {
                return Ok((answer, serving));
            }
        }
        Err(serving.failed(ExchangeError::Truncated))
    }

    async fn exchange_once(&self, query: &[u8]) -> Result<(Vec<u8>, Arc<Serving>), QueryError> {
        let serving = timeout(self.query_within, self.usable())
            .await
            .map_err(|_| QueryError::NotConnected(self.query_within))?
            .map_err(QueryError::NotVetted)?;
        let answer = serving.exchange(query, self.query_within).await;
        if answer.is_err() && serving.is_silent() {
            let command = Command::Unanswered(serving.vetted.attempt());
            // A driver that has ended needs not be told.
            let _told = self.commands.send(command).await;
        }
        Ok((answer?, serving))
    }

    /// Whether the session looks for a server over a stream now.
    async fn turns_to_streams(&self, serving: &Serving) -> bool {
        let (reply, turns) = oneshot::channel();
        let command = Command::Truncated(serving.vetted.attempt(), reply);
        self.commands.send(command).await.is_ok() && turns.await.unwrap_or(false)
    }

    /// Waits for a vetted server with an open connection; asks for a new one when it was closed.
    async fn usable(&self) -> Result<Arc<Serving>, AttachError> {
        let mut state = self.state.clone();
        loop {
            state.mark_unchanged();
            let serving = self.serving().await?;
            if serving.is_usable() {
                return Ok(serving);
            }
            if !serving.connection.is_open() {
                let closed = Command::Closed(serving.vetted.attempt());
                self.commands
                    .send(closed)
                    .await
                    .map_err(|_| AttachError::Ended)?;
            }
            state.changed().await.map_err(|_| AttachError::Ended)?;
        }
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let vetted = self.vetted_now();
        let server = vetted.as_ref().map(Vetted::server);
        f.debug_struct("Attachment")
            .field("server", &server)
            .finish_non_exhaustive()
    }
}
