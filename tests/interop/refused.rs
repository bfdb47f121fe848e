//! Ten faults of authentication at servers that others wrote, over each transport: refused with the finding's own code, before
//! anything is asked, and nothing leaves in clear text but discovery's lookups.
//!
//! A server that does not prove possession of its key can be made of aioquic, of tlslite-ng and, by damage on the way, of
//! OpenSSL's DTLS 1.2, where the proof passes in clear text. OpenSSL (Unbound, dnsdist, socat) and GnuTLS (Knot Resolver) do not
//! start with a key that is another certificate's.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use anyhow::{Context as _, Result};
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::ca::Fault;

use crate::encrypted::Place;
use crate::process::free_address;

/// What is told where possession was not proved.
const NO_PROOF: &str = "did not prove possession of its certificate's key";
/// The exit code of nothing authenticated.
const NOT_AUTHENTICATED: i32 = 5;

/// Each fault is refused. Then a good certificate of the same authority, at the same place, is taken.
fn each_fault<S>(transport: Transport, start: impl Fn(&Place) -> Result<S>) -> Result<()> {
    let mut place = Place::new(transport)?;
    for (fault, code) in Fault::REFUSED {
        place.present(fault)?;
        if fault.is_none() {
            place.revoke()?;
        }
        let _server = start(&place).context(code)?;
        place.refuses(NOT_AUTHENTICATED, code)?;
    }
    place.present(None)?;
    let _server = start(&place)?;
    place.answers()
}

#[test]
fn unbound_over_tls() -> Result<()> {
    each_fault(Transport::Dot, Place::unbound)
}

#[test]
fn unbound_over_https() -> Result<()> {
    each_fault(Transport::Doh, Place::unbound)
}

#[test]
fn knot_resolver_over_tls() -> Result<()> {
    each_fault(Transport::Dot, Place::knot_resolver)
}

#[test]
fn dnsdist_over_https() -> Result<()> {
    each_fault(Transport::Doh, Place::dnsdist)
}

#[test]
fn openssl_over_dtls() -> Result<()> {
    each_fault(Transport::Dtls, Place::socat)
}

#[test]
fn aioquic_over_quic() -> Result<()> {
    each_fault(Transport::Doq, Place::aioquic)
}

#[test]
fn aioquic_over_http_3() -> Result<()> {
    each_fault(Transport::Doh3, Place::aioquic)
}

#[test]
fn nobody_without_the_key() -> Result<()> {
    for transport in [Transport::Doq, Transport::Doh3] {
        let mut place = Place::new(transport)?;
        place.present(Some(Fault::OtherKey))?;
        let _server = place.aioquic()?;
        place.refuses(NOT_AUTHENTICATED, NO_PROOF)?;
    }
    for transport in [Transport::Dot, Transport::Doh] {
        let mut place = Place::new(transport)?;
        place.present(Some(Fault::OtherKey))?;
        let _server = place.tlslite()?;
        place.refuses(NOT_AUTHENTICATED, NO_PROOF)?;
    }
    Ok(())
}

/// The signature of a ServerKeyExchange is the proof (RFC 8422 section 5.4).
#[test]
fn nobody_whose_proof_was_damaged_over_dtls() -> Result<()> {
    let place = Place::new(Transport::Dtls)?;
    let behind = free_address()?;
    let _server = place.socat_at(behind)?;
    let damage = Damage::start(place.address(), behind)?;
    place.refuses(NOT_AUTHENTICATED, NO_PROOF)?;
    assert!(damage.is_done.load(Ordering::SeqCst), "nothing was damaged");
    Ok(())
}

/// A way to a server on which one bit of each ServerKeyExchange is lost; it ends when this value is dropped.
struct Damage {
    is_done: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Damage {
    fn start(outside: SocketAddr, server: SocketAddr) -> Result<Self> {
        let outside = UdpSocket::bind(outside)?;
        let inside = UdpSocket::bind("127.0.0.1:0")?;
        inside.connect(server)?;
        for socket in [&outside, &inside] {
            socket.set_nonblocking(true)?;
        }
        let (is_done, is_over) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (done, over) = (Arc::clone(&is_done), Arc::clone(&is_over));
        let thread = spawn(move || {
            let (mut buffer, mut client) = (vec![0; 65_535], None);
            while !over.load(Ordering::SeqCst) {
                let came = outside.recv_from(&mut buffer);
                if let Ok((length, peer)) = came {
                    client = Some(peer);
                    let _ = inside.send(&buffer[..length]);
                }
                let went = inside.recv(&mut buffer);
                if let (Ok(length), Some(client)) = (&went, client) {
                    if damage(&mut buffer[..*length]) {
                        done.store(true, Ordering::SeqCst);
                    }
                    let _ = outside.send_to(&buffer[..*length], client);
                }
                if came.is_err() && went.is_err() {
                    sleep(Duration::from_millis(1));
                }
            }
        });
        Ok(Self {
            is_done,
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Damage {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Damages the last octet of a ServerKeyExchange among a datagram's records in clear text (RFC 6347 section 4.1).
fn damage(datagram: &mut [u8]) -> bool {
    let (mut begin, mut is_done) = (0, false);
    while let Some(header) = datagram.get(begin..begin + 14) {
        let end = begin + 13 + usize::from(u16::from_be_bytes([header[11], header[12]]));
        let is_key_exchange = header[0] == 22 && header[3..5] == [0, 0] && header[13] == 12;
        if let (true, Some(last)) = (is_key_exchange, datagram.get_mut(end - 1)) {
            *last ^= 1;
            is_done = true;
        }
        begin = end;
    }
    is_done
}
