//! Many queries at once over one connection (RFC 7766 section 6.2.1.1, RFC 7858 section 3.3, RFC 8094 section 3).
//!
//! Queries are written as they come; answers are taken in any order and matched by identifier and question. On a stream
//! each message has its length before it, in one write. A stream belongs to two tasks, one for each direction, so that a
//! peer that stops reading cannot stop us from reading. They end when the last handle is dropped or the peer closes.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{ExchangeError, table::Table};

/// Queries that may wait to be written.
const WAITING: usize = 64;
/// Octets that one write may gather.
const GATHERED: usize = 16_384;

/// How messages stand on the wire.
#[derive(Clone, Copy)]
enum Framing {
    /// Each behind its length (RFC 1035 section 4.2.2).
    Stream,
    /// Each alone; one that is lost is sent again.
    Datagrams {
        /// Octets that one may have.
        limit: usize,
        /// How long until the same query is sent once more, and then twice as long each time.
        resend: Duration,
    },
}

/// A handle; clones share the connection.
#[derive(Clone)]
pub(crate) struct Pipeline {
    table: Table,
    outgoing: mpsc::Sender<Vec<u8>>,
    framing: Framing,
}

impl Pipeline {
    /// Takes the stream and starts both directions. Must be called within a tokio runtime.
    pub(super) fn over_stream<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let table = Table::default();
        let (outgoing, queue) = mpsc::channel(WAITING);
        let reading = {
            let table = table.clone();
            tokio::spawn(async move {
                // Why it ended makes no difference to those who wait: there will be no answer.
                let _ended = read(reader, &table).await;
                table.close();
            })
        };
        let written = table.clone();
        tokio::spawn(async move {
            let _ended = write(writer, queue).await;
            written.close();
            reading.abort();
        });
        Self {
            table,
            outgoing,
            framing: Framing::Stream,
        }
    }

    /// A pipeline whose queries somebody else sends, in datagrams of at most `limit` octets, again after `resend`: whoever
    /// takes them from the queue delivers answers to the table, and closes it when the connection ends.
    pub(super) fn over_datagrams(
        limit: usize,
        resend: Duration,
    ) -> (Self, Table, mpsc::Receiver<Vec<u8>>) {
        let table = Table::default();
        let (outgoing, queue) = mpsc::channel(WAITING);
        let pipeline = Self {
            table: table.clone(),
            outgoing,
            framing: Framing::Datagrams { limit, resend },
        };
        (pipeline, table, queue)
    }

    /// Whether the connection still lives.
    pub(super) fn is_open(&self) -> bool {
        self.table.is_open()
    }

    /// Ends the connection: queries under way get no answer.
    pub(super) fn close(&self) {
        self.table.close();
    }

    /// Sends a query and waits for its answer. The identifier on the wire is ours; the answer carries the query's own.
    pub(super) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        let octets = query.len();
        let length = u16::try_from(octets).map_err(|_| ExchangeError::NoQuery { octets })?;
        let (entered, answer) = self.table.enter(query)?;
        let body = query.get(2..).unwrap_or_default();
        let exchange = async {
            match self.framing {
                Framing::Stream => {
                    let frame = [&length.to_be_bytes(), &entered.id(), body].concat();
                    self.send(frame).await?;
                    answer.await.map_err(|_| ExchangeError::Closed)
                }
                Framing::Datagrams { limit, .. } if octets > limit => {
                    Err(ExchangeError::TooLong { octets, limit })
                }
                Framing::Datagrams { resend, .. } => {
                    let datagram = [&entered.id(), body].concat();
                    self.resending(&datagram, resend, answer).await
                }
            }
        };
        timeout(within, exchange)
            .await
            .unwrap_or(Err(ExchangeError::Timeout(within)))
    }

    async fn send(&self, frame: Vec<u8>) -> Result<(), ExchangeError> {
        self.outgoing
            .send(frame)
            .await
            .map_err(|_| ExchangeError::Closed)
    }

    /// Sends until an answer comes. Whoever waits for it ends it.
    async fn resending(
        &self,
        datagram: &[u8],
        mut pause: Duration,
        mut answer: oneshot::Receiver<Vec<u8>>,
    ) -> Result<Vec<u8>, ExchangeError> {
        loop {
            self.send(datagram.to_vec()).await?;
            if let Ok(answered) = timeout(pause, &mut answer).await {
                return answered.map_err(|_| ExchangeError::Closed);
            }
            pause = pause.saturating_mul(2);
        }
    }
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

async fn read<S: AsyncRead>(mut reader: ReadHalf<S>, table: &Table) -> io::Result<()> {
    loop {
        let length = reader.read_u16().await?;
        let mut message = vec![0; usize::from(length)];
        reader.read_exact(&mut message).await?;
        table.deliver(message);
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
        let pipeline = Pipeline::over_stream(client);
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
        let pipeline = Pipeline::over_stream(client);
        let asked = query("a.example.", RecordType::A).unwrap();
        let serve = async {
            let mut message = received(&mut server).await;
            message[13] = b'z';
            answer(&mut server, message).await;
        };
        let short = Duration::from_millis(50);
        let (result, ()) = tokio::join!(pipeline.exchange(&asked, short), serve);
        assert_eq!(result, Err(ExchangeError::Timeout(short)));
        assert!(pipeline.table.is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_closed_connection_tells_all_who_wait() {
        let (client, server) = duplex(4_096);
        let pipeline = Pipeline::over_stream(client);
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
        let pipeline = Pipeline::over_stream(client);
        let result = pipeline.exchange(&[0; 12], WITHIN).await;
        assert_eq!(result, Err(ExchangeError::NoQuery { octets: 12 }));
    }

    #[tokio::test]
    async fn a_datagram_that_is_lost_is_sent_again() {
        let (pipeline, table, mut queue) = Pipeline::over_datagrams(512, Duration::from_millis(5));
        let asked = query("a.example.", RecordType::A).unwrap();
        let serve = async {
            let lost = queue.recv().await.unwrap();
            let again = queue.recv().await.unwrap();
            assert_eq!(lost, again);
            let mut answer = queue.recv().await.unwrap();
            answer[2] |= 0x80;
            table.deliver(answer);
        };
        let (result, ()) = tokio::join!(pipeline.exchange(&asked, WITHIN), serve);
        assert_eq!(result.unwrap()[3..], asked[3..]);
    }

    #[tokio::test]
    async fn what_does_not_fit_into_a_datagram_is_not_sent() {
        let (pipeline, _table, mut queue) = Pipeline::over_datagrams(100, WITHIN);
        let asked = query("a.example.", RecordType::A).unwrap();
        let (octets, limit) = (asked.len(), 100);
        let result = pipeline.exchange(&asked, WITHIN).await;
        assert_eq!(result, Err(ExchangeError::TooLong { octets, limit }));
        assert!(queue.try_recv().is_err());
    }
}
