//! Vocabulary and protocol logic of resolvet: what the standards say, without doing anything.
//!
//! Nothing here opens a socket, reads a clock or draws a random number: bytes, the time and random numbers come in with
//! calls, and what should happen goes out as values. So the same input gives the same output on any machine, and policies
//! compile this crate to WebAssembly.
//!
//! * [`judgement`]: what a policy is asked, what it answers, and how answers combine;
//! * [`certificate`]: certificates as facts, SRV-ID, the privacy extension, algorithm identifiers;
//! * [`privacy_token`]: privacy statements that somebody signed;
//! * [`discovery`]: records and candidates, S-NAPTR and SRV;
//! * [`message`], [`doh`], [`doq`], [`dtls`]: what transports read, without reading it from anywhere;
//! * [`endpoint`], [`json`]: URIs of servers and JSON, as hostile peers write them;
//! * [`session`]: the way from a domain name to a vetted server as a state machine;
//! * `enrolment` (feature `enrolment`, off by default): how trust begins, EST, BRSKI and PAKE.
#![no_std]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

extern crate alloc;

mod word;

pub mod certificate;
pub mod date;
pub mod discovery;
pub mod doh;
pub mod doq;
pub mod dtls;
pub mod endpoint;
#[cfg(feature = "enrolment")]
pub mod enrolment;
pub mod json;
pub mod judgement;
pub mod message;
pub mod privacy_token;
pub mod session;
pub mod stub;
