//! What names a connection of TLS 1.2: tls-unique (RFC 5929 section 3), which RFC 7030 section 3.5 binds requests with and
//! which the TLS library does not give away.
//!
//! It is the content of the first Finished message. Nothing is resumed here, so that is the client's: the pseudorandom
//! function of the master secret over the handshake's messages (RFC 5246 section 7.4.9). The messages pass in the clear
//! until the client changes its cipher and are watched on their way; the secret comes by the library's log of keys, and
//! the function is the library's.

use std::{
    fmt, io, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use rustls::{ClientConnection, KeyLog, SupportedCipherSuite};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

/// Octets of tls-unique: those of a Finished message (RFC 5246 section 7.4.9).
pub(super) const OCTETS: usize = 12;
/// Octets of a handshake's messages, or of a record's, that are watched; with more there is no name.
const MESSAGES_OCTETS: usize = 262_144;
/// Octets of a record's header (RFC 5246 section 6.2.1).
const RECORD_HEADER: usize = 5;
/// The label under which a master secret is logged.
const MASTER_SECRET: &str = "CLIENT_RANDOM";
/// Content types of records (RFC 5246 appendix A.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// The one message that a Finished message does not cover (section 7.4.1.1).
const HELLO_REQUEST: u8 = 0;

/// Watches one handshake.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    master_secret: Option<Zeroizing<Vec<u8>>>,
    sent: Direction,
    received: Direction,
    /// The handshake's messages of both sides in their order.
    messages: Vec<u8>,
    is_too_much: bool,
}

/// What came one way and is not yet whole.
#[derive(Default)]
struct Direction {
    records: Vec<u8>,
    messages: Vec<u8>,
    is_encrypted: bool,
}

impl Watch {
    /// A stream whose octets are watched.
    pub(super) fn over<S>(&self, stream: S) -> Over<S> {
        Over {
            stream,
            watch: self.clone(),
        }
    }

    /// The name of a connection of TLS 1.2 whose handshake is complete; `None` with any other version, or when the messages
    /// were more than is watched. What was watched is forgotten.
    pub(super) fn tls_unique(&self, session: &ClientConnection) -> Option<[u8; OCTETS]> {
        let watched = mem::replace(&mut *self.locked(), Watched::over());
        let Some(SupportedCipherSuite::Tls12(suite)) = session.negotiated_cipher_suite() else {
            return None;
        };
        let secret = watched.master_secret?;
        if !watched.sent.is_encrypted || watched.is_too_much {
            return None;
        }
        let transcript = suite.common.hash_provider.hash(&watched.messages);
        let mut finished = [0; OCTETS];
        let label = b"client finished";
        suite
            .prf_provider
            .for_secret(&mut finished, &secret, label, transcript.as_ref());
        Some(finished)
    }

    fn locked(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLog for Watch {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            self.locked().master_secret = Some(Zeroizing::new(secret.to_vec()));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == MASTER_SECRET
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watched {
    /// What watches nothing any longer.
    fn over() -> Self {
        Self {
            is_too_much: true,
            ..Self::default()
        }
    }

    fn sent(&mut self, octets: &[u8]) {
        if !self.is_over() {
            self.is_too_much |= !self.sent.take(octets, &mut self.messages);
        }
    }

    fn received(&mut self, octets: &[u8]) {
        if !self.is_over() {
            self.is_too_much |= !self.received.take(octets, &mut self.messages);
        }
    }

    /// Whether nothing more belongs to the transcript: the client has changed its cipher, or there was too much.
    const fn is_over(&self) -> bool {
        self.sent.is_encrypted || self.is_too_much
    }
}

impl Direction {
    /// Takes octets as they pass, and moves the messages that have become whole into `transcript`. `false`: they are more
    /// than is watched.
    fn take(&mut self, octets: &[u8], transcript: &mut Vec<u8>) -> bool {
        if self.is_encrypted {
            return true;
        }
        self.records.extend_from_slice(octets);
        let mut at = 0;
        while let Some((kind, fragment)) = record(self.records.get(at..).unwrap_or_default()) {
            at += RECORD_HEADER + fragment.len();
            match kind {
                HANDSHAKE => self.messages.extend_from_slice(fragment),
                CHANGE_CIPHER_SPEC => {
                    self.is_encrypted = true;
                    break;
                }
                _ => {}
            }
        }
        self.records.drain(..at);
        let mut at = 0;
        while let Some(message) = message(self.messages.get(at..).unwrap_or_default()) {
            at += message.len();
            if message.first() != Some(&HELLO_REQUEST) {
                transcript.extend_from_slice(message);
            }
        }
        self.messages.drain(..at);
        self.records.len() + self.messages.len() + transcript.len() <= MESSAGES_OCTETS
    }
}

/// The first record, when it is whole (RFC 5246 section 6.2.1).
fn record(octets: &[u8]) -> Option<(u8, &[u8])> {
    let ([kind, _, _, high, low], rest) = octets.split_first_chunk::<RECORD_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Some((*kind, rest.get(..length)?))
}

/// The first message with its header, when it is whole (RFC 5246 section 7.4).
fn message(octets: &[u8]) -> Option<&[u8]> {
    let [_, high, middle, low] = octets.first_chunk()?;
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    octets.get(..usize::try_from(length).ok()?.checked_add(4)?)
}

/// A stream whose octets are watched on their way.
pub(super) struct Over<S> {
    stream: S,
    watch: Watch,
}

impl<S: AsyncRead + Unpin> AsyncRead for Over<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let came = into.filled().get(before..).unwrap_or_default();
        self.watch.locked().received(came);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Over<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, octets))?;
        let went = octets.get(..written).unwrap_or_default();
        self.watch.locked().sent(went);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of the handshake.
    fn handshake(fragment: &[u8]) -> Vec<u8> {
        let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 3][..], &length, fragment].concat()
    }

    /// Messages over several records, several in one, a HelloRequest among them and octets that come one at a time.
    #[test]
    fn messages_are_put_together_in_their_order() {
        let hello = [1, 0, 0, 3, 7, 7, 7];
        let answer = [2, 0, 0, 2, 8, 8];
        let done = [14, 0, 0, 0];
        let key = [16, 0, 0, 1, 9];
        let mut watched = Watched::default();
        for octet in [handshake(&hello[..2]), handshake(&hello[2..])].concat() {
            watched.sent(&[octet]);
        }
        let flight = [&[HELLO_REQUEST, 0, 0, 0][..], &answer, &done].concat();
        watched.received(&handshake(&flight));
        let change = [CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1];
        let last = [
            handshake(&key),
            change.to_vec(),
            handshake(&[20, 0, 0, 1, 0]),
        ]
        .concat();
        watched.sent(&last);
        watched.received(&handshake(&[4, 0, 0, 1, 0]));
        assert!(watched.is_over() && !watched.is_too_much);
        let expected = [&hello[..], &answer, &done, &key].concat();
        assert_eq!(watched.messages, expected);
    }

    #[test]
    fn too_much_gives_no_name() {
        let mut watched = Watched::default();
        let record = handshake(&[0xff; 16_384]);
        for _ in 0..=MESSAGES_OCTETS / 16_384 {
            watched.received(&record);
        }
        assert!(watched.is_too_much);
        let kept = watched.received.messages.len();
        watched.received(&record);
        assert_eq!(watched.received.messages.len(), kept);
    }

    #[test]
    fn only_the_master_secret_is_kept() {
        let watch = Watch::default();
        watch.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
        assert!(watch.locked().master_secret.is_none());
        watch.log(MASTER_SECRET, &[], &[2; 48]);
        assert!(watch.locked().master_secret.is_some());
    }
}
