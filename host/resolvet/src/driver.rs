//! Does what a session asks for: one task for each attachment.
//!
//! The driver knows no rules. It starts lookups, connections and evaluations as the session's actions say, hands over what
//! came of them as events, and shows the attachment's handles what the session decided.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use resolvet_proto::{
    judgement::{AnchorSet, Conveyed, Der, Judgement, Ranking, Request, Server, Stage, Verdict},
    session::{
        Action, Authenticated, ConnectionFailure, ConnectionFailureKind, Event, LookupFailure,
        Response, Session, Timestamp, Vetted, WithdrawReason,
    },
};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::sleep,
};
use tracing::{Instrument as _, Span};

use crate::{
    Client,
    attachment::{Asking, Attachment, Command, Serving, State},
    clock,
    lookup::LookupError,
    privacy_token,
    spans::{self, Trace, judged},
    tls::Ticket,
    transport::{self, ConnectError, Cost},
};

/// Commands of handles that may wait.
const COMMANDS: usize = 64;

/// An open connection and what it cost.
struct Connection {
    open: transport::Connection,
    cost: Cost,
    /// Whether its server was vetted.
    was_vetted: bool,
    /// What may be resumed when it was lost, as long as the first verdict stands.
    ticket: Option<Ticket>,
}

/// A lost connection's server, and what it may be resumed by: once, under the policies that vetted it.
struct Lost {
    server: Server,
    generation: u64,
    ticket: Ticket,
}

/// What a piece of work brought: an event, and a connection if it made one.
struct Done {
    event: Event,
    connection: Option<(u32, Connection)>,
}

impl From<Event> for Done {
    fn from(event: Event) -> Self {
        Self {
            event,
            connection: None,
        }
    }
}

/// Starts a session in a task of its own.
pub(crate) fn start(
    client: Client,
    session: Session,
    trace: Trace,
    generations: watch::Receiver<u64>,
) -> Attachment {
    let (states, state) = watch::channel(State::Seeking);
    let (commands, queue) = mpsc::channel(COMMANDS);
    let query_within = client.limits.query;
    let refusals = Arc::new(AtomicU64::new(0));
    let driver = Driver {
        client,
        session,
        trace,
        generations,
        states,
        work: JoinSet::new(),
        handshakes: HashMap::new(),
        connections: HashMap::new(),
        lost: None,
        timer: None,
        refusals: Arc::clone(&refusals),
    };
    tokio::spawn(driver.run(queue));
    Attachment {
        state,
        commands,
        query_within,
        refusals,
    }
}

struct Driver {
    client: Client,
    session: Session,
    trace: Trace,
    generations: watch::Receiver<u64>,
    states: watch::Sender<State>,
    work: JoinSet<Done>,
    /// Handshakes under way, by attempt.
    handshakes: HashMap<u32, AbortHandle>,
    /// Open connections by attempt, vetted or not.
    connections: HashMap<u32, Connection>,
    /// What the next handshake may resume.
    lost: Option<Lost>,
    timer: Option<Timestamp>,
    /// Servers that were refused after they had been vetted.
    refusals: Arc<AtomicU64>,
}

impl Driver {
    /// Runs until the last handle is dropped. A failed session stays, so that its story can be asked for.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        self.handle(Event::Start);
        loop {
            let timer = self.timer;
            let wake = async {
                match timer {
                    Some(moment) => sleep(clock::until(moment)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Closed(attempt)) => self.handle(Event::Closed { attempt }),
                    Some(Command::Unanswered(attempt)) => self.handle(Event::Unanswered { attempt }),
                    Some(Command::NetworkOptions(options)) => {
                        // Perhaps another network, whose observers could tell who was in the one before (RFC 9250 section 5.5.3).
                        self.forget_sessions();
                        self.handle(Event::NetworkOptions { options });
                    }
                    Some(Command::Evidence(evidence)) => {
                        let (anchors, conveyed) = (evidence.anchors, evidence.conveyed);
                        self.judge_by(Some(anchors), Some(conveyed), evidence.crls);
                    }
                    Some(Command::Lists(lists)) => self.judge_by(None, None, lists),
                    Some(Command::Truncated(attempt, reply)) => {
                        self.handle(Event::Truncated { attempt });
                        // Whoever asked may have given up.
                        let _sent = reply.send(!self.serves(attempt));
                    }
                    Some(Command::Context(candidate, reply)) => {
                        // Whoever asked may have given up.
                        let _sent = reply.send(self.session.context(candidate, clock::now()));
                    }
                    Some(Command::Story(reply)) => {
                        // Whoever asked may have given up.
                        let _sent = reply.send(self.session.story().to_vec());
                    }
                    None => return,
                },
                Some(done) = self.work.join_next() => {
                    // A task that panicked or was aborted answers nothing; the session's deadlines cover it.
                    if let Ok(Done { event, connection }) = done {
                        if let Event::Connected { attempt, .. }
                        | Event::ConnectionFailed { attempt, .. } = &event
                        {
                            self.handshakes.remove(attempt);
                        }
                        self.connections.extend(connection);
                        self.handle(event);
                    }
                }
                Ok(()) = self.generations.changed() => {
                    let generation = *self.generations.borrow_and_update();
                    self.handle(Event::Swapped { generation });
                }
                () = wake => {
                    self.timer = None;
                    self.handle(Event::Tick);
                }
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let has_failed = matches!(event, Event::ConnectionFailed { .. });
        let now = clock::now();
        self.session.handle(event, now);
        while let Some(action) = self.session.next_action() {
            self.perform(action);
        }
        if has_failed {
            self.client.avoid(self.session.avoided(), now);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Query { id, name, rtype } => {
                let span = self.trace.lookup(&name, rtype);
                let looking_up = lookup(self.client.clone(), name, rtype);
                self.work.spawn(async move {
                    let response = looking_up.instrument(span.clone()).await;
                    spans::looked_up(&span, &response);
                    Event::Answer { id, response }.into()
                });
            }
            Action::Select { request } => self.select(request),
            Action::Connect {
                attempt,
                server,
                request,
                ..
            } => {
                let span = self.trace.connect(attempt, &server, &request);
                let ticket = self.ticket(&server);
                let connecting = connect(self.client.clone(), attempt, server, request, ticket);
                let connecting = connecting.instrument(span);
                self.handshakes.insert(attempt, self.work.spawn(connecting));
            }
            Action::Inform {
                attempt,
                authenticated,
            } => self.inform(attempt, authenticated),
            Action::Fetch {
                attempt,
                url,
                request,
            } => {
                let client = self.client.clone();
                self.work.spawn(async move {
                    let fetched = privacy_token::fetch(&client, &url, request).await;
                    Event::Fetched { attempt, fetched }.into()
                });
            }
            Action::Assess { attempt, request } => {
                let judge = self.client.policies.judge().clone();
                let span = self.trace.assessing();
                self.work.spawn_blocking(move || {
                    let assess = || judge.assess(&request);
                    Event::Assessed {
                        attempt,
                        judgement: judged(&span, Stage::Privacy, assess),
                    }
                    .into()
                });
            }
            Action::Rejudge {
                attempt,
                request,
                serving,
                ..
            } => {
                if !serving {
                    self.states.send_replace(State::Seeking);
                }
                self.rejudge(attempt, request);
            }
            Action::Serve { vetted } => self.serve(vetted),
            Action::Withdraw { attempt, reason } => self.withdraw(attempt, reason),
            Action::WaitUntil { until } => self.timer = Some(until),
            Action::Fail { failure } => {
                self.trace.failed(&failure);
                self.states.send_replace(State::Failed(failure));
            }
        }
    }

    /// Evaluations run beside the event loop, which they would hold up.
    fn select(&mut self, request: Arc<Request>) {
        let judge = self.client.policies.judge().clone();
        let span = self.trace.selecting();
        self.work.spawn_blocking(move || {
            let judgement: Judgement<Ranking> =
                judged(&span, Stage::Selection, || judge.select(&request));
            Event::Selected { judgement }.into()
        });
    }

    fn rejudge(&mut self, attempt: u32, request: Arc<Request>) {
        let judge = self.client.policies.judge().clone();
        let span = self.trace.rejudge(attempt);
        self.work.spawn_blocking(move || {
            let validate = || judge.validate(&request);
            let validation: Judgement<Verdict> = judged(&span, Stage::Validation, validate);
            let assess = || judged(&span, Stage::Privacy, || judge.assess(&request));
            let privacy = validation.is_accepted().then(assess);
            Event::Rejudged {
                attempt,
                validation,
                privacy,
            }
            .into()
        });
    }

    fn inform(&mut self, attempt: u32, authenticated: Authenticated<Server>) {
        let asking = self.connections.get(&attempt).map(|connection| Asking {
            authenticated,
            connection: connection.open.clone(),
            validator: self.client.validated(),
        });
        let within = self.client.limits.query;
        self.work.spawn(async move {
            let response = match asking {
                Some(asking) => asking.resolver_info(within).await,
                None => Response::Failed(LookupFailure::Other {
                    detail: "the connection is gone".to_owned(),
                }),
            };
            Event::Informed { attempt, response }.into()
        });
    }

    fn serve(&mut self, vetted: Vetted<Server>) {
        if let Some(Connection {
            open,
            cost,
            was_vetted,
            ticket,
        }) = self.connections.get_mut(&vetted.attempt())
        {
            if *was_vetted {
                // The verdict that it belonged to made way for this one.
                *ticket = None;
            } else if let Some(ticket) = ticket {
                ticket.belongs_until(vetted.expires());
            }
            *was_vetted = true;
            self.trace
                .vetted(vetted.server(), vetted.target(), vetted.generation());
            let serving = Serving {
                vetted,
                connection: open.clone(),
                cost: *cost,
                unanswered: AtomicU32::new(0),
            };
            self.states.send_replace(State::Serving(Arc::new(serving)));
        }
    }

    /// Whether this attempt's server is the one that queries go to.
    fn serves(&self, attempt: u32) -> bool {
        matches!(&*self.states.borrow(), State::Serving(s) if s.vetted.attempt() == attempt)
    }

    /// What a server that served until now may be resumed by.
    fn lost(&self, attempt: u32, ticket: Ticket) -> Option<Lost> {
        match &*self.states.borrow() {
            State::Serving(serving) if serving.vetted.attempt() == attempt => Some(Lost {
                server: serving.vetted.server().clone(),
                generation: serving.vetted.generation(),
                ticket,
            }),
            _ => None,
        }
    }

    /// What the first handshake after a connection was lost may resume: with the same server, by the same policies, under the
    /// same verdict.
    fn ticket(&mut self, server: &Server) -> Option<Ticket> {
        let lost = self.lost.take()?;
        let generation = self.client.policies.judge().generation();
        let is_same = lost.server == *server && lost.generation == generation;
        (is_same && lost.ticket.is_of_use(clock::now())).then_some(lost.ticket)
    }

    /// What is vetted is judged by these from now on; what is absent stays as it was.
    fn judge_by(
        &mut self,
        anchors: Option<Arc<AnchorSet>>,
        conveyed: Option<Conveyed>,
        crls: Vec<Der>,
    ) {
        self.forget_sessions();
        self.handle(Event::EvidenceChanged {
            anchors,
            conveyed,
            crls: Some(crls),
            clock: None,
            network_identity: None,
        });
    }

    /// Nothing of before is resumed from now on.
    fn forget_sessions(&mut self) {
        self.lost = None;
        for connection in self.connections.values_mut() {
            connection.ticket = None;
        }
    }

    /// A handshake is given up. Of a server no new query is asked from now on; those under way may end within the drain limit.
    fn withdraw(&mut self, attempt: u32, reason: WithdrawReason) {
        if let Some(handshake) = self.handshakes.remove(&attempt) {
            // One that is complete by now is told as such, and withdrawn again since nobody knows it.
            handshake.abort();
        }
        let mut connection = self.connections.remove(&attempt);
        if reason == WithdrawReason::ConnectionLost {
            let ticket = connection.as_mut().and_then(|lost| lost.ticket.take());
            self.lost = ticket.and_then(|ticket| self.lost(attempt, ticket));
        }
        if reason.is_refusal() && connection.as_ref().is_some_and(|c| c.was_vetted) {
            // Before the state changes, so that nobody who sees the change still believes its answers.
            self.refusals.fetch_add(1, Ordering::SeqCst);
        }
        if self.serves(attempt) {
            self.states.send_replace(State::Seeking);
        }
        if let Some(Connection { open, .. }) = connection {
            let drain = self.client.limits.drain;
            tokio::spawn(async move {
                sleep(drain).await;
                open.close();
            });
        }
    }
}

async fn lookup(client: Client, name: String, rtype: u16) -> Response {
    let recursive = client.recursive;
    let result = match &client.validator {
        None => recursive
            .lookup(&name, rtype)
            .await
            .map(|message| Response::Message(message.into())),
        Some(validator) => {
            let validated = validator.lookup(recursive, &name, rtype).await;
            validated.map(|(message, validation)| Response::Validated {
                message: message.into(),
                validation,
            })
        }
    };
    result.unwrap_or_else(|error| {
        let detail = error.to_string();
        Response::Failed(match error {
            LookupError::Timeout { .. } => LookupFailure::TimedOut,
            LookupError::Net {
                source: hickory_net::NetError::Io(_),
                ..
            } => LookupFailure::Unreachable { detail },
            LookupError::Unproved { .. } => LookupFailure::Unvalidated { detail },
            _ => LookupFailure::Other { detail },
        })
    })
}

async fn connect(
    client: Client,
    attempt: u32,
    server: Server,
    request: Arc<Request>,
    ticket: Option<Ticket>,
) -> Done {
    let span = Span::current();
    match client.connect(&server, request, ticket).await {
        Ok(established) => match established.judged.judgement {
            Ok(judgement) => {
                span.record("outcome", "connected");
                span.record("round_trips", established.cost.round_trips);
                span.record("resumed", established.cost.resumed);
                let presented = established.judged.request.presented.clone();
                let connection = Connection {
                    open: established.connection,
                    cost: established.cost,
                    was_vetted: false,
                    ticket: established.ticket,
                };
                Done {
                    event: Event::Connected {
                        attempt,
                        presented,
                        judgement,
                    },
                    connection: Some((attempt, connection)),
                }
            }
            Err(error) => {
                failed(attempt, ConnectionFailureKind::TooLarge, error.to_string()).into()
            }
        },
        Err(error) => {
            spans::refuse(&span, "failed", &error.to_string());
            connection_failed(attempt, error).into()
        }
    }
}

fn failed(attempt: u32, kind: ConnectionFailureKind, detail: String) -> Event {
    let reason = ConnectionFailure { kind, detail };
    Event::ConnectionFailed {
        attempt,
        reason,
        presented: None,
        judgement: None,
    }
}

fn connection_failed(attempt: u32, error: ConnectError) -> Event {
    use std::io::ErrorKind;

    let detail = error.to_string();
    let kind = match error {
        ConnectError::Refused { judged, .. } => {
            return match judged.judgement {
                Ok(judgement) => Event::ConnectionFailed {
                    attempt,
                    reason: ConnectionFailure {
                        kind: ConnectionFailureKind::Refusal,
                        detail,
                    },
                    presented: Some(judged.request.presented.clone()),
                    judgement: Some(judgement),
                },
                Err(error) => failed(attempt, ConnectionFailureKind::TooLarge, error.to_string()),
            };
        }
        ConnectError::Tcp { source, .. } | ConnectError::Udp { source, .. } => {
            match source.kind() {
                ErrorKind::ConnectionRefused => ConnectionFailureKind::Refused,
                ErrorKind::TimedOut => ConnectionFailureKind::TimedOut,
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    ConnectionFailureKind::Unreachable
                }
                _ => ConnectionFailureKind::Other,
            }
        }
        ConnectError::Timeout { .. } => ConnectionFailureKind::TimedOut,
        ConnectError::ProofOfPossession { .. } => ConnectionFailureKind::ProofOfPossession,
        ConnectError::Closed { .. } => ConnectionFailureKind::Closed,
        ConnectError::Handshake { .. }
        | ConnectError::Alpn { .. }
        | ConnectError::EchRefused { .. } => ConnectionFailureKind::Handshake,
        ConnectError::Name { .. }
        | ConnectError::Transport(_)
        | ConnectError::Link { .. }
        | ConnectError::Template { .. } => ConnectionFailureKind::Other,
    };
    failed(attempt, kind, detail)
}
