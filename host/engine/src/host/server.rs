//! `server`: where the peer is and how it is spoken to.

use super::{Host, address_octets, fact};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "transport", |facts, (): ()| {
        facts
            .request
            .server
            .as_ref()
            .map(|server| server.transport.as_str().to_owned())
    })?;
    fact(host, "address", |facts, (): ()| {
        facts
            .request
            .server
            .as_ref()
            .map(|server| address_octets(server.address))
    })?;
    fact(host, "port", |facts, (): ()| {
        facts.request.server.as_ref().map(|server| server.port)
    })
}
