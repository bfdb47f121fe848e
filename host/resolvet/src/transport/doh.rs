//! DNS over HTTPS by HTTP/2 (RFC 8484).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::Bytes,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use resolvet_proto::doh::{BODY_OCTETS, ReplyError};
use tokio::{sync::Semaphore, task::AbortHandle, time::timeout};

use super::{
    ConnectError, ExchangeError, Target,
    handshake::{self, Completed, Protocol},
    http::Requests,
    table::UNDER_WAY,
};

/// The protocol's name in the handshake (RFC 9113 section 3.2). HTTP/2 is the least that RFC 8484 section 5.2 recommends.
const PROTOCOL: Protocol = Protocol {
    alpn: b"h2",
    expected: "`h2` (RFC 8484 5.2)",
};
/// Octets of all header fields of a response.
const HEAD_OCTETS: u32 = 16_384;
/// Octets of one response that may come before we take them.
const STREAM_WINDOW: u32 = 131_072;
/// Octets of all responses that may come before we take them.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Doh2 {
    requests: Arc<Requests>,
    sender: SendRequest<Full<Bytes>>,
    slots: Arc<Semaphore>,
    task: AbortHandle,
}

/// Connects.
pub(super) async fn connect(
    target: Target<'_>,
    requests: Requests,
    within: Duration,
) -> Result<(Doh2, Completed), ConnectError> {
    let address = target.address();
    let (stream, completed) = handshake::over_tcp(target, PROTOCOL, within).await?;
    let came = stream.get_ref().1.alpn_protocol();
    if came != Some(PROTOCOL.alpn) {
        return Err(PROTOCOL.missing(address, came));
    }
    let handshake = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(HEAD_OCTETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream));
    let late = |_| ConnectError::Timeout {
        step: "HTTP/2",
        address,
        within,
    };
    let (sender, connection) = timeout(within, handshake)
        .await
        .map_err(late)?
        .map_err(|error| failed(address, &error))?;
    // How a connection ended is told by the exchange that it was needed for.
    let task = tokio::spawn(async move {
        let _ended = connection.await;
    });
    let connection = Doh2 {
        requests: Arc::new(requests),
        sender,
        slots: Arc::new(Semaphore::new(UNDER_WAY)),
        task: task.abort_handle(),
    };
    Ok((connection, completed))
}

impl Doh2 {
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(super) fn close(&self) {
        self.task.abort();
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
            sender.ready().await.map_err(wrong)?;
            let response = sender.send_request(request.map(|()| Full::new(body))).await;
            let (head, body) = response.map_err(wrong)?.into_parts();
            self.requests.check(&head)?;
            let body = Limited::new(body, BODY_OCTETS).collect().await;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    ReplyError::TooLarge.into()
                } else {
                    error
                        .downcast::<hyper::Error>()
                        .map_or(ExchangeError::Closed, |error| wrong(*error))
                }
            })?;
            Requests::answer(query, &head, body.to_bytes().into())
        };
        let exchanged = timeout(within, exchange)
            .await
            .unwrap_or(Err(ExchangeError::Timeout(within)));
        // The library's errors do not say whether the connection has ended.
        exchanged.map_err(|error| match error {
            ExchangeError::Http(_) if !self.is_open() => ExchangeError::Closed,
            error => error,
        })
    }
}

fn wrong(error: hyper::Error) -> ExchangeError {
    ExchangeError::Http(error.to_string())
}

fn failed(address: SocketAddr, error: &hyper::Error) -> ConnectError {
    ConnectError::Handshake {
        handshake: "HTTP/2",
        address,
        reason: error.to_string(),
    }
}
