//! The lookups of a validation: counted, and remembered for a short while.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{Stream, stream};
use hickory_net::{NetError, runtime::TokioRuntimeProvider, xfer::DnsHandle};
use hickory_proto::{
    op::{DnsRequest, DnsResponse, Query, ResponseCode},
    rr::{Name, RecordType},
};

use crate::{LookupError, Recursive, lookup::Asked};

/// Lookups that one validation makes at most: an attacker's chain of zones ends here. A name of five labels below the root
/// takes about twelve.
const LOOKUPS: u32 = 40;
/// For how long the keys of zones are remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many answers are remembered.
const KEPT: usize = 256;

/// Answers about the keys of zones, shared by the validations of one client.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<(Name, RecordType), (Instant, DnsResponse)>>);

impl Memory {
    fn get(&self, key: &(Name, RecordType)) -> Option<DnsResponse> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, response) = memory.get(key)?;
        (since.elapsed() < REMEMBERED).then(|| response.clone())
    }

    fn keep(&self, key: (Name, RecordType), response: &DnsResponse) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= KEPT {
            memory.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        }
        if memory.len() < KEPT {
            memory.insert(key, (Instant::now(), response.clone()));
        }
    }
}

/// Asks for one validation.
#[derive(Clone)]
pub(super) struct Asking {
    recursive: Recursive,
    memory: Arc<Memory>,
    account: Arc<Account>,
    /// What is validated: it is not asked for again.
    known: Option<Arc<(Query, DnsResponse)>>,
}

/// What one validation cost so far.
struct Account {
    left: AtomicU32,
    /// The first lookup that failed.
    failure: Mutex<Option<LookupError>>,
}

impl Asking {
    pub(super) fn new(recursive: Recursive, memory: Arc<Memory>) -> Self {
        Self {
            recursive,
            memory,
            account: Arc::new(Account {
                left: AtomicU32::new(LOOKUPS),
                failure: Mutex::new(None),
            }),
            known: None,
        }
    }

    /// The same account, for what this response says about this query.
    pub(super) fn knowing(&self, query: Query, response: DnsResponse) -> Self {
        Self {
            known: Some(Arc::new((query, response))),
            ..self.clone()
        }
    }

    /// Why a lookup failed, if one did: what is missing then proves nothing.
    pub(super) fn failure(&self) -> Option<LookupError> {
        let failure = self.account.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for records with their signatures.
    pub(super) async fn ask(&self, query: Query) -> Result<DnsResponse, LookupError> {
        let result = self.counted(query).await;
        if let Err(error) = &result {
            let failure = self.account.failure.lock();
            let mut failure = failure.unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.clone());
        }
        result
    }

    async fn counted(&self, query: Query) -> Result<DnsResponse, LookupError> {
        if let Some(known) = &self.known
            && known.0.name() == query.name()
            && known.0.query_type() == query.query_type()
        {
            return Ok(known.1.clone());
        }
        let key = (query.name().to_lowercase(), query.query_type());
        if let Some(response) = self.memory.get(&key) {
            return Ok(response);
        }
        let take = |left: u32| left.checked_sub(1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.account.left.fetch_update(set, fetch, take).is_err() {
            return Err(LookupError::Validation {
                name: query.name().to_string(),
                problem: "takes more lookups than are made",
            });
        }
        let response = self.recursive.ask(query.clone(), Asked::Signatures).await?;
        if !is_answer(&response) {
            return Err(LookupError::Validation {
                name: query.name().to_string(),
                problem: "needs records that the resolver cannot give",
            });
        }
        if matches!(key.1, RecordType::DNSKEY | RecordType::DS | RecordType::NS) {
            self.memory.keep(key, &response);
        }
        Ok(response)
    }
}

/// Whether a response says something, be it that there is nothing.
pub(super) fn is_answer(response: &DnsResponse) -> bool {
    matches!(
        response.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    )
}

impl DnsHandle for Asking {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let asking = self.clone();
        let query = request.queries.first().cloned();
        Box::pin(stream::once(async move {
            let query = query.ok_or(NetError::Message("a request without a query"))?;
            asking.ask(query).await.map_err(|error| match error {
                LookupError::Net { source, .. } => source,
                LookupError::Timeout { .. } => NetError::Timeout,
                other => NetError::Msg(other.to_string()),
            })
        }))
    }
}
