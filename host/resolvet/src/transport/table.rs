//! The queries under way on one connection, matched with answers by identifier and question.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::ExchangeError;
use crate::message::Question;

/// Queries that may be under way on one connection. A server that falls this far behind is not helped by more.
pub(super) const UNDER_WAY: usize = 1_024;

/// A query that waits for its answer.
struct Pending {
    question: Question,
    id: [u8; 2],
    /// The answer, or nothing when the connection ended.
    reply: oneshot::Sender<Vec<u8>>,
}

#[derive(Default)]
struct UnderWay {
    pending: HashMap<u16, Pending>,
    /// Where the search for a free identifier begins.
    next: u16,
}

/// A handle; clones share the table. It is closed once the connection has ended.
#[derive(Clone)]
pub(super) struct Table(Arc<Mutex<Option<UnderWay>>>);

impl Default for Table {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(UnderWay::default()))))
    }
}

impl Table {
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Drops every query under way, which tells those who wait.
    pub(super) fn close(&self) {
        self.lock().take();
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock()
            .as_ref()
            .is_none_or(|table| table.pending.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, Option<UnderWay>> {
        // No code that holds the lock can panic; a poisoned table would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a query: its place in the table, and where its answer will come.
    pub(super) fn enter(
        &self,
        query: &[u8],
    ) -> Result<(Entered, oneshot::Receiver<Vec<u8>>), ExchangeError> {
        let no_query = || ExchangeError::NoQuery {
            octets: query.len(),
        };
        let question = Question::of(query).ok_or_else(no_query)?;
        let id = *query.first_chunk::<2>().ok_or_else(no_query)?;
        let (reply, answer) = oneshot::channel();
        let mut table = self.lock();
        let table = table.as_mut().ok_or(ExchangeError::Closed)?;
        if table.pending.len() >= UNDER_WAY {
            return Err(ExchangeError::Busy);
        }
        // The channel is authenticated, so identifiers need not be unguessable. Counting on makes an answer that comes
        // after its query was given up match nothing.
        while table.pending.contains_key(&table.next) {
            table.next = table.next.wrapping_add(1);
        }
        let wire_id = table.next;
        table.next = wire_id.wrapping_add(1);
        let pending = Pending {
            question,
            id,
            reply,
        };
        table.pending.insert(wire_id, pending);
        let table = self.clone();
        Ok((Entered { table, wire_id }, answer))
    }

    /// Gives an answer to the query that it answers. One that answers no query under way, or another question than the one
    /// with its identifier, is dropped.
    pub(super) fn deliver(&self, mut message: Vec<u8>) {
        let Some(wire_id) = message.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
            return;
        };
        let mut table = self.lock();
        let Some(table) = table.as_mut() else { return };
        let answers = |pending: &Pending| {
            Question::of_response(&message).is_some_and(|q| q == pending.question)
        };
        if !table.pending.get(&wire_id).is_some_and(answers) {
            return;
        }
        if let Some(pending) = table.pending.remove(&wire_id)
            && let Some(id) = message.first_chunk_mut::<2>()
        {
            *id = pending.id;
            // Whoever asked may have given up meanwhile.
            let _received = pending.reply.send(message);
        }
    }
}

/// Takes the query out of the table when nobody waits for it any more.
pub(super) struct Entered {
    table: Table,
    wire_id: u16,
}

impl Entered {
    /// The identifier on the wire.
    pub(super) const fn id(&self) -> [u8; 2] {
        self.wire_id.to_be_bytes()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(table) = self.table.lock().as_mut() {
            table.pending.remove(&self.wire_id);
        }
    }
}
