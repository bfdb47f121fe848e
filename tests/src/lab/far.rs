//! Servers that are far away: proxies through which everything takes its time, and which count round trips by cause.
//!
//! Whatever a client sends counts one round trip more than the latest thing that it has received, and an answer counts what
//! its question did. So the count is of waiting, not of time: a slow machine does not change it, as long as it is not slower
//! than the distance, and then it can only become more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::running::Running;

/// Octets of the largest datagram, and of what is read from a stream at once.
const OCTETS: usize = 65_535;

/// A distance, and the proxies that stand for it; dropping it stops them.
#[derive(Debug)]
pub struct Far {
    round_trip: Duration,
    received: Arc<AtomicU32>,
    running: Vec<Running>,
}

impl Far {
    /// A distance of this round trip time.
    #[must_use]
    pub fn new(round_trip: Duration) -> Self {
        Self {
            round_trip,
            received: Arc::default(),
            running: Vec::new(),
        }
    }

    /// Round trips that the client has waited for. Connecting a stream is one.
    #[must_use]
    pub fn round_trips(&self) -> u32 {
        self.received.load(Ordering::SeqCst)
    }

    /// A place on 127.0.0.1 that leads to a server's datagrams.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn datagrams(&mut self, server: SocketAddr) -> Result<SocketAddr> {
        let outside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        outside.set_nonblocking(true)?;
        let address = outside.local_addr()?;
        let (received, half) = (Arc::clone(&self.received), self.round_trip / 2);
        self.running.push(Running::start("lab-far", move || {
            let outside = Arc::new(tokio::net::UdpSocket::from_std(outside)?);
            Ok(carry_datagrams(outside, server, received, half))
        })?);
        Ok(address)
    }

    /// A place on 127.0.0.1 that leads to a server's streams.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn streams(&mut self, server: SocketAddr) -> Result<SocketAddr> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (received, half) = (Arc::clone(&self.received), self.round_trip / 2);
        let carry = move |stream| carry_stream(stream, server, Arc::clone(&received), half);
        let running = Running::serving("lab-far", vec![listener], carry)?;
        self.running.push(running);
        Ok(address)
    }
}

/// Octets on the way, when they arrive, and the round trip that they belong to.
type OnTheWay = (Instant, u32, Vec<u8>);

/// One direction: whatever is given is delivered later, in order.
fn direction<D>(
    deliver: impl Fn(u32, Vec<u8>) -> D + Send + 'static,
) -> mpsc::UnboundedSender<OnTheWay>
where
    D: Future<Output = bool> + Send,
{
    let (give, mut on_the_way) = mpsc::unbounded_channel::<OnTheWay>();
    tokio::spawn(async move {
        while let Some((due, round_trip, octets)) = on_the_way.recv().await {
            sleep_until(due).await;
            if !deliver(round_trip, octets).await {
                break;
            }
        }
    });
    give
}

/// Each client's socket has one of its own towards the server.
async fn carry_datagrams(
    outside: Arc<tokio::net::UdpSocket>,
    server: SocketAddr,
    received: Arc<AtomicU32>,
    half: Duration,
) {
    let mut clients: HashMap<SocketAddr, mpsc::UnboundedSender<OnTheWay>> = HashMap::new();
    let mut buffer = vec![0; OCTETS];
    while let Ok((length, client)) = outside.recv_from(&mut buffer).await {
        let octets = buffer.get(..length).unwrap_or_default().to_vec();
        let round_trip = received.load(Ordering::SeqCst) + 1;
        let there = match clients.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let carried = carry_client(client, server, &outside, &received, half).await;
                let Ok(there) = carried else { return };
                new.insert(there)
            }
        };
        let _ = there.send((Instant::now() + half, round_trip, octets));
    }
}

/// The way there for one client; the way back is carried beside.
async fn carry_client(
    client: SocketAddr,
    server: SocketAddr,
    outside: &Arc<tokio::net::UdpSocket>,
    received: &Arc<AtomicU32>,
    half: Duration,
) -> Result<mpsc::UnboundedSender<OnTheWay>> {
    let inside = Arc::new(tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    inside.connect(server).await?;
    let arrived = Arc::new(AtomicU32::new(0));
    let (to_server, latest) = (Arc::clone(&inside), Arc::clone(&arrived));
    let there = direction(move |round_trip, octets| {
        latest.fetch_max(round_trip, Ordering::SeqCst);
        let to_server = Arc::clone(&to_server);
        async move { to_server.send(&octets).await.is_ok() }
    });
    let (to_client, counted) = (Arc::clone(outside), Arc::clone(received));
    let back = direction(move |round_trip, octets| {
        counted.fetch_max(round_trip, Ordering::SeqCst);
        let to_client = Arc::clone(&to_client);
        async move { to_client.send_to(&octets, client).await.is_ok() }
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; OCTETS];
        while let Ok(length) = inside.recv(&mut buffer).await {
            let octets = buffer.get(..length).unwrap_or_default().to_vec();
            let round_trip = arrived.load(Ordering::SeqCst);
            if back
                .send((Instant::now() + half, round_trip, octets))
                .is_err()
            {
                break;
            }
        }
    });
    Ok(there)
}

/// The kernel has connected the client already, so that round trip is waited for here.
async fn carry_stream(
    client: TcpStream,
    server: SocketAddr,
    received: Arc<AtomicU32>,
    half: Duration,
) -> Result<()> {
    let connecting = received.load(Ordering::SeqCst) + 1;
    let server = TcpStream::connect(server).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    sleep(half * 2).await;
    received.fetch_max(connecting, Ordering::SeqCst);
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (to_client, to_server) = (
        Arc::new(Mutex::new(to_client)),
        Arc::new(Mutex::new(to_server)),
    );
    let arrived = Arc::new(AtomicU32::new(0));
    let (counted, latest) = (Arc::clone(&received), Arc::clone(&arrived));
    let there = direction(move |round_trip, octets| {
        latest.fetch_max(round_trip, Ordering::SeqCst);
        let to_server = Arc::clone(&to_server);
        async move { to_server.lock().await.write_all(&octets).await.is_ok() }
    });
    let back = direction(move |round_trip, octets| {
        counted.fetch_max(round_trip, Ordering::SeqCst);
        let to_client = Arc::clone(&to_client);
        async move { to_client.lock().await.write_all(&octets).await.is_ok() }
    });
    let (mut of_client, mut of_server) = (vec![0; OCTETS], vec![0; OCTETS]);
    loop {
        let (give, round_trip, octets) = tokio::select! {
            read = from_client.read(&mut of_client) => {
                (&there, received.load(Ordering::SeqCst) + 1, of_client.get(..read?))
            }
            read = from_server.read(&mut of_server) => {
                (&back, arrived.load(Ordering::SeqCst), of_server.get(..read?))
            }
        };
        let octets = octets.unwrap_or_default().to_vec();
        if octets.is_empty() {
            return Ok(());
        }
        give.send((Instant::now() + half, round_trip, octets))?;
    }
}
