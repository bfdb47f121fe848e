//! A server for DNS over QUIC (RFC 9250) and DNS over HTTPS by HTTP/3 on loopback: one port, told apart by ALPN.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use bytes::{Buf as _, Bytes, BytesMut};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, TokioRuntime, VarInt};

use super::ca::Identity;
use super::dns::{Journal, Responder, Transport, lock};
use super::doh::{Asked, HttpFault, Reaction, Web};
use super::dot::{Versions, bind_datagrams};
use super::https;
use super::running::Running;

/// Octets of a query behind its length.
const STREAM_OCTETS: usize = 2 + 65_535;

/// What the server does wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuicFault {
    /// Nothing.
    #[default]
    None,
    /// These octets are sent on the query's stream in the place of an answer, and then FIN.
    Stream(Vec<u8>),
    /// The answer is sent twice on the stream.
    Twice,
    /// The answer is sent without FIN.
    NoFin,
    /// The query's stream is reset with this code.
    Reset(u32),
    /// The connection is closed with this code at the first query.
    Closes(u32),
    /// Nothing is answered.
    Silent,
}

/// How a server is set up.
#[derive(Clone, Debug, Default)]
pub struct QuicOptions {
    /// Versions of QUIC that it speaks; none: those of the library.
    pub versions: Vec<u32>,
    /// Whether clients must show that they have their address first (RFC 9000 section 8.1.2).
    pub retry: bool,
}

/// A server; dropping it stops it.
#[derive(Debug)]
pub struct Quic {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    _running: Running,
}

#[derive(Debug)]
struct Shared {
    web: Web,
    fault: Mutex<QuicFault>,
    codes: Mutex<Vec<u64>>,
    retry: bool,
}

impl Quic {
    /// Starts a server on a free port of 127.0.0.1, and on the same port of ::1 where there is one.
    ///
    /// # Errors
    /// When no port or thread is to be had, or rustls cannot sign with the identity's key.
    pub fn start(
        responder: Arc<Responder>,
        identity: &Identity,
        options: &QuicOptions,
    ) -> Result<Self> {
        let sockets = bind_datagrams()?;
        let addresses = sockets
            .iter()
            .map(UdpSocket::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            web: Web::new(responder),
            fault: Mutex::default(),
            codes: Mutex::default(),
            retry: options.retry,
        });
        let mut tls = (*https::server::config(identity, Versions::Tls13, &[])?).clone();
        tls.alpn_protocols = vec![b"doq".to_vec(), b"h3".to_vec()];
        let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
        let mut endpoint_config = EndpointConfig::default();
        if !options.versions.is_empty() {
            endpoint_config.supported_versions(options.versions.clone());
        }
        let serving = Arc::clone(&shared);
        let running = Running::start("lab-quic", move || {
            let mut endpoints = Vec::new();
            for socket in sockets {
                let runtime = Arc::new(TokioRuntime);
                let config = Some(config.clone());
                endpoints.push(Endpoint::new(
                    endpoint_config.clone(),
                    config,
                    socket,
                    runtime,
                )?);
            }
            Ok(async move {
                let mut tasks = tokio::task::JoinSet::new();
                for endpoint in endpoints {
                    tasks.spawn(accept(endpoint, Arc::clone(&serving)));
                }
                tasks.join_all().await;
            })
        })?;
        Ok(Self {
            addresses,
            shared,
            _running: running,
        })
    }

    /// Its port, the same on every address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Does this wrong from now on, over DNS over QUIC.
    pub fn fail(&self, fault: QuicFault) {
        *lock(&self.shared.fault) = fault;
    }

    /// Does this wrong from now on, over HTTP/3.
    pub fn fail_over_http(&self, fault: HttpFault) {
        *lock(&self.shared.web.fault) = fault;
    }

    /// What was asked, as DNS.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.shared.web.responder.journal()
    }

    /// What was asked, as HTTP.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.web.asked).clone()
    }

    /// The codes by which clients closed connections or gave up streams, in order.
    #[must_use]
    pub fn codes(&self) -> Vec<u64> {
        lock(&self.shared.codes).clone()
    }
}

/// Accepts connections for ever.
async fn accept(endpoint: Endpoint, shared: Arc<Shared>) {
    while let Some(incoming) = endpoint.accept().await {
        if shared.retry && !incoming.remote_address_validated() {
            let _ = incoming.retry();
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // How a connection ends is the client's affair; what matters stands in the journal.
            let _ = serve(incoming, shared).await;
        });
    }
}

/// One connection, from the handshake to its end.
async fn serve(incoming: quinn::Incoming, shared: Arc<Shared>) -> Result<()> {
    let connection = incoming.await?;
    let alpn = connection
        .handshake_data()
        .and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok())
        .and_then(|data| data.protocol)
        .context("a handshake without ALPN")?;
    if alpn == b"h3" {
        return web(connection, shared).await;
    }
    loop {
        match connection.accept_bi().await {
            Ok((send, receive)) => {
                let (shared, connection) = (Arc::clone(&shared), connection.clone());
                tokio::spawn(async move {
                    let _ = answer(send, receive, connection, &shared).await;
                });
            }
            Err(quinn::ConnectionError::ApplicationClosed(close)) => {
                lock(&shared.codes).push(close.error_code.into_inner());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// One query of DNS over QUIC.
async fn answer(
    mut send: SendStream,
    mut receive: RecvStream,
    connection: quinn::Connection,
    shared: &Shared,
) -> Result<()> {
    let received = receive.read_to_end(STREAM_OCTETS).await?;
    let query = received.get(2..).unwrap_or_default();
    let fault = lock(&shared.fault).clone();
    match &fault {
        QuicFault::Stream(octets) => {
            send.write_all(octets).await?;
            send.finish()?;
            return Ok(());
        }
        QuicFault::Reset(code) => return Ok(send.reset(VarInt::from_u32(*code))?),
        QuicFault::Closes(code) => {
            connection.close(VarInt::from_u32(*code), b"");
            return Ok(());
        }
        QuicFault::Silent => {
            let stopped = send.stopped().await?;
            lock(&shared.codes).extend(stopped.map(VarInt::into_inner));
            return Ok(());
        }
        QuicFault::None | QuicFault::Twice | QuicFault::NoFin => {}
    }
    let reply = shared.web.responder.reply(query, Transport::Quic);
    reply.wait().await;
    let framed = reply.framed();
    send.write_all(&framed).await?;
    match fault {
        QuicFault::Twice => send.write_all(&framed).await?,
        QuicFault::NoFin => {
            let stopped = send.stopped().await?;
            lock(&shared.codes).extend(stopped.map(VarInt::into_inner));
            return Ok(());
        }
        _ => {}
    }
    send.finish()?;
    Ok(())
}

/// A connection of HTTP/3.
async fn web(connection: quinn::Connection, shared: Arc<Shared>) -> Result<()> {
    let closing = connection.clone();
    let mut http =
        h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(connection)).await?;
    while let Some(resolver) = http.accept().await? {
        let (shared, closing) = (Arc::clone(&shared), closing.clone());
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            let mut body = BytesMut::new();
            while let Some(part) = stream.recv_data().await? {
                body.extend_from_slice(part.chunk());
            }
            let (head, ()) = request.into_parts();
            let reaction = shared
                .web
                .react(&head, body.freeze(), Transport::Http3)
                .await?;
            let (response, half) = match reaction {
                Reaction::Answer(response) => (response, false),
                Reaction::Half(response) => (response, true),
                Reaction::Die => {
                    closing.close(VarInt::from_u32(0x102), b"");
                    return Ok(());
                }
                Reaction::Wait => std::future::pending().await,
            };
            let (head, body) = response.into_parts();
            stream
                .send_response(hyper::Response::from_parts(head, ()))
                .await?;
            if half {
                stream.send_data(body.slice(..body.len() / 2)).await?;
                stream.stop_stream(h3::error::Code::H3_INTERNAL_ERROR);
                return Ok(());
            }
            if !body.is_empty() {
                stream.send_data(body).await?;
            }
            stream.finish().await?;
            Ok::<_, anyhow::Error>(())
        });
    }
    Ok(())
}
