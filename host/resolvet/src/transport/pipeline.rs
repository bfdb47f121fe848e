//! Many queries at once over one stream (RFC 7766 section 6.2.1.1, RFC 7858 section 3.3).
//!
//! Queries are written as they come, each with its length in one write; answers are taken in any order and matched by
//! identifier and question. The stream belongs to two tasks, one for each direction, so that a peer that stops reading
//! cannot stop us from reading. They end when the last handle is dropped or the peer closes.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::message::Question;

/// Queries that may be under way on one connection. A server that falls this far behind is not helped by more.
const UNDER_WAY: usize = 1_024;
/// Queries that may wait to be written.
const WAITING: usize = 64;
/// Octets that one write may gather.
const GATHERED: usize = 16_384;

/// A query got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The peer closed the connection, or it was withdrawn.
    #[error("connection closed before the answer came")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Too many queries are under way.
    #[error("more than {UNDER_WAY} queries are under way on this connection")]
    Busy,
    /// What should be sent is no query of one question, or longer than 65,535 octets.
    #[error("message of {octets} octets is no query with one question")]
    NoQuery {
        /// Its size.
        octets: usize,
    },
}

/// The answer to a query, or nothing when the connection ended.
type Reply = oneshot::Sender<Vec<u8>>;

struct Pending {
    question: Question,
    id: [u8; 2],
    reply: Reply,
}

/// The queries under way.
#[derive(Default)]
struct UnderWay {
    pending: HashMap<u16, Pending>,
    /// Where the search for a free identifier begins.
    next: u16,
}

/// `None` once the connection has ended.
type Table = Option<UnderWay>;

/// A handle; clones share the connection.
#[derive(Clone)]
pub(crate) struct Pipeline {
    table: Arc<Mutex<Table>>,
    outgoing: mpsc::Sender<Vec<u8>>,
}

impl Pipeline {
    /// Takes the stream and starts both directions. Must be called within a tokio runtime.
    pub(crate) fn start<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let table = Arc::new(Mutex::new(Some(UnderWay::default())));
        let (outgoing, queue) = mpsc::channel(WAITING);
        let reading = {
            let table = Arc::clone(&table);
            tokio::spawn(async move {
                // Why it ended makes no difference to those who wait: there will be no answer.
                let _ended = read(reader, &table).await;
                close(&table);
            })
        };
        let written = Arc::clone(&table);
        tokio::spawn(async move {
            let _ended = write(writer, queue).await;
            close(&written);
            reading.abort();
        });
        Self { table, outgoing }
    }

    /// Whether the connection still lives.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.table).is_some()
    }

    /// Ends the connection: queries under way get no answer.
    pub(crate) fn close(&self) {
        close(&self.table);
    }

    /// Sends a query and waits for its answer. The identifier on the wire is ours; the answer carries the query's own.
    pub(crate) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        let no_query = || ExchangeError::NoQuery {
            octets: query.len(),
        };
        let question = Question::of(query).ok_or_else(no_query)?;
        let length = u16::try_from(query.len()).map_err(|_| no_query())?;
        let (id, body) = query.split_first_chunk::<2>().ok_or_else(no_query)?;

        let (reply, answer) = oneshot::channel();
        let wire_id = self.register(Pending {
            question,
            id: *id,
            reply,
        })?;
        let _registered = Registered {
            table: &self.table,
            wire_id,
        };
        let frame = [
            length.to_be_bytes().as_slice(),
            &wire_id.to_be_bytes(),
            body,
        ]
        .concat();
        let exchange = async {
            self.outgoing
                .send(frame)
                .await
                .map_err(|_| ExchangeError::Closed)?;
            answer.await.map_err(|_| ExchangeError::Closed)
        };
        timeout(within, exchange)
            .await
            .unwrap_or(Err(ExchangeError::Timeout(within)))
    }

    /// Chooses an identifier that no query under way has.
    fn register(&self, pending: Pending) -> Result<u16, ExchangeError> {
        let mut table = lock(&self.table);
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
        table.pending.insert(wire_id, pending);
        Ok(wire_id)
    }
}

/// Takes the query out of the table when nobody waits for it any more.
struct Registered<'a> {
    table: &'a Mutex<Table>,
    wire_id: u16,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if let Some(table) = lock(self.table).as_mut() {
            table.pending.remove(&self.wire_id);
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // No code that holds the lock can panic; a poisoned table would still be consistent.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops every query under way, which tells those who wait.
fn close(table: &Mutex<Table>) {
    lock(table).take();
}

async fn write<S: AsyncWrite>(
    mut writer: WriteHalf<S>,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Some(mut frames) = queue.recv().await {
        // What waits already goes out in the same write, and so in the same TLS record.
        while frames.len() < GATHERED
            && let Ok(frame) = queue.try_recv()
        {
            frames.extend_from_slice(&frame);
        }
        writer.write_all(&frames).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}

async fn read<S: AsyncRead>(mut reader: ReadHalf<S>, table: &Mutex<Table>) -> io::Result<()> {
    loop {
        let length = reader.read_u16().await?;
        let mut message = vec![0; usize::from(length)];
        reader.read_exact(&mut message).await?;
        deliver(message, table);
    }
}

/// Gives an answer to the query that it answers. One that answers no query under way, or another question than the one
/// with its identifier, is dropped.
fn deliver(mut message: Vec<u8>, table: &Mutex<Table>) {
    let Some(wire_id) = message.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
        return;
    };
    let mut table = lock(table);
    let Some(table) = table.as_mut() else { return };
    let answers =
        |pending: &Pending| Question::of_response(&message).is_some_and(|q| q == pending.question);
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

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::message::query;

    const WITHIN: Duration = Duration::from_secs(5);

    async fn received(server: &mut DuplexStream) -> Vec<u8> {
        let length = server.read_u16().await.unwrap();
        let mut message = vec![0; usize::from(length)];
        server.read_exact(&mut message).await.unwrap();
        message
    }

    async fn answer(server: &mut DuplexStream, mut message: Vec<u8>) {
        message[2] |= 0x80;
        server
            .write_u16(u16::try_from(message.len()).unwrap())
            .await
            .unwrap();
        server.write_all(&message).await.unwrap();
    }

    #[tokio::test]
    async fn answers_may_come_in_any_order() {
        let (client, mut server) = duplex(4_096);
        let pipeline = Pipeline::start(client);
        let queries = ["a.example.", "b.example."].map(|name| query(name, RecordType::A).unwrap());
        let serve = async {
            let first = received(&mut server).await;
            let second = received(&mut server).await;
            answer(&mut server, second).await;
            answer(&mut server, first).await;
        };
        let (first, second, ()) = tokio::join!(
            pipeline.exchange(&queries[0], WITHIN),
            pipeline.exchange(&queries[1], WITHIN),
            serve
        );
        for (query, answer) in queries.iter().zip([first.unwrap(), second.unwrap()]) {
            assert_eq!(answer[..2], query[..2], "the query's own identifier");
            assert_eq!(answer[3..], query[3..]);
        }
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_no_answer() {
        let (client, mut server) = duplex(4_096);
        let pipeline = Pipeline::start(client);
        let asked = query("a.example.", RecordType::A).unwrap();
        let serve = async {
            let mut message = received(&mut server).await;
            message[13] = b'z';
            answer(&mut server, message).await;
        };
        let short = Duration::from_millis(50);
        let (result, ()) = tokio::join!(pipeline.exchange(&asked, short), serve);
        assert_eq!(result, Err(ExchangeError::Timeout(short)));
        assert!(
            lock(&pipeline.table).as_ref().unwrap().pending.is_empty(),
            "nothing is left behind"
        );
    }

    #[tokio::test]
    async fn a_closed_connection_tells_all_who_wait() {
        let (client, server) = duplex(4_096);
        let pipeline = Pipeline::start(client);
        let asked = query("a.example.", RecordType::A).unwrap();
        let close = async { drop(server) };
        let (result, ()) = tokio::join!(pipeline.exchange(&asked, WITHIN), close);
        assert_eq!(result, Err(ExchangeError::Closed));
        assert!(!pipeline.is_open());
        assert_eq!(
            pipeline.exchange(&asked, WITHIN).await,
            Err(ExchangeError::Closed)
        );
    }

    #[tokio::test]
    async fn what_is_no_query_is_not_sent() {
        let (client, _server) = duplex(4_096);
        let pipeline = Pipeline::start(client);
        let result = pipeline.exchange(&[0; 12], WITHIN).await;
        assert_eq!(result, Err(ExchangeError::NoQuery { octets: 12 }));
    }
}
