//! From a question to a reply: by this machine, from the cache, or over a vetted server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use resolvet_proto::stub::{
    Asked, Bounds, ExtendedError, Incoming, Kept, answer_locally, datagram, read, reply,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::timeout,
};

use super::{Limits, cache::Cache, failure, upstream::Present};
use crate::{Attachment, ExchangeError, QueryError, clock};

/// Response code of a failure.
const SERVFAIL: u16 = 2;
/// How often a query is sent: once more when its connection ended, over the server of that moment.
const TRIES: u32 = 2;
/// How long a query waits for the first attachment.
const FIRST: Duration = Duration::from_secs(5);

/// What a stub did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Statistics {
    /// Messages that came, whatever they were.
    pub queries: u64,
    /// Questions that were answered from the cache, or with one that was fetched for another client.
    pub hits: u64,
    /// Questions that went to a vetted server.
    pub misses: u64,
    /// Questions that got SERVFAIL from this stub.
    pub failures: u64,
    /// Questions that were turned away since too many were under way.
    pub overloads: u64,
    /// Answers in the cache.
    pub cached: u64,
    /// Octets of the cache in use.
    pub cached_octets: u64,
}

#[derive(Default)]
struct Counters {
    queries: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    failures: AtomicU64,
    overloads: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How a message came, which bounds the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Datagram,
    Stream,
}

/// What a client gets. As long as it is held, its question is under way.
pub(super) struct Answered<'a> {
    pub(super) octets: Vec<u8>,
    _turn: Option<SemaphorePermit<'a>>,
}

impl From<Vec<u8>> for Answered<'_> {
    fn from(octets: Vec<u8>) -> Self {
        Self {
            octets,
            _turn: None,
        }
    }
}

/// What answers.
pub(super) struct Resolver {
    present: watch::Receiver<Present>,
    cache: Cache,
    bounds: Bounds,
    under_way: Semaphore,
    limit: usize,
    counters: Counters,
}

impl Resolver {
    pub(super) fn new(present: watch::Receiver<Present>, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            present,
            cache: Cache::new(limits.cache_octets),
            bounds: Bounds {
                positive: limits.longest_ttl,
                negative: limits.longest_negative_ttl,
            },
            under_way: Semaphore::new(limits.queries),
            limit: limits.queries,
            counters: Counters::default(),
        })
    }

    pub(super) fn statistics(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            queries: read(&self.counters.queries),
            hits: read(&self.counters.hits),
            misses: read(&self.counters.misses),
            failures: read(&self.counters.failures),
            overloads: read(&self.counters.overloads),
            cached: u64::try_from(self.cache.entries()).unwrap_or(u64::MAX),
            cached_octets: self.cache.octets(),
        }
    }

    /// The reply to what a client sent; `None` for what is no query.
    pub(super) async fn respond(&self, octets: &[u8], carrier: Carrier) -> Option<Answered<'_>> {
        count(&self.counters.queries);
        let asked = match read(octets) {
            Incoming::Ignore => return None,
            Incoming::Reply(reply) => return Some(reply.into()),
            Incoming::Ask(asked) => asked,
        };
        let mut answered = match answer_locally(&asked) {
            Some(reply) => reply.into(),
            None => self.answer(&asked).await,
        };
        if matches!(carrier, Carrier::Datagram) {
            answered.octets = datagram(answered.octets, &asked.head(SERVFAIL));
        }
        Some(answered)
    }

    async fn answer(&self, asked: &Asked<'_>) -> Answered<'_> {
        // The wait for others' fetch is bounded as the fetch is, so what waits counts too.
        let Ok(turn) = self.under_way.try_acquire() else {
            count(&self.counters.overloads);
            return reply(&asked.head(SERVFAIL), &[failure::overload(self.limit)]).into();
        };
        let word = || self.present.borrow().word();
        let found = self
            .cache
            .get_or_fetch(asked, word, || self.fetch(asked))
            .await;
        let counter = if found.is_hit {
            &self.counters.hits
        } else {
            &self.counters.misses
        };
        count(counter);
        if found.kept.is_failure() {
            count(&self.counters.failures);
        }
        Answered {
            octets: found.kept.reply(asked, clock::now().boot),
            _turn: Some(turn),
        }
    }

    /// What a vetted server answers now, or why there is no answer.
    async fn fetch(&self, asked: &Asked<'_>) -> Kept {
        let query = asked.upstream();
        // Taken before the query is sent: should its server be refused meanwhile, the answer is not kept.
        let word = self.present.borrow().word();
        let answered = self.ask(&query).await;
        let now = (clock::now().boot, word);
        match answered {
            Ok(octets) => Kept::answer(&octets, asked, now, self.bounds)
                .unwrap_or_else(|_| Kept::failure(failure::unreadable(), now)),
            Err(error) => Kept::failure(error, now),
        }
    }

    async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExtendedError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.attachment().await?.exchange(query).await {
                Ok(answer) => return Ok(answer),
                Err(QueryError::Exchange { source, .. })
                    if tries < TRIES && another_may_answer(&source) => {}
                Err(error) => return Err(failure::of_query(&error)),
            }
        }
    }

    async fn attachment(&self) -> Result<Attachment, ExtendedError> {
        let mut present = self.present.clone();
        let first = present.wait_for(|present| present.attachment.is_some());
        let found = match timeout(FIRST, first).await {
            Ok(Ok(present)) => present.attachment.clone(),
            Ok(Err(_)) => None,
            Err(_) => {
                return Err(failure::not_ready(&self.trouble()));
            }
        };
        found.ok_or_else(|| failure::not_ready("the stub stops"))
    }

    fn trouble(&self) -> String {
        match self.present.borrow().trouble.as_str() {
            "" => "the network is still asked".to_owned(),
            trouble => trouble.to_owned(),
        }
    }
}

/// Whether it was the connection or the server, not the query.
const fn another_may_answer(error: &ExchangeError) -> bool {
    !matches!(
        error,
        ExchangeError::Busy
            | ExchangeError::NoQuery { .. }
            | ExchangeError::TooLong { .. }
            | ExchangeError::Truncated
    )
}
