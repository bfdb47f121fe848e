//! How trust begins: messages and state machines of enrolment, without input and output.
//!
//! Private keys, passwords and sockets stay with the driver: what must be signed, proved or sent goes out as an action.

pub mod authentication;
pub mod brski;
pub mod est;
pub mod journey;
pub mod mutual;
pub mod opaque;

mod signed_data;
mod stored;

pub use stored::{
    Anchor, AnchorSource, Enrolment, EstServer, LocalIdentity, Pending, PendingVoucher,
};

pub use crate::judgement::ServerAuthentication;

/// The beginning of a text that came from elsewhere, with everything escaped that could move a cursor or end a line.
pub(crate) fn quoted(text: &str, limit: usize) -> alloc::string::String {
    let mut quoted = alloc::string::String::new();
    for c in text.chars().take(limit) {
        match c {
            // They are harmless, and words that were escaped before would be escaped again.
            '\'' | '\\' | '"' => quoted.push(c),
            other => quoted.extend(other.escape_debug()),
        }
    }
    quoted.chars().take(limit).collect()
}
