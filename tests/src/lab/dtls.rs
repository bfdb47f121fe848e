//! A DNS over DTLS server (RFC 8094) on loopback, and a proxy that loses datagrams.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Result, anyhow};
use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::{Certificate, CryptoPrivateKey};
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};

use super::ca::Identity;
use super::dns::{Journal, Responder, Transport, lock};
use super::dot::bind_datagrams;
use super::running::Running;

/// Octets of the largest datagram.
const DATAGRAM: usize = 65_535;

/// A server; dropping it stops it.
#[derive(Debug)]
pub struct Dtls {
    addresses: Vec<SocketAddr>,
    responder: Arc<Responder>,
    closing: Arc<Mutex<bool>>,
    _running: Running,
}

impl Dtls {
    /// Starts a server on a free port of 127.0.0.1, and on the same port of ::1 where there is one.
    ///
    /// # Errors
    /// When no port or thread is to be had, or the library cannot sign with the identity's key.
    pub fn start(responder: Arc<Responder>, identity: &Identity) -> Result<Self> {
        let sockets = bind_datagrams()?;
        let addresses = sockets
            .iter()
            .map(UdpSocket::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let config = config(identity)?;
        let closing = Arc::new(Mutex::new(false));
        let (serving, ending) = (Arc::clone(&responder), Arc::clone(&closing));
        let running = Running::start("lab-dtls", move || {
            let mut listening = Vec::new();
            for socket in sockets {
                listening.push(tokio::net::UdpSocket::from_std(socket)?);
            }
            Ok(async move {
                let mut tasks = tokio::task::JoinSet::new();
                for socket in listening {
                    let (config, serving) = (Arc::clone(&config), Arc::clone(&serving));
                    tasks.spawn(serve(socket, config, serving, Arc::clone(&ending)));
                }
                tasks.join_all().await;
            })
        })?;
        Ok(Self {
            addresses,
            responder,
            closing,
            _running: running,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its port, the same on every address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Ends every association with close_notify at its next query, once.
    pub fn close(&self) {
        *lock(&self.closing) = true;
    }

    /// What was asked.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.responder.journal()
    }
}

fn config(identity: &Identity) -> Result<Arc<HandshakeConfig>> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("the library for DTLS: {error}");
    let provider = default_provider().map_err(|error| failed(&error))?;
    let private_key = CryptoPrivateKey::from_key_pair(identity.key(), provider.crypto())
        .map_err(|error| failed(&error))?;
    let certificate = Certificate {
        certificate: identity.chain().to_vec(),
        private_key,
    };
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate])
        .build(false, None)
        .map_err(|error| failed(&error))?;
    Ok(Arc::new(config))
}

/// Answers datagrams for ever.
async fn serve(
    socket: tokio::net::UdpSocket,
    config: Arc<HandshakeConfig>,
    responder: Arc<Responder>,
    closing: Arc<Mutex<bool>>,
) -> io::Result<()> {
    let local = socket.local_addr()?;
    let mut endpoint = Endpoint::new(local, Default::default(), Some(config));
    let mut known: HashSet<SocketAddr> = HashSet::new();
    let mut buffer = vec![0; DATAGRAM];
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel::<(SocketAddr, Vec<u8>)>();
    loop {
        let due = known
            .iter()
            .filter_map(|peer| endpoint.poll_timeout(peer))
            .min();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                // An ICMP error of an answer that nobody waited for comes back here; it concerns no later datagram.
                let Ok((length, peer)) = received else { continue };
                known.insert(peer);
                let datagram = BytesMut::from(buffer.get(..length).unwrap_or_default());
                for event in endpoint.read(Instant::now(), peer, None, datagram).unwrap_or_default() {
                    let EndpointEvent::ApplicationData(query) = event else { continue };
                    if std::mem::take(&mut *lock(&closing)) {
                        endpoint.stop(Instant::now(), peer);
                        continue;
                    }
                    let reply = responder.reply(&query, Transport::Dtls);
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        reply.wait().await;
                        for message in reply.messages {
                            let _ = answers.send((peer, message));
                        }
                    });
                }
            }
            Some((peer, message)) = answered.recv() => {
                let _ = endpoint.write(Instant::now(), peer, &message);
            }
            () = due => {
                for peer in &known {
                    let _ = endpoint.handle_timeout(*peer, Instant::now());
                }
            }
        }
        while let Some(transmit) = endpoint.poll_transmit() {
            let _ = socket
                .send_to(&transmit.message, transmit.transport.peer_addr)
                .await;
        }
    }
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From a client.
    There,
    /// From the server.
    Back,
}

/// Datagrams in the order in which they went on.
pub type Passed = Vec<(Way, Vec<u8>)>;

/// A proxy that passes datagrams on but for those that are named: the first is 0, counted for each way. One client at a time;
/// dropping it stops it.
#[derive(Debug)]
pub struct Lossy {
    address: SocketAddr,
    passed: Arc<Mutex<Passed>>,
    _running: Running,
}

impl Lossy {
    /// Starts a proxy on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start(server: SocketAddr, lost: impl IntoIterator<Item = (Way, usize)>) -> Result<Self> {
        let lost: HashSet<_> = lost.into_iter().collect();
        let outside = UdpSocket::bind(("127.0.0.1", 0))?;
        let inside = UdpSocket::bind(("127.0.0.1", 0))?;
        inside.connect(server)?;
        let address = outside.local_addr()?;
        for socket in [&outside, &inside] {
            socket.set_nonblocking(true)?;
        }
        let passed: Arc<Mutex<Passed>> = Arc::default();
        let journal = Arc::clone(&passed);
        let running = Running::start("lab-lossy", move || {
            let outside = tokio::net::UdpSocket::from_std(outside)?;
            let inside = tokio::net::UdpSocket::from_std(inside)?;
            Ok(async move {
                let (mut there, mut back) = (0, 0);
                let mut client = None;
                let (mut from_client, mut from_server) = (vec![0; DATAGRAM], vec![0; DATAGRAM]);
                loop {
                    tokio::select! {
                        Ok((length, peer)) = outside.recv_from(&mut from_client) => {
                            client = Some(peer);
                            let datagram = from_client.get(..length).unwrap_or_default();
                            if !lost.contains(&(Way::There, there)) {
                                lock(&journal).push((Way::There, datagram.to_vec()));
                                let _ = inside.send(datagram).await;
                            }
                            there += 1;
                        }
                        Ok(length) = inside.recv(&mut from_server) => {
                            let datagram = from_server.get(..length).unwrap_or_default();
                            if !lost.contains(&(Way::Back, back)) && let Some(client) = client {
                                lock(&journal).push((Way::Back, datagram.to_vec()));
                                let _ = outside.send_to(datagram, client).await;
                            }
                            back += 1;
                        }
                    }
                }
            })
        })?;
        Ok(Self {
            address,
            passed,
            _running: running,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was passed on.
    #[must_use]
    pub fn passed(&self) -> Passed {
        lock(&self.passed).clone()
    }
}
