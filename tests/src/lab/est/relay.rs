//! A man in the middle: it ends TLS with a certificate of its own and passes every octet on to the real server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
#[cfg(feature = "tls-pake")]
use resolvet_tls_pake::{Acceptor, Names, Registration};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::lab::ca::Identity;
use crate::lab::dot::{Versions, bind};
use crate::lab::https::{client, server};
use crate::lab::running::Running;

/// How often a password may be tried in vain.
#[cfg(feature = "tls-pake")]
const GUESSES: u32 = 3;

/// A relay; dropping it stops it.
#[derive(Debug)]
pub struct Relay {
    addresses: Vec<SocketAddr>,
    relayed: Arc<AtomicUsize>,
    _running: Running,
}

#[derive(Clone, Debug)]
struct Way {
    inside: Inside,
    outside: Arc<ClientConfig>,
    target: SocketAddr,
    relayed: Arc<AtomicUsize>,
}

/// How its clients are served.
#[derive(Clone, Debug)]
enum Inside {
    Certificate(Arc<ServerConfig>),
    #[cfg(feature = "tls-pake")]
    Password(Arc<Acceptor>),
}

impl Relay {
    /// Starts a front for `target` that is the server itself: a client that asks for a PAKE proves this user's password inside
    /// the handshake, under this server's name, and everybody else is shown `identity`.
    ///
    /// # Errors
    /// When a port or a thread is not to be had, or BoringSSL does not take the identity.
    #[cfg(feature = "tls-pake")]
    pub fn with_password(
        identity: &Identity,
        target: SocketAddr,
        server: &str,
        (user, password): (&str, &str),
    ) -> Result<Self> {
        let names = Names {
            client: user.as_bytes(),
            server: server.as_bytes(),
        };
        let known = Registration::new(password.as_bytes(), names)?;
        let chain: Vec<&[u8]> = identity.chain().iter().map(AsRef::as_ref).collect();
        let key = identity.key().serialize_der();
        let own = (chain.as_slice(), key.as_slice());
        let acceptor = Acceptor::new(server, &[(user, &known)], GUESSES, own, b"http/1.1")?;
        Self::serving(Inside::Password(Arc::new(acceptor)), target)
    }

    /// Starts a relay to `target` that presents `identity`.
    ///
    /// # Errors
    /// When a port or a thread is not to be had, or rustls cannot sign with the identity's key.
    pub fn start(identity: &Identity, target: SocketAddr) -> Result<Self> {
        let config = server::config(identity, Versions::Both, &[])?;
        Self::serving(Inside::Certificate(config), target)
    }

    fn serving(inside: Inside, target: SocketAddr) -> Result<Self> {
        let listeners = bind()?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let way = Way {
            inside,
            outside: Arc::new(client::config(None, None)?),
            target,
            relayed: Arc::default(),
        };
        let relayed = Arc::clone(&way.relayed);
        let running = Running::start("lab-relay", move || {
            let mut listening = Vec::new();
            for listener in listeners {
                listening.push(tokio::net::TcpListener::from_std(listener)?);
            }
            Ok(async move {
                let mut tasks = tokio::task::JoinSet::new();
                for listener in listening {
                    tasks.spawn(accept(listener, way.clone()));
                }
                tasks.join_all().await;
            })
        })?;
        Ok(Self {
            addresses,
            relayed,
            _running: running,
        })
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Where it listens: 127.0.0.1 first, then ::1 where there is one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its URL: `https://localhost:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// How many connections have both their sides.
    #[must_use]
    pub fn relayed(&self) -> usize {
        self.relayed.load(Ordering::Relaxed)
    }
}

async fn accept(listener: tokio::net::TcpListener, way: Way) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let way = way.clone();
        tokio::spawn(async move {
            // How a connection ends is the affair of its two ends.
            let _ = relay(stream, &way).await;
        });
    }
}

async fn relay(stream: TcpStream, way: &Way) -> Result<()> {
    match &way.inside {
        Inside::Certificate(config) => {
            let acceptor = TlsAcceptor::from(Arc::clone(config));
            pass(acceptor.accept(stream).await?, way).await
        }
        #[cfg(feature = "tls-pake")]
        Inside::Password(acceptor) => pass(acceptor.accept(stream).await?, way).await,
    }
}

async fn pass(mut inside: impl AsyncRead + AsyncWrite + Unpin, way: &Way) -> Result<()> {
    let stream = TcpStream::connect(way.target).await?;
    let name = ServerName::try_from("localhost")?;
    let mut outside = TlsConnector::from(Arc::clone(&way.outside))
        .connect(name, stream)
        .await?;
    way.relayed.fetch_add(1, Ordering::Relaxed);
    tokio::io::copy_bidirectional(&mut inside, &mut outside).await?;
    Ok(())
}
