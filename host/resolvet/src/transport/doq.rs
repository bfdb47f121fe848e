//! DNS over QUIC (RFC 9250): a stream for each query.

use std::{sync::Arc, time::Duration};

use quinn::{ReadToEndError, RecvStream, SendStream, VarInt};
use resolvet_proto::doq::{self, StreamError, code};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    ConnectError, ExchangeError, Target,
    handshake::{Completed, Protocol},
    quic,
    table::UNDER_WAY,
};
use crate::message::Question;

/// The protocol's name in the handshake (RFC 9250 section 4.1.1).
const PROTOCOL: Protocol = Protocol {
    alpn: b"doq",
    expected: "`doq` (RFC 9250 4.1.1)",
};
/// Error codes as QUIC has them.
const NO_ERROR: VarInt = VarInt::from_u32(code::NO_ERROR);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(code::PROTOCOL_ERROR);
const REQUEST_CANCELLED: VarInt = VarInt::from_u32(code::REQUEST_CANCELLED);

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Doq {
    connection: quinn::Connection,
    slots: Arc<Semaphore>,
}

/// Connects. The server may open no stream: every stream is a query's (RFC 9250 section 4.2).
pub(super) async fn connect(
    target: Target<'_>,
    within: Duration,
) -> Result<(Doq, Completed), ConnectError> {
    let (connection, completed) = quic::connect(target, PROTOCOL, 0, within).await?;
    let slots = Arc::new(Semaphore::new(UNDER_WAY));
    Ok((Doq { connection, slots }, completed))
}

impl Doq {
    pub(super) fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(super) fn close(&self) {
        self.connection.close(NO_ERROR, &[]);
    }

    pub(super) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        let octets = query.len();
        let no_query = || ExchangeError::NoQuery { octets };
        let question = Question::of(query).ok_or_else(no_query)?;
        let id = query.first_chunk::<2>().ok_or_else(no_query)?;
        let frame = doq::query(query).ok_or_else(no_query)?;
        let _slot = self.slots.try_acquire().map_err(|_| ExchangeError::Busy)?;
        let exchange = async {
            let mut stream = Stream::open(&self.connection).await?;
            let received = stream.exchange(&frame).await?;
            let answer = received
                .as_deref()
                .map_or(Err(StreamError::Long), doq::answer);
            answer.map(<[u8]>::to_vec).map_err(|error| {
                self.connection.close(PROTOCOL_ERROR, &[]);
                ExchangeError::Protocol(error)
            })
        };
        let mut answer = timeout(within, exchange)
            .await
            .unwrap_or(Err(ExchangeError::Timeout(within)))?;
        if Question::of_response(&answer) != Some(question) {
            return Err(ExchangeError::OtherQuery);
        }
        if let Some(first) = answer.first_chunk_mut::<2>() {
            *first = *id;
        }
        Ok(answer)
    }
}

/// The stream of one query. When it is given up, the server is told so (RFC 9250 section 4.3.1).
struct Stream {
    sending: SendStream,
    receiving: RecvStream,
    sent: bool,
    received: bool,
}

impl Stream {
    async fn open(connection: &quinn::Connection) -> Result<Self, ExchangeError> {
        let opened = connection.open_bi().await;
        let (sending, receiving) = opened.map_err(|_| ExchangeError::Closed)?;
        Ok(Self {
            sending,
            receiving,
            sent: false,
            received: false,
        })
    }

    /// Sends the query and FIN, and reads to the server's FIN; nothing when more comes than a message has.
    async fn exchange(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, ExchangeError> {
        // A server that refuses the query says so on the other half, which is read in any case.
        let written = self.sending.write_all(frame).await;
        self.sent = written.is_ok() && self.sending.finish().is_ok();
        let received = self.receiving.read_to_end(doq::STREAM_OCTETS).await;
        self.received = received.is_ok();
        match received {
            Ok(received) => Ok(Some(received)),
            Err(ReadToEndError::TooLong) => Ok(None),
            Err(ReadToEndError::Read(quinn::ReadError::Reset(code))) => {
                self.received = true;
                let code = code.into_inner();
                Err(ExchangeError::Stream { code })
            }
            Err(ReadToEndError::Read(_)) => Err(ExchangeError::Closed),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.sent {
            // It fails when the connection has ended, and then nobody has to be told.
            let _told = self.sending.reset(REQUEST_CANCELLED);
        }
        if !self.received {
            let _told = self.receiving.stop(REQUEST_CANCELLED);
        }
    }
}
