//! How a server is spoken to: connect with a judging verifier, exchange many queries, close, say what it cost.

pub(crate) mod dot;
mod pipeline;

use std::time::Duration;

pub use pipeline::ExchangeError;
pub(crate) use pipeline::Pipeline;

/// What a connection cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// From the first packet to the end of TCP's handshake.
    pub tcp: Duration,
    /// From there to the end of TLS's handshake, the judgement of the certificates included.
    pub tls: Duration,
}
