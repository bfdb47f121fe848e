//! A DNS server in clear text on loopback, over UDP and TCP: authoritative for its zones and answering recursively for
//! them, well or badly on demand.

mod behaviour;
pub mod hostile;
mod journal;
mod responder;
#[cfg(test)]
mod tests;
mod zone;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub use behaviour::{Behaviour, Synthesis, When};
pub(crate) use journal::lock;
pub use journal::{Journal, Seen, Transport};
pub use responder::Responder;
pub use zone::{Endpoint, Found, TTL, Zone, absolute, naptr};

use crate::lab::running::Running;

/// Ports tried until one is free for UDP and TCP.
const ATTEMPTS: usize = 32;
/// A stream on which nothing is asked for this long is closed.
const IDLE: Duration = Duration::from_secs(10);

/// A DNS server in clear text; dropping it stops it.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    responder: Arc<Responder>,
    _running: Running,
}

impl Dns {
    /// Starts a server on a free port of 127.0.0.1, the same for UDP and TCP.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start(zones: Vec<Zone>) -> Result<Self> {
        let responder = Arc::new(Responder::new(zones));
        let (datagrams, streams) = bind()?;
        let address = datagrams.local_addr()?;
        let shared = Arc::clone(&responder);
        let running = Running::start("lab-dns", move || {
            let datagrams = tokio::net::UdpSocket::from_std(datagrams)?;
            let streams = tokio::net::TcpListener::from_std(streams)?;
            Ok(async move {
                tokio::join!(
                    serve_datagrams(Arc::new(datagrams), Arc::clone(&shared)),
                    serve_streams(streams, shared),
                );
            })
        })?;
        Ok(Self {
            address,
            responder,
            _running: running,
        })
    }

    /// Where it listens, over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its zones, rules and journal.
    #[must_use]
    pub fn responder(&self) -> &Arc<Responder> {
        &self.responder
    }

    /// Behaves so from now on; of several rules that match a query, the newest counts.
    pub fn behave(&self, when: When, behaviour: Behaviour) {
        self.responder.behave(when, behaviour);
    }

    /// What was asked.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.responder.journal()
    }
}

/// A port that is free for both.
fn bind() -> Result<(UdpSocket, TcpListener)> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        match UdpSocket::bind(streams.local_addr()?) {
            Ok(datagrams) => {
                datagrams.set_nonblocking(true)?;
                streams.set_nonblocking(true)?;
                return Ok((datagrams, streams));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
        .context("no port is free for UDP and TCP")
}

/// Answers datagrams for ever.
async fn serve_datagrams(socket: Arc<tokio::net::UdpSocket>, responder: Arc<Responder>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        // An ICMP error of an answer that nobody waited for comes back here; it concerns no later query.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let reply = responder.reply(buffer.get(..length).unwrap_or_default(), Transport::Udp);
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            reply.wait().await;
            for message in &reply.messages {
                let _ = socket.send_to(message, peer).await;
            }
        });
    }
}

/// Answers streams for ever.
async fn serve_streams(listener: tokio::net::TcpListener, responder: Arc<Responder>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let responder = Arc::clone(&responder);
        tokio::spawn(async move {
            let _ = serve_stream(stream, &responder).await;
        });
    }
}

/// Answers one stream, query by query, until its end.
async fn serve_stream(mut stream: tokio::net::TcpStream, responder: &Responder) -> io::Result<()> {
    loop {
        let length = tokio::time::timeout(IDLE, stream.read_u16()).await??;
        let mut query = vec![0; usize::from(length)];
        tokio::time::timeout(IDLE, stream.read_exact(&mut query)).await??;
        let reply = responder.reply(&query, Transport::Tcp);
        reply.wait().await;
        stream.write_all(&reply.framed()).await?;
    }
}
