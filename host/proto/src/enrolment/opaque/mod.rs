//! OPAQUE (RFC 9807) over HTTP, bound to the TLS connection: version 1 of the profile in `docs/opaque-profile.md`.
//!
//! ```text
//! client                                                                     server
//!   request ------------------------------------------------------------------->
//!   <------------------------------------------ 401  realm, reason=initial
//!   request, Authorization: user, ke1 ----------------------------------------->
//!   <------------------------------------------ 401  ke2, digest
//!   request, Authorization: ke3 ----------------------------------------------->
//!   <------------------------------------------ what was asked for, nc=1, proof
//! ```
//!
//! The server stores nothing that a password could be read from, nor what anybody could pose as the user with: guessing
//! with a stolen record costs 64 MiB and some 150 ms of a core for each guess. Both sides' messages cover the connection's
//! exporter (RFC 9266) and the server's certificate ([`Binding`]), so whoever stands between can pass messages on and has
//! nothing of it. An impostor who knows no record learns nothing that he could test guesses with.
//!
//! * [`ServerSecrets`], [`Record`], [`register`]: what a server keeps, and how an administrator makes it;
//! * [`Challenge`], [`Credential`], [`Information`]: what stands in the three header fields, read and written;
//! * [`Client`] and [`Server`]: both sides as state machines.
//!
//! Nothing here draws random numbers or reads a clock: [`Random`] octets and the time come in with calls. Nothing secret has
//! a `Debug` form that shows it, and what is secret is wiped when it is dropped. The types of the library that does the
//! arithmetic stay inside.
//!
//! A user name and a password are used as they come in: preparing them (RFC 8265) is the caller's.

mod binding;
mod client;
mod error;
pub mod limits;
mod message;
mod random;
mod record;
mod server;
mod session;
mod sessions;
mod stretching;
mod suite;

pub use binding::Binding;
pub use client::{Client, Response};
pub use error::{Denial, Error, RealmError, SecretsError};
pub use message::{
    Challenge, Credential, Demand, Information, Ke1, Ke2, Ke3, MessageError, Proof, Reason,
};
pub use random::Random;
pub use record::{Record, ServerSecrets, register};
pub use server::{Answer, Incoming, Records, Server};

/// The name of the scheme.
pub(super) const SCHEME: &str = "OPAQUE";
/// What names the profile and its version wherever octets are derived for it.
const PROFILE: &[u8] = b"resolvet-opaque-1";
