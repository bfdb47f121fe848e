//! What the peer presented in its handshake (`wit/presented.wit`).

use crate::host::presented as host;

/// How many certificates were presented, the end entity's included.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// The DER of one of them, in the order in which they came: 0 is the end entity's.
#[must_use]
pub fn certificate(index: u32) -> Option<Vec<u8>> {
    host::certificate(index)
}

/// All of them in order, each fetched when it is reached.
pub fn certificates() -> impl Iterator<Item = Vec<u8>> {
    (0..count()).map_while(certificate)
}

/// The stapled OCSP response, DER (RFC 6066 section 8).
#[must_use]
pub fn ocsp_response() -> Option<Vec<u8>> {
    host::ocsp_response()
}
