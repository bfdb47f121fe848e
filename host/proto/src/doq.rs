//! DNS over QUIC (RFC 9250), as far as it is not QUIC: what stands on the stream of a query.

use alloc::vec::Vec;

use thiserror::Error;

use crate::message::has_keepalive;

/// Octets of a stream that are read: a length and the longest message.
pub const STREAM_OCTETS: usize = 2 + 65_535;

/// Error codes (RFC 9250 section 4.3).
pub mod code {
    /// DOQ_NO_ERROR: the connection is no longer needed.
    pub const NO_ERROR: u32 = 0;
    /// DOQ_PROTOCOL_ERROR: the peer broke the protocol.
    pub const PROTOCOL_ERROR: u32 = 2;
    /// DOQ_REQUEST_CANCELLED: nobody waits for the answer any more.
    pub const REQUEST_CANCELLED: u32 = 3;
}

/// A stream that ends its connection (RFC 9250 section 4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// It ended before a whole message was there.
    #[error("a stream ended within a message (RFC 9250 4.3.3)")]
    Short,
    /// More came than one message.
    #[error("more than one message on a stream (RFC 9250 4.2)")]
    Long,
    /// The message has an identifier.
    #[error("a message with an identifier (RFC 9250 4.2.1)")]
    Identifier,
    /// The message has the option edns-tcp-keepalive.
    #[error("a message with edns-tcp-keepalive (RFC 9250 5.5.2)")]
    Keepalive,
}

/// A query as it goes onto its stream: its length, and the message with the identifier 0 (RFC 9250 section 4.2). `None`:
/// it is no message, or longer than 65,535 octets.
#[must_use]
pub fn query(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    Some([&length.to_be_bytes(), &[0, 0], message.get(2..)?].concat())
}

/// The one answer on a stream that the server has ended.
///
/// # Errors
/// [`StreamError`]: the connection is to be closed with [`code::PROTOCOL_ERROR`].
pub fn answer(stream: &[u8]) -> Result<&[u8], StreamError> {
    let (length, rest) = stream.split_first_chunk::<2>().ok_or(StreamError::Short)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if rest.len() > length {
        return Err(StreamError::Long);
    }
    match rest {
        _ if rest.len() < length || rest.len() < 2 => Err(StreamError::Short),
        [0, 0, ..] if has_keepalive(rest) => Err(StreamError::Keepalive),
        [0, 0, ..] => Ok(rest),
        _ => Err(StreamError::Identifier),
    }
}
