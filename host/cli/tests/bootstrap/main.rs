//! Enrolling, as users do it, in the lab: what is stored, what is refused, and what is done when it does not hold any more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod clock;
mod daemon;
mod device;
mod found;
#[cfg(feature = "tls-pake")]
mod in_handshake;
mod later;
mod network;
mod person;
mod published;
mod thing;
