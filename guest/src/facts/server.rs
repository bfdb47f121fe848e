//! Where the peer is and how it is spoken to (`wit/server.wit`).

use std::net::IpAddr;

use resolvet_proto::judgement::Transport;

use crate::host::server as host;

/// How it is spoken to; absent when no connection is judged.
#[must_use]
pub fn transport() -> Option<Transport> {
    host::transport().map(|word| Transport::from(word.as_str()))
}

/// Its address.
#[must_use]
pub fn address() -> Option<IpAddr> {
    host::address().and_then(|octets| super::address(&octets))
}

/// Its port.
#[must_use]
pub fn port() -> Option<u16> {
    host::port()
}
