//! DNS over HTTPS by HTTP/3 (RFC 8484, RFC 9114).

use std::{sync::Arc, time::Duration};

use bytes::{Buf as _, BufMut as _};
use h3::{
    client::{RequestStream, SendRequest},
    error::{Code, StreamError},
};
use hyper::body::Bytes;
use resolvet_proto::doh::{BODY_OCTETS, ReplyError};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    ConnectError, ExchangeError, Target,
    handshake::{Completed, Protocol},
    http::Requests,
    quic,
    table::UNDER_WAY,
};

/// The protocol's name in the handshake (RFC 9114 section 3.1).
const PROTOCOL: Protocol = Protocol {
    alpn: b"h3",
    expected: "`h3` (RFC 9114 3.1)",
};
/// Octets of all header fields of a response.
const HEAD_OCTETS: u64 = 16_384;
/// Streams that a server opens: control, QPACK's two, and a few that are reserved (RFC 9114 section 6.2).
const STREAMS: u32 = 8;

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Doh3 {
    connection: quinn::Connection,
    requests: Arc<Requests>,
    sender: SendRequest<h3_quinn::OpenStreams, Bytes>,
    slots: Arc<Semaphore>,
}

/// Connects.
pub(super) async fn connect(
    target: Target<'_>,
    requests: Requests,
    within: Duration,
) -> Result<(Doh3, Completed), ConnectError> {
    let address = target.address();
    let (connection, completed) = quic::connect(target, PROTOCOL, STREAMS, within).await?;
    let mut builder = h3::client::builder();
    builder
        .max_field_section_size(HEAD_OCTETS)
        .send_grease(false);
    let building = builder.build(h3_quinn::Connection::new(connection.clone()));
    let late = |_| ConnectError::Timeout {
        step: "HTTP/3",
        address,
        within,
    };
    let built = timeout(within, building).await.map_err(late)?;
    let (mut driver, sender) = built.map_err(|error| ConnectError::Handshake {
        handshake: "HTTP/3",
        address,
        reason: error.to_string(),
    })?;
    let closing = connection.clone();
    tokio::spawn(async move {
        // How it ended is told by the exchange that it was needed for.
        let _ended = driver.wait_idle().await;
        closing.close(code(Code::H3_NO_ERROR), &[]);
    });
    let connection = Doh3 {
        connection,
        requests: Arc::new(requests),
        sender,
        slots: Arc::new(Semaphore::new(UNDER_WAY)),
    };
    Ok((connection, completed))
}

impl Doh3 {
    pub(super) fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(super) fn close(&self) {
        self.connection.close(code(Code::H3_NO_ERROR), &[]);
    }

    pub(super) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        let (request, body) = self.requests.request(query)?;
        let _slot = self.slots.try_acquire().map_err(|_| ExchangeError::Busy)?;
        let mut sender = self.sender.clone();
        let exchange = async {
            let stream = sender.send_request(request).await.map_err(wrong)?;
            exchanged(stream, &self.requests, query, body).await
        };
        let answered = timeout(within, exchange)
            .await
            .unwrap_or(Err(ExchangeError::Timeout(within)));
        // The library's errors do not say whether the connection has ended.
        answered.map_err(|error| match error {
            ExchangeError::Http(_) if !self.is_open() => ExchangeError::Closed,
            error => error,
        })
    }
}

/// Sends a request on its stream and reads the answer. When it is given up, the stream's own end tells the server.
async fn exchanged(
    mut stream: RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>,
    requests: &Requests,
    query: &[u8],
    body: Bytes,
) -> Result<Vec<u8>, ExchangeError> {
    if !body.is_empty() {
        stream.send_data(body).await.map_err(wrong)?;
    }
    stream.finish().await.map_err(wrong)?;
    let (head, ()) = stream.recv_response().await.map_err(wrong)?.into_parts();
    requests.check(&head)?;
    let mut body = Vec::new();
    while let Some(part) = stream.recv_data().await.map_err(wrong)? {
        if body.len().saturating_add(part.remaining()) > BODY_OCTETS {
            return Err(ReplyError::TooLarge.into());
        }
        body.put(part);
    }
    Requests::answer(query, &head, body)
}

fn code(code: Code) -> quinn::VarInt {
    quinn::VarInt::try_from(code.value()).unwrap_or_default()
}

fn wrong(error: StreamError) -> ExchangeError {
    ExchangeError::Http(error.to_string())
}
