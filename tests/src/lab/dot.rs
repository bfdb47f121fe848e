//! A DNS over TLS server (RFC 7858) on loopback, with the zones of a responder and the faults of a bad network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::server::ResolvesServerCert;
use rustls::sign::SingleCertAndKey;
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ca::Identity;
use super::dns::{Journal, Responder, Transport, lock};
use super::running::Running;

/// The protocol's ALPN identifier.
const ALPN: &[u8] = b"dot";
/// Ports tried until one is free on both address families.
const ATTEMPTS: usize = 32;
/// How long answers are held back for a reversal that nothing completes.
const HELD: Duration = Duration::from_millis(200);

/// Versions of TLS that the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

impl Versions {
    pub(crate) fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
        const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
        match self {
            Self::Both => rustls::DEFAULT_VERSIONS,
            Self::Tls12 => TLS12,
            Self::Tls13 => TLS13,
        }
    }
}

/// What the server does wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DotFault {
    /// Nothing.
    #[default]
    None,
    /// Connections are closed as soon as they are there.
    Closes,
    /// Connections are closed after the client's first octets.
    ClosesInHandshake,
    /// Connections are held, and nothing is said.
    Silent,
    /// These octets are sent in the place of a handshake.
    NoTls(Vec<u8>),
    /// The handshake is done, and at the first query these octets are sent in the place of an answer.
    Stream(Vec<u8>),
    /// Each answer is sent twice.
    Twice,
    /// After so many octets of the first answer, its length among them, the connection ends without a word.
    Dies(usize),
    /// The connection is closed after so many answers, without close_notify when `abrupt`.
    ClosesAfter {
        /// Answers before the end.
        answers: usize,
        /// Whether the TLS alert is left out.
        abrupt: bool,
    },
}

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct DotOptions {
    /// Versions of TLS.
    pub versions: Versions,
    /// Answers are sent in reverse order whenever so many queries are there; 1 is the order of the queries.
    pub reverse: usize,
    /// A connection on which nothing is asked for this long is closed.
    pub idle: Duration,
}

impl Default for DotOptions {
    fn default() -> Self {
        Self {
            versions: Versions::default(),
            reverse: 1,
            idle: Duration::from_secs(30),
        }
    }
}

/// What happened at a server so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections accepted.
    pub connections: usize,
    /// Handshakes completed.
    pub handshakes: usize,
    /// Of these, resumed ones.
    pub resumed: usize,
    /// Names that clients sent as server_name, in order; empty where none was sent.
    pub server_names: Vec<String>,
    /// The version of TLS of each completed handshake.
    pub versions: Vec<String>,
    /// Why handshakes failed, in the words of rustls: a client's alert, for one.
    pub failures: Vec<String>,
}

/// A DNS over TLS server; dropping it stops it.
#[derive(Debug)]
pub struct Dot {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    _running: Running,
}

#[derive(Debug)]
struct Shared {
    responder: Arc<Responder>,
    options: DotOptions,
    config: Mutex<Arc<ServerConfig>>,
    fault: Mutex<DotFault>,
    statistics: Mutex<Statistics>,
}

impl Dot {
    /// Starts a server on a free port of 127.0.0.1, and on the same port of ::1 where there is one.
    ///
    /// # Errors
    /// When no port or thread is to be had, or rustls cannot sign with the identity's key.
    pub fn start(
        responder: Arc<Responder>,
        identity: &Identity,
        options: DotOptions,
    ) -> Result<Self> {
        let listeners = bind()?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            responder,
            config: Mutex::new(config(identity, options.versions)?),
            options,
            fault: Mutex::default(),
            statistics: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let running = Running::serving("lab-dot", listeners, move |stream| {
            lock(&serving.statistics).connections += 1;
            let shared = Arc::clone(&serving);
            async move { Ok(serve(stream, &shared).await?) }
        })?;
        Ok(Self {
            addresses,
            shared,
            _running: running,
        })
    }

    /// Where it listens: 127.0.0.1 first, then ::1 where there is one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its port, the same on every address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Presents another identity to those who connect from now on.
    ///
    /// # Errors
    /// When rustls cannot sign with the identity's key.
    pub fn present(&self, identity: &Identity) -> Result<()> {
        *lock(&self.shared.config) = config(identity, self.shared.options.versions)?;
        Ok(())
    }

    /// Does this wrong from now on.
    pub fn fail(&self, fault: DotFault) {
        *lock(&self.shared.fault) = fault;
    }

    /// Its zones, rules and journal.
    #[must_use]
    pub fn responder(&self) -> &Arc<Responder> {
        &self.shared.responder
    }

    /// What was asked.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.shared.responder.journal()
    }

    /// What happened so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        lock(&self.shared.statistics).clone()
    }
}

/// Listeners of one port.
pub(crate) fn bind() -> Result<Vec<TcpListener>> {
    for _ in 0..ATTEMPTS {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = v4.local_addr()?.port();
        let mut listeners = vec![v4];
        match TcpListener::bind((IpAddr::from(Ipv6Addr::LOCALHOST), port)) {
            Ok(v6) => listeners.push(v6),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
            // No IPv6 here.
            Err(_) => {}
        }
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        return Ok(listeners);
    }
    anyhow::bail!("no port is free for IPv4 and IPv6")
}

/// Sockets of one port.
pub(crate) fn bind_datagrams() -> Result<Vec<UdpSocket>> {
    for _ in 0..ATTEMPTS {
        let v4 = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = v4.local_addr()?.port();
        let mut sockets = vec![v4];
        match UdpSocket::bind((IpAddr::from(Ipv6Addr::LOCALHOST), port)) {
            Ok(v6) => sockets.push(v6),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
            // No IPv6 here.
            Err(_) => {}
        }
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        return Ok(sockets);
    }
    anyhow::bail!("no port is free for IPv4 and IPv6")
}

/// rustls as a server with this identity.
fn config(identity: &Identity, versions: Versions) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // A resolver of our own, since rustls refuses a key that does not belong to the certificate, and one fault is that.
    let resolver: Arc<dyn ResolvesServerCert> =
        Arc::new(SingleCertAndKey::from(identity.certified_key()?));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions.supported())
        .context("rustls knows no such version")?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Accepts connections for ever.
/// One connection, from the handshake to its end.
async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let fault = lock(&shared.fault).clone();
    match &fault {
        DotFault::Closes => return Ok(()),
        DotFault::ClosesInHandshake => {
            let mut first = [0; 512];
            let _ = stream.read(&mut first).await?;
            return Ok(());
        }
        DotFault::Silent => {
            tokio::time::sleep(shared.options.idle).await;
            return Ok(());
        }
        DotFault::NoTls(octets) => {
            stream.write_all(octets).await?;
            tokio::time::sleep(shared.options.idle).await;
            return Ok(());
        }
        DotFault::None
        | DotFault::Stream(_)
        | DotFault::Twice
        | DotFault::Dies(_)
        | DotFault::ClosesAfter { .. } => {}
    }
    let acceptor = TlsAcceptor::from(Arc::clone(&lock(&shared.config)));
    match acceptor.accept(stream).await {
        Ok(tls) => {
            shared.completed(&tls);
            answer(tls, shared, &fault).await
        }
        Err(error) => {
            lock(&shared.statistics).failures.push(error.to_string());
            Err(error)
        }
    }
}

impl Shared {
    /// Writes a completed handshake down.
    fn completed(&self, tls: &tokio_rustls::server::TlsStream<TcpStream>) {
        let (_, connection) = tls.get_ref();
        let version = connection
            .protocol_version()
            .map(|version| format!("{version:?}"));
        let mut statistics = lock(&self.statistics);
        statistics.handshakes += 1;
        statistics.resumed +=
            usize::from(connection.handshake_kind() == Some(HandshakeKind::Resumed));
        statistics
            .server_names
            .push(connection.server_name().unwrap_or_default().to_owned());
        statistics.versions.extend(version);
    }
}

/// Answers queries until the connection's end.
async fn answer(
    mut tls: tokio_rustls::server::TlsStream<TcpStream>,
    shared: &Shared,
    fault: &DotFault,
) -> io::Result<()> {
    let mut received = Vec::new();
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut answered = 0;
    loop {
        while let Some(query) = frame(&mut received) {
            if let DotFault::Stream(octets) = fault {
                tls.write_all(octets).await?;
                tls.flush().await?;
                continue;
            }
            let reply = shared.responder.reply(&query, Transport::Tls);
            reply.wait().await;
            held.push(reply.framed());
            match fault {
                DotFault::Twice => held.push(reply.framed()),
                DotFault::Dies(octets) => {
                    let framed = reply.framed();
                    tls.write_all(framed.get(..*octets).unwrap_or(&framed))
                        .await?;
                    return tls.flush().await;
                }
                _ => {}
            }
            if held.len() >= shared.options.reverse {
                answered += send(&mut tls, &mut held).await?;
            }
            match fault {
                DotFault::ClosesAfter { answers, abrupt } if answered >= *answers => {
                    return if *abrupt {
                        Ok(())
                    } else {
                        tls.shutdown().await
                    };
                }
                _ => {}
            }
        }
        let mut buffer = [0; 4096];
        let patience = if held.is_empty() {
            shared.options.idle
        } else {
            HELD
        };
        match tokio::time::timeout(patience, tls.read(&mut buffer)).await {
            Ok(Ok(0)) => return tls.shutdown().await,
            Ok(Ok(length)) => received.extend(buffer.get(..length).unwrap_or_default()),
            Ok(Err(error)) => return Err(error),
            Err(_) if held.is_empty() => return tls.shutdown().await,
            Err(_) => answered += send(&mut tls, &mut held).await?,
        }
    }
}

/// Sends what was held back, newest first, and says how many answers that were.
async fn send(
    tls: &mut tokio_rustls::server::TlsStream<TcpStream>,
    held: &mut Vec<Vec<u8>>,
) -> io::Result<usize> {
    let answers = held.len();
    for answer in held.drain(..).rev() {
        tls.write_all(&answer).await?;
    }
    tls.flush().await?;
    Ok(answers)
}

/// Takes the first whole message out of what was received (RFC 1035 section 4.2.2).
fn frame(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes(*received.first_chunk()?));
    let message = received.get(2..2 + length)?.to_vec();
    received.drain(..2 + length);
    Some(message)
}
