//! The session's core: events in, actions out, time and story.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    sync::Arc,
    vec::Vec,
};

use serde::Serialize;

use super::{
    Action, Avoided, Config, ConfigError, Entry, Event, Failure, FailureKind, Step, Timestamp,
    WithdrawReason,
    config::{ATTEMPTS, check_delay},
    limits::{CLOCK_STEP_MILLISECONDS, PATIENCE_MILLISECONDS},
    lookups::Trouble,
    race::Race,
    story::Story,
};
use crate::{
    discovery::{Discovered, DomainName, Plan, Question, Resolution},
    judgement::{DecisionId, Purpose, ReferenceId, Request, Server},
};

/// Something that went wrong.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Worst {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    /// What decided it, where policies did.
    pub(super) decision: Option<DecisionId>,
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Before [`Event::Start`].
    New,
    /// Lookups are under way.
    Discovering,
    /// The selectors are asked.
    Selecting,
    /// Handshakes are under way. Of several attempts the one that is farthest counts, here and below.
    Connecting,
    /// An authenticated server is asked about itself.
    Informing,
    /// The privacy assessors are asked, or a server waits for those that are ranked before it.
    Assessing,
    /// Kept evidence is judged again.
    Rejudging,
    /// A server is vetted.
    Serving,
    /// There is no server and nothing follows.
    Failed,
}

/// The way from a domain name to a vetted server; [`super`] says how it is driven.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) config: Config,
    pub(super) domain: Option<DomainName>,
    pub(super) phase: Phase,
    pub(super) generation: u64,
    /// Counts changes of what does not come from the peer, so that what was asked before one is asked again.
    pub(super) evidence: u64,
    pub(super) resolution: Resolution,
    /// When [`Config::network_options`] came.
    pub(super) options_at: Timestamp,
    /// They came after discovery, which does not know them.
    pub(super) options_are_news: bool,
    /// Until when discovery waits for what is still under way, once a way has found something.
    pub(super) grace: Option<Timestamp>,
    /// Whether servers of the fallback are tried or used.
    pub(super) is_fallback: bool,
    /// Until when what the resolver designates is not asked for, because its verification failed (RFC 9462 section 4.2).
    pub(super) designation_refused: Option<Timestamp>,
    pub(super) queries: BTreeMap<u32, Lookup>,
    pub(super) retries: Vec<(Timestamp, Lookup)>,
    pub(super) next_query: u32,
    pub(super) next_attempt: u32,
    /// In which ways lookups failed.
    pub(super) troubles: BTreeSet<Trouble>,
    /// Servers that failed over datagrams, and until when they are not tried over them.
    pub(super) avoided: Vec<Avoided>,
    /// Whether a question that a way of the domain begins with was answered, with records or without.
    pub(super) heard: bool,
    /// Whether any lookup brought anything, an error too.
    pub(super) answered: bool,
    pub(super) discovered: Discovered,
    /// Positions of the candidates that are still to be tried.
    pub(super) queue: VecDeque<u32>,
    pub(super) attempts_left: u32,
    /// The candidate that served last: it is tried first when its connection was lost.
    pub(super) preferred: Option<u32>,
    /// Whether servers over streams are tried before those over datagrams, since an answer was cut.
    pub(super) streams_first: bool,
    /// Candidates that were vetted and then refused.
    pub(super) excluded: BTreeSet<u32>,
    /// A vetted server that waits for discovery or selection to be repeated.
    pub(super) held: Option<Held>,
    /// The most telling thing that went wrong since the last vetted server.
    pub(super) worst: Option<Worst>,
    /// Why the first candidate since then was passed over that was.
    pub(super) passed_over: Option<String>,
    actions: VecDeque<Action>,
    story: Story,
    timer: Option<Timestamp>,
    /// Wall clock less boot clock, milliseconds.
    offset: Option<i128>,
}

/// A lookup and how often it was tried.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) question: Question,
    pub(super) tries: usize,
}

/// Where a session is, with what it needs there.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    New,
    Discovering {
        deadline: Timestamp,
    },
    Selecting {
        request: Arc<Request>,
        evidence: u64,
        times: u32,
        deadline: Timestamp,
    },
    Racing(Race),
    /// What was vetted is judged again.
    Rejudging {
        peer: Peer,
        /// Until when it may be used meanwhile, if at all.
        until: Option<Timestamp>,
        deadline: Timestamp,
    },
    Serving {
        peer: Peer,
        expires: Timestamp,
    },
    Failed,
}

/// A vetted server that waits for discovery or selection to be repeated.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) peer: Peer,
    /// Until when its verdict holds, while policies were swapped; absent when its records ended.
    pub(super) expires: Option<Timestamp>,
    /// When it must be judged again.
    pub(super) deadline: Timestamp,
}

/// One attempt at one server.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) attempt: u32,
    pub(super) candidate: u32,
    pub(super) server: Server,
    pub(super) target: String,
    /// When the choice of this server ends.
    pub(super) end: Timestamp,
    /// What is judged; with what the peer presented from the handshake on.
    pub(super) request: Arc<Request>,
    /// The count of evidence when the request was made.
    pub(super) evidence: u64,
    /// The generation that judged last.
    pub(super) generation: u64,
    /// How often it was judged again before it was vetted.
    pub(super) repetitions: u32,
}

impl Session {
    /// A session that has not begun.
    ///
    /// # Errors
    /// The domain is no domain name, a server that was written down cannot be meant, no attempt is allowed or too many, attempts
    /// follow each other too fast or too slowly, or the evidence is larger than what is judged.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let domain = match &config.authentication_domain_name {
            None => None,
            Some(name) => Some(DomainName::parse(name).map_err(|problem| {
                let name = name.escape_debug().take(300).collect();
                ConfigError::Name { name, problem }
            })?),
        };
        for (server, position) in config.configured.iter().zip(1..) {
            let checked = server.check(domain.as_ref());
            checked.map_err(|problem| ConfigError::Configured { position, problem })?;
        }
        for (server, position) in config.fallback.iter().zip(1..) {
            let checked = server.check(None);
            checked.map_err(|problem| ConfigError::Fallback { position, problem })?;
        }
        if !(1..=ATTEMPTS).contains(&config.attempts) {
            return Err(ConfigError::Attempts(config.attempts));
        }
        check_delay(config.attempt_delay)?;
        let session = Self {
            resolution: Resolution::new(Plan::nothing(), config.seed),
            options_at: Timestamp { unix: 0, boot: 0 },
            options_are_news: false,
            grace: None,
            is_fallback: false,
            designation_refused: None,
            generation: config.generation,
            avoided: config.avoided.clone(),
            config,
            domain,
            phase: Phase::New,
            evidence: 0,
            queries: BTreeMap::new(),
            retries: Vec::new(),
            next_query: 0,
            next_attempt: 0,
            troubles: BTreeSet::new(),
            heard: false,
            answered: false,
            discovered: Discovered::default(),
            queue: VecDeque::new(),
            attempts_left: 0,
            preferred: None,
            streams_first: false,
            excluded: BTreeSet::new(),
            held: None,
            worst: None,
            passed_over: None,
            actions: VecDeque::new(),
            story: Story::default(),
            timer: None,
            offset: None,
        };
        session
            .base_request(Timestamp { unix: 0, boot: 0 })
            .check()?;
        Ok(session)
    }

    /// Takes what happened, and the time. Actions that follow are taken by [`Self::next_action`].
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        self.watch_clocks(now);
        match event {
            Event::Start => {
                if matches!(self.phase, Phase::New) {
                    self.options_at = now;
                    self.discover(now);
                }
            }
            Event::Tick => {}
            Event::Answer { id, response } => self.answer(id, response, now),
            Event::Selected { judgement } => self.selected(judgement, now),
            Event::Connected {
                attempt,
                presented,
                judgement,
            } => {
                self.connected(attempt, presented, judgement, now);
            }
            Event::ConnectionFailed {
                attempt,
                reason,
                judgement,
                ..
            } => {
                self.connection_failed(attempt, reason, judgement, now);
            }
            Event::Informed { attempt, response } => self.informed(attempt, response, now),
            Event::Fetched { attempt, fetched } => self.fetched(attempt, fetched, now),
            Event::NetworkOptions { options } => self.network_options(options, now),
            Event::Assessed { attempt, judgement } => self.assessed(attempt, judgement, now),
            Event::Rejudged {
                attempt,
                validation,
                privacy,
            } => {
                self.rejudged(attempt, validation, privacy, now);
            }
            Event::Swapped { generation } => self.swapped(generation, now),
            Event::EvidenceChanged {
                anchors,
                conveyed,
                crls,
                clock,
                network_identity,
            } => {
                let config = &mut self.config;
                config.anchors = anchors.unwrap_or_else(|| config.anchors.clone());
                config.conveyed = conveyed.unwrap_or_else(|| config.conveyed.clone());
                config.crls = crls.unwrap_or_else(|| config.crls.clone());
                config.clock = clock.unwrap_or_else(|| config.clock.clone());
                config.network_identity =
                    network_identity.unwrap_or_else(|| config.network_identity.clone());
                self.evidence_changed("the evidence changed", now);
            }
            Event::Closed { attempt } => self.closed(attempt, now),
            Event::Unanswered { attempt } => self.unanswered(attempt, now),
            Event::Truncated { attempt } => self.truncated(attempt, now),
        }
        self.check_deadlines(now);
        self.set_timer();
    }

    /// The next thing to do, in order; `None` when nothing is to be done before the next event.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Where the session is.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::New => State::New,
            Phase::Discovering { .. } => State::Discovering,
            Phase::Selecting { .. } => State::Selecting,
            Phase::Racing(race) => race.state(),
            Phase::Rejudging { .. } => State::Rejudging,
            Phase::Serving { .. } => State::Serving,
            Phase::Failed => State::Failed,
        }
    }

    /// What happened so far, the oldest first; at most [`super::ENTRIES`].
    #[must_use]
    pub fn story(&self) -> &[Entry] {
        self.story.entries()
    }

    /// How many older entries the story no longer has.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.story.dropped()
    }

    /// The domain, as it is asked for; absent where the network's own resolver is looked for.
    #[must_use]
    pub const fn domain(&self) -> Option<&DomainName> {
        self.domain.as_ref()
    }

    /// What discovery found; empty before it is complete.
    #[must_use]
    pub const fn discovered(&self) -> &Discovered {
        &self.discovered
    }

    /// Servers that failed over QUIC or DTLS, and until when they are not tried over it: what the next session should begin with
    /// ([`Config::avoided`]).
    #[must_use]
    pub fn avoided(&self) -> &[Avoided] {
        &self.avoided
    }

    /// The judgement context that an attempt at this candidate of [`Session::discovered`] would have now; `None` beyond
    /// the end. Nothing is attempted: it is for showing what would be judged.
    #[must_use]
    pub fn context(&self, candidate: u32, now: Timestamp) -> Option<Request> {
        let position = usize::try_from(candidate).ok()?;
        let candidate = self.discovered.candidates.get(position)?;
        Some(self.server_request(candidate, now))
    }

    /// Whether an attempt is under way or in use.
    pub(super) fn is_known(&self, attempt: u32) -> bool {
        match &self.phase {
            Phase::Racing(race) => race.runner(attempt).is_some(),
            Phase::Rejudging { peer, .. } | Phase::Serving { peer, .. } => peer.attempt == attempt,
            _ => {
                let held = self.held.as_ref();
                held.is_some_and(|held| held.peer.attempt == attempt)
            }
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn tell(&mut self, at: Timestamp, step: Step) {
        self.story.add(Entry { at, step });
    }

    pub(super) fn patience(now: Timestamp) -> Timestamp {
        now.elapsed(PATIENCE_MILLISECONDS)
    }

    /// The facts that do not depend on a server. The reference identifier is the domain whatever host was found for it (RFC
    /// 9525 section 6.1).
    pub(super) fn base_request(&self, now: Timestamp) -> Request {
        let name = self
            .domain
            .as_ref()
            .map(|domain| String::from(domain.without_dot()));
        Request {
            clock: self.config.clock.clone(),
            usage_profile: self.config.usage_profile.clone(),
            network_identity: self.config.network_identity.clone(),
            authentication_domain_name: name.clone(),
            reference_ids: name.map(ReferenceId::DnsId).into_iter().collect(),
            conveyed: self.config.conveyed.clone(),
            anchors: Arc::clone(&self.config.anchors),
            crls: self.config.crls.clone(),
            records: self.discovered.records.clone(),
            candidates: self.discovered.candidates.clone(),
            ..Request::new(Purpose::DnsServer, now.unix)
        }
    }

    /// Remembers what went wrong when it tells more than what did before.
    pub(super) fn worsen(&mut self, kind: FailureKind, message: impl Into<String>) {
        self.worsen_by(None, kind, message);
    }

    /// As [`Session::worsen`], by this decision.
    pub(super) fn worsen_by(
        &mut self,
        decision: Option<DecisionId>,
        kind: FailureKind,
        message: impl Into<String>,
    ) {
        if self.worst.as_ref().is_none_or(|worst| kind > worst.kind) {
            self.worst = Some(Worst {
                kind,
                message: message.into(),
                decision,
            });
        }
    }

    /// A server is used no longer.
    pub(super) fn withdraw(&mut self, attempt: u32, reason: WithdrawReason, now: Timestamp) {
        self.tell(now, Step::Withdrawn { attempt, reason });
        self.act(Action::Withdraw { attempt, reason });
    }

    /// Ends the session.
    pub(super) fn fail(&mut self, failure: Failure, now: Timestamp) {
        if let Some(held) = self.held.take() {
            let reason = match failure.kind {
                FailureKind::PolicyFault => WithdrawReason::PolicyFault,
                FailureKind::SelectionRefused => WithdrawReason::SelectionRefused,
                _ => WithdrawReason::Expired,
            };
            self.withdraw(held.peer.attempt, reason, now);
        }
        self.phase = Phase::Failed;
        self.tell(now, Step::Failed(failure.clone()));
        self.act(Action::Fail { failure });
    }

    /// A clock that was set makes every judgement of time doubtful.
    fn watch_clocks(&mut self, now: Timestamp) {
        let offset = i128::from(now.unix)
            .saturating_mul(1_000)
            .saturating_sub(i128::from(now.boot));
        match self.offset {
            Some(before) if before.abs_diff(offset) <= u128::from(CLOCK_STEP_MILLISECONDS) => {}
            before => {
                self.offset = Some(offset);
                if before.is_some() {
                    self.evidence_changed("the clock was set", now);
                }
            }
        }
    }

    fn check_deadlines(&mut self, now: Timestamp) {
        self.repeat_lookups(now);
        match &self.phase {
            Phase::Discovering { deadline } if deadline.is_reached(now) => {
                self.give_up_lookups("discovery took too long", now);
            }
            Phase::Discovering { .. } if self.grace.is_some_and(|grace| grace.is_reached(now)) => {
                self.give_up_lookups("another way had found something", now);
            }
            Phase::Racing(_) => self.check_race(now),
            Phase::Selecting { deadline, .. } | Phase::Rejudging { deadline, .. }
                if deadline.is_reached(now) =>
            {
                self.overdue(now);
            }
            Phase::Serving { expires, .. } if expires.is_reached(now) => self.expired(now),
            _ => {}
        }
    }

    fn set_timer(&mut self) {
        let next = match &self.phase {
            Phase::New | Phase::Failed => None,
            Phase::Discovering { deadline } => Some(
                self.grace
                    .map_or(*deadline, |grace| grace.earlier(*deadline)),
            ),
            Phase::Racing(_) => self.race_timer(),
            Phase::Selecting { deadline, .. } | Phase::Rejudging { deadline, .. } => {
                Some(*deadline)
            }
            Phase::Serving { expires, .. } => Some(*expires),
        };
        let next = next
            .into_iter()
            .chain(self.retries.iter().map(|(at, _)| *at));
        let next = next.reduce(Timestamp::earlier);
        if let Some(until) = next.filter(|_| next != self.timer) {
            self.act(Action::WaitUntil { until });
        }
        self.timer = next;
    }
}
