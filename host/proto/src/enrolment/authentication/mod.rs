//! A password proves who the client is and who the server is, over a TLS connection whose certificate nobody has judged yet.
//!
//! Two schemes do that, and no other one ever runs there: [`super::opaque`], bound to the connection, and
//! [`super::mutual`], bound to the server's certificate. [`Client`] speaks whichever of both the server asks for, OPAQUE
//! first; whoever stands between can at most have it speak the other one, which keeps him out as well.
//!
//! What both share is here: [`User`] and [`Password`], header fields as schemes with parameters, and how guesses are counted
//! ([`Attempts`]).

mod attempts;
mod client;
mod credential;
mod error;
pub(super) mod header;
pub mod limits;

pub use attempts::Attempts;
pub use client::{Client, Connection, Random, Response, Scheme, Step};
pub use credential::{Password, User, UserError};
pub use error::Error;
pub use header::HeaderError;
