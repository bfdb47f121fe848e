//! How a server is spoken to: connect with a judging verifier, exchange many queries, close, say what it cost.

mod connection;
mod doh;
mod doh3;
mod doq;
mod dot;
mod dtls;
mod error;
mod handshake;
mod http;
mod pipeline;
mod quic;
mod table;

use std::time::Duration;

pub(crate) use connection::{Connection, Established, Target, connect, place};
pub(crate) use error::ConnectError;
pub use error::ExchangeError;

/// What a connection cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// From the first packet to the end of TCP's handshake; nothing for a transport without TCP.
    pub tcp: Duration,
    /// From there to the end of the handshake of TLS, QUIC or DTLS, the judgement of the certificates included.
    pub tls: Duration,
    /// Round trips that these handshakes took: one for TCP; two for TLS 1.2, one for TLS 1.3 and QUIC, one more after a
    /// HelloRetryRequest; as many as were counted for DTLS. A Retry or a version negotiation of QUIC is not seen.
    pub round_trips: u8,
    /// Whether the server resumed a session, and presented no certificates again.
    pub resumed: bool,
}
