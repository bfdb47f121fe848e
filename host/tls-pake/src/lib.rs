//! TLS 1.3 whose peer is authenticated by a password inside the handshake: SPAKE2+ (RFC 9383) by draft-ietf-tls-pake, as BoringSSL has it.
//!
//! No certificate is shown. A handshake that succeeds proves to both sides that the other knows the password, or what was
//! made of it, for this user's name and this server's name; nobody in between can relay it under another name. Code points
//! are experimental: what is at the other end must speak the same draft, which today is BoringSSL.
//!
//! What identifies the server later: its host name, which the proof covered. Whoever enrols asks for trust anchors over this
//! connection (`/cacerts`, RFC 7030 section 4.1) and comes again by ordinary TLS, to the same name judged by those anchors.
//!
//! The user's name is sent in clear text, and one guess for each handshake can be tried at a server, which has to count.

mod acceptor;
mod handshake;
mod spake2plus;

pub use acceptor::Acceptor;
pub use handshake::{Connection, HandshakeError, connect};
pub use spake2plus::{Names, Registration, RegistrationError};

/// The name of the handshake's extension, by which a server sees that a client wants a PAKE.
pub const EXTENSION: u16 = 0x8a3b;
