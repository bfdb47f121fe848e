//! A stub on loopback: answers this machine's programs over vetted servers, and over nothing else.
//!
//! ```no_run
//! # async fn example(client: resolvet::Client, config: resolvet_proto::session::Config)
//! # -> Result<(), resolvet::stub::BindError> {
//! use resolvet::stub::{Limits, Origin, Stub, Upstream};
//!
//! let upstream = Upstream::begin(client, Origin::Configured(Box::new(config)));
//! let listen = ["127.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
//! let stub = Stub::bind(&listen, Limits::default(), upstream).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A question goes its way in [`Attachment::exchange`](crate::Attachment::exchange), which only a vetted server answers. When
//! there is none, the client gets SERVFAIL and an Extended DNS Error that says why (RFC 8914). Answers are kept as long as
//! their records and the bounds say, and no longer than their server is believed: one that is refused after it had been vetted
//! takes its answers with it. EDNS, padding and Extended DNS Errors are of one hop; nothing else of a client goes out but
//! its question, DO and CD.

mod cache;
mod failure;
mod listen;
mod resolver;
mod upstream;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::{Mutex, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

pub use resolver::Statistics;
pub use upstream::{Evidence, Origin, Present, Upstream};

use resolver::Resolver;

/// What a stub may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Questions under way; those beyond get SERVFAIL at once.
    pub queries: usize,
    /// Streams of clients that are open at once; those beyond are closed.
    pub streams: usize,
    /// Octets of kept answers.
    pub cache_octets: usize,
    /// Seconds that an answer with records is kept at most (RFC 8767 section 4 recommends days at most).
    pub longest_ttl: u32,
    /// Seconds that an answer without records is kept at most (RFC 2308 section 5 recommends three hours at most).
    pub longest_negative_ttl: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queries: 1_024,
            streams: 128,
            cache_octets: 8 << 20,
            longest_ttl: 86_400,
            longest_negative_ttl: 3_600,
        }
    }
}

/// A stub cannot listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others could ask it: it serves this machine alone.
    #[error("`{0}` is no address of loopback: expected one of 127.0.0.0/8, or [::1]")]
    NotLoopback(SocketAddr),
    /// There is no address.
    #[error("no address to listen at")]
    Nothing,
    /// The system refuses.
    #[error("cannot listen at {address} for {protocol}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        protocol: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// A running stub. Dropping it ends it at once; see [`Stub::stop`].
pub struct Stub {
    addresses: Vec<SocketAddr>,
    resolver: Arc<Resolver>,
    upstream: Upstream,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Stub {
    /// Listens at these addresses for UDP and TCP. A port of zero becomes one that is free for both.
    ///
    /// # Errors
    /// An address is not of loopback or cannot be listened at; then none is.
    pub async fn bind(
        addresses: &[SocketAddr],
        limits: Limits,
        upstream: Upstream,
    ) -> Result<Self, BindError> {
        let (sockets, mut absent) = open(addresses).await?;
        match absent.pop() {
            None => Ok(Self::with(sockets, limits, upstream)),
            Some(error) => Err(error),
        }
    }

    /// The same, less those addresses that this machine does not have (one without IPv6, for example), as long as it has one of
    /// them; and why they are left out.
    ///
    /// # Errors
    /// As [`Self::bind`], or this machine has none of the addresses.
    pub async fn bind_present(
        addresses: &[SocketAddr],
        limits: Limits,
        upstream: Upstream,
    ) -> Result<(Self, Vec<BindError>), BindError> {
        let (sockets, mut absent) = open(addresses).await?;
        if sockets.is_empty() {
            return Err(absent.pop().unwrap_or(BindError::Nothing));
        }
        Ok((Self::with(sockets, limits, upstream), absent))
    }

    fn with(sockets: Vec<(UdpSocket, TcpListener)>, limits: Limits, upstream: Upstream) -> Self {
        let resolver = Resolver::new(upstream.watch(), &limits);
        let (stop, stopped) = watch::channel(false);
        let streams = Arc::new(Semaphore::new(limits.streams));
        let mut tasks = JoinSet::new();
        let mut bound = Vec::new();
        for (udp, tcp) in sockets {
            bound.extend(tcp.local_addr());
            let shared = Arc::clone(&resolver);
            tasks.spawn(listen::datagrams(udp, shared, stopped.clone()));
            let shared = Arc::clone(&resolver);
            let (streams, stopped) = (Arc::clone(&streams), stopped.clone());
            tasks.spawn(listen::streams(tcp, shared, streams, stopped));
        }
        Self {
            addresses: bound,
            resolver,
            upstream,
            stop,
            tasks: Mutex::new(tasks),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it asks.
    #[must_use]
    pub const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// What it did so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.resolver.statistics()
    }

    /// Takes no new question, and answers those under way; says whether all of them were answered within this time.
    pub async fn stop(&self, within: Duration) -> bool {
        self.stop.send_replace(true);
        let drained = async { while self.tasks.lock().await.join_next().await.is_some() {} };
        timeout(within, drained).await.is_ok()
    }
}

/// Sockets at these addresses, and why there are none at those that this machine does not have.
async fn open(
    addresses: &[SocketAddr],
) -> Result<(Vec<(UdpSocket, TcpListener)>, Vec<BindError>), BindError> {
    if addresses.is_empty() {
        return Err(BindError::Nothing);
    }
    if let Some(address) = addresses.iter().find(|a| !a.ip().is_loopback()) {
        return Err(BindError::NotLoopback(*address));
    }
    let (mut sockets, mut absent) = (Vec::new(), Vec::new());
    for &address in addresses {
        match listen::bind(address).await {
            Ok(pair) => sockets.push(pair),
            Err(problem) => {
                let is_absent = problem.is_absent();
                let error = BindError::Bind {
                    address,
                    protocol: problem.protocol,
                    source: problem.source,
                };
                match is_absent {
                    true => absent.push(error),
                    false => return Err(error),
                }
            }
        }
    }
    Ok((sockets, absent))
}
