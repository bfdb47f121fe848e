//! A DTLS association over a socket of its own: the library's state machine, and the datagrams that it may see.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use resolvet_proto::{dtls::Gate, judgement::Presented};
use rtc_dtls::{
    cipher_suite::CipherSuiteId,
    config::{ConfigBuilder, HandshakeConfig},
    crypto_provider::default_provider,
    endpoint::{Endpoint, EndpointEvent},
};
use rtc_shared::error::{Error, Result as LibraryResult};
use tokio::net::UdpSocket;

use super::{super::ConnectError, DTLS, broken};
use crate::tls::Judging;

/// Those of RFC 9325 section 4.2 that the library has: forward secrecy, authenticated encryption, no short tags.
const CIPHER_SUITES: [CipherSuiteId; 4] = [
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_ChaCha20_Poly1305_Sha256,
];
/// Octets of a datagram of ours: they pass where the path MTU is 1,280 (RFC 8094 section 5), headers of pieces included.
const DATAGRAM_OCTETS: usize = 1_200;
/// The library's timer is always due: when a flight is sent again is decided here.
const DUE: Duration = Duration::from_millis(1);
/// Octets of the largest datagram.
const BUFFER: usize = 65_535;

/// The configuration of handshakes with a server of this name: judged by policies, after the key's possession was proved,
/// and before the handshake is complete. The library's own judgement of certificates is switched off.
pub(super) fn config(name: &str, judging: Judging) -> LibraryResult<Arc<HandshakeConfig>> {
    let provider = default_provider().map_err(|error| Error::Other(error.to_string()))?;
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_cipher_suites(CIPHER_SUITES.into())
        .with_server_name(name.to_owned())
        .with_flight_interval(DUE)
        .with_mtu(DATAGRAM_OCTETS)
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(move |chain: &[Vec<u8>], _| {
            let certificates = chain.iter().map(|der| der.as_slice().into());
            let presented = Presented {
                certificates: certificates.collect(),
                // RFC 8094 has OCSP stapling as a recommendation; the library does not ask for it.
                ocsp_response: None,
            };
            if judging.accepts(presented) {
                Ok(())
            } else {
                Err(Error::Other("refused by policy".to_owned()))
            }
        })))
        .build(true, None)?;
    Ok(Arc::new(config))
}

/// What came.
pub(super) enum Received {
    /// Nothing that matters.
    Nothing,
    /// A whole flight of the handshake, which is answered by one of ours.
    Flight,
    /// The handshake is complete.
    Established,
    /// Messages.
    Answers(Vec<Vec<u8>>),
    /// The server ended the association.
    Closed,
}

/// An association under way.
pub(super) struct Association {
    socket: UdpSocket,
    endpoint: Endpoint,
    peer: SocketAddr,
    gate: Gate,
    buffer: Vec<u8>,
    established: bool,
    /// A datagram of ours that the network has not taken yet.
    waiting: Option<BytesMut>,
    /// The datagrams of our last flight, as they went out.
    flight: Vec<BytesMut>,
}

impl Association {
    /// A fresh socket, and the first flight ready to be sent.
    pub(super) async fn begin(
        peer: SocketAddr,
        config: &Arc<HandshakeConfig>,
    ) -> Result<Self, ConnectError> {
        let any = match peer {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let failed = |source| ConnectError::Udp {
            address: peer,
            source,
        };
        let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
        socket.connect(peer).await.map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        let mut endpoint = Endpoint::new(local, Default::default(), None);
        endpoint
            .connect(Instant::now(), peer, Arc::clone(config), None)
            .map_err(|error| broken(peer, error.to_string()))?;
        Ok(Self {
            socket,
            endpoint,
            peer,
            gate: Gate::default(),
            buffer: vec![0; BUFFER],
            established: false,
            waiting: None,
            flight: Vec::new(),
        })
    }

    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends what is ready to be sent, and says whether there was anything.
    pub(super) async fn flush(&mut self) -> Result<bool, ConnectError> {
        let mut sent = false;
        while let Some(datagram) = self.next() {
            let result = self.socket.send(&datagram).await;
            result.map_err(|source| self.failed(source))?;
            if !self.established {
                self.flight.push(datagram);
            }
            sent = true;
        }
        Ok(sent)
    }

    fn next(&mut self) -> Option<BytesMut> {
        let waiting = self.waiting.take();
        waiting.or_else(|| {
            self.endpoint
                .poll_transmit()
                .map(|transmit| transmit.message)
        })
    }

    /// Sends the last flight again, and says whether the library made it anew. It stops its timer when anything of the
    /// server's next flight comes, a repetition of the one before included; then the datagrams go out once more as they are,
    /// which serves a server that has not seen them.
    pub(super) async fn resend(&mut self) -> Result<bool, ConnectError> {
        if self.endpoint.poll_timeout(&self.peer).is_some() {
            self.flight.clear();
            self.endpoint
                .handle_timeout(self.peer, Instant::now())
                .map_err(|error| broken(self.peer, error.to_string()))?;
            self.flush().await?;
            return Ok(true);
        }
        for datagram in &self.flight {
            let result = self.socket.send(datagram).await;
            result.map_err(|source| self.failed(source))?;
        }
        Ok(false)
    }

    /// Waits for a datagram and reads it. It can be given up at any time.
    pub(super) async fn receive(&mut self) -> Result<Received, ConnectError> {
        let length = self
            .socket
            .recv(&mut self.buffer)
            .await
            .map_err(|source| self.failed(source))?;
        let datagram = self.buffer.get(..length).unwrap_or_default();
        if !self.gate.admits(datagram) {
            return Ok(Received::Nothing);
        }
        let datagram = BytesMut::from(datagram);
        let before = self.flight();
        let events = self
            .endpoint
            .read(Instant::now(), self.peer, None, datagram)
            .map_err(|error| self.ended(&error))?;
        let mut answers = Vec::new();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.established = true,
                EndpointEvent::ApplicationData(message) => answers.push(message.to_vec()),
                EndpointEvent::PeerClosed => return Ok(Received::Closed),
                _ => {}
            }
        }
        Ok(match (before, self.flight()) {
            (Flight::Established, _) if answers.is_empty() => Received::Nothing,
            (Flight::Established, _) => Received::Answers(answers),
            (_, Flight::Established) => Received::Established,
            (Flight::Waiting, Flight::Ready) => {
                self.flight.clear();
                Received::Flight
            }
            _ => Received::Nothing,
        })
    }

    /// Makes a record of a message; `false` when the association has ended.
    pub(super) fn send(&mut self, message: &[u8]) -> bool {
        self.endpoint
            .write(Instant::now(), self.peer, message)
            .is_ok()
    }

    /// Has the server told that this is the end.
    pub(super) fn close(&mut self) {
        let _ended = self.endpoint.stop(Instant::now(), self.peer);
    }

    fn flight(&mut self) -> Flight {
        if self.established {
            return Flight::Established;
        }
        self.waiting = self.next();
        match self.waiting {
            Some(_) => Flight::Ready,
            None => Flight::Waiting,
        }
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::Udp {
            address: self.peer,
            source,
        }
    }

    /// What the library's refusal to go on means.
    fn ended(&self, error: &Error) -> ConnectError {
        let (handshake, address) = (DTLS, self.peer);
        match error {
            Error::ErrKeySignatureMismatch => {
                ConnectError::ProofOfPossession { handshake, address }
            }
            Error::ErrAlertFatalOrClose => ConnectError::Closed {
                handshake,
                address,
                reason: "it sent a fatal alert".to_owned(),
            },
            other => broken(address, other.to_string()),
        }
    }
}

/// Where the handshake is.
#[derive(Clone, Copy)]
enum Flight {
    /// It waits for the server.
    Waiting,
    /// A flight of ours is ready to be sent.
    Ready,
    /// It is complete.
    Established,
}
