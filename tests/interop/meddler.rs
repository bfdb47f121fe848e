//! Somebody on the way to a resolver who changes what it answers.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RecordType};

/// How long it waits for a message before it looks whether it shall end.
const LOOK: Duration = Duration::from_millis(100);
/// How long the resolver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Passes queries on over UDP, and changes the answers.
#[derive(Debug)]
pub(crate) struct Meddler {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Asks the resolver for something else, with signatures.
pub(crate) type Ask<'a> = &'a dyn Fn(&Name, RecordType) -> Result<Message>;

impl Meddler {
    /// Stands before this resolver.
    pub(crate) fn start(
        resolver: SocketAddr,
        change: impl Fn(&mut Message, Ask<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(LOOK))?;
        let address = socket.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut query = [0; 1_500];
            while !ends.load(Ordering::SeqCst) {
                let Ok((length, client)) = socket.recv_from(&mut query) else {
                    continue;
                };
                let answer = exchange(resolver, &query[..length]).and_then(|mut answer| {
                    change(&mut answer, &|name, rtype| ask(resolver, name, rtype))?;
                    Ok(answer.to_vec()?)
                });
                // A client that hears nothing fails its test.
                if let Ok(answer) = answer {
                    drop(socket.send_to(&answer, client));
                }
            }
        });
        Ok(Self {
            address,
            is_over,
            thread: Some(thread),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn ask(resolver: SocketAddr, name: &Name, rtype: RecordType) -> Result<Message> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.metadata.checking_disabled = true;
    let mut edns = Edns::new();
    edns.set_max_payload(1_232).enable_dnssec();
    message.set_edns(edns);
    message.add_query(Query::query(name.clone(), rtype));
    exchange(resolver, &message.to_vec()?)
}

fn exchange(resolver: SocketAddr, query: &[u8]) -> Result<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(query, resolver)?;
    let mut answer = [0; 4_096];
    let length = socket.recv(&mut answer)?;
    Message::from_vec(&answer[..length]).context("the resolver's answer")
}
