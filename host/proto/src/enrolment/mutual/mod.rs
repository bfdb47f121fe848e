//! HTTP Mutual authentication (RFC 8120) with the KAM3 algorithms of RFC 8121: a password proves who the client is and who
//! the server is, over a TLS connection whose certificate nobody has judged yet.
//!
//! ```text
//! client                                                                     server
//!   request ------------------------------------------------------------------->
//!   <--------------------------------- 401-INIT    realm, algorithm, reason=initial
//!   req-KEX-C1  user, kc1 ------------------------------------------------------>
//!   <--------------------------------- 401-KEX-S1  sid, ks1, nc-max, nc-window, time
//!   req-VFY-C   sid, nc, vkc --------------------------------------------------->
//!   <--------------------------------- 200-VFY-S   sid, vks, and what was asked for
//! ```
//!
//! Both proofs, vkc and vks, cover a hash of the server's certificate ([`Binding`]), so whoever stands between with another
//! certificate can neither learn the password nor have an answer accepted. Guessing needs the server for each guess.
//!
//! * [`kam3`]: the key exchange as pure functions, for all four [`Algorithm`]s;
//! * [`Challenge`], [`Credential`], [`Proof`]: what stands in the three header fields, read and written;
//! * [`Client`] and [`Server`]: both sides as state machines.
//!
//! Nothing here draws random numbers or reads a clock: [`Random`] octets and the time come in with calls. Nothing secret has
//! a `Debug` form that shows it, and what is secret is wiped when it is dropped.
//!
//! A user name and a password are used as they come in: preparing them (RFC 8120 section 9, with the profiles of RFC 8265)
//! is the caller's.

mod algorithm;
mod binding;
mod client;
mod encoding;
mod error;
mod group;
pub mod kam3;
pub mod limits;
mod message;
mod scope;
mod server;
mod sessions;

pub use algorithm::Algorithm;
pub use binding::{Binding, BindingError};
pub use client::{Client, Response};
pub use error::{Denial, Error, RealmError};
pub use kam3::Random;
pub use message::{
    Challenge, Credential, Demand, KeyAnswer, KeyRequest, MessageError, Proof, ProofRequest,
    Reason, Space,
};
pub use scope::AuthScope;
pub use server::{Answer, Incoming, Realm, Server, Verifiers};

pub use super::authentication::{Attempts, HeaderError, Password, Step, User, UserError};

/// The name of the scheme (RFC 8120 section 3).
pub(super) const SCHEME: &str = "Mutual";
