//! `server`: where the peer is and how it is spoken to.

use bytes::Bytes;
use resolvet_proto::discovery::resinfo;

use super::{Host, address_octets, fact, shared, words};

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
    })?;
    fact(host, "path", |facts, (): ()| {
        facts.request.server.as_ref()?.path.clone()
    })?;
    fact(host, "sources", |facts, (): ()| {
        let sources = &facts.request.sources;
        (!sources.is_empty()).then(|| words(sources.iter()))
    })?;
    fact(host, "pins", |facts, (): ()| {
        let pins = facts.request.pins.iter().map(|pin| {
            let digest = Bytes::copy_from_slice(pin.digest().as_octets());
            (pin.kind().to_owned(), digest)
        });
        let pins: Vec<_> = pins.collect();
        (!pins.is_empty()).then_some(pins)
    })?;
    fact(host, "resolver-info", |facts, (): ()| {
        facts.request.resolver_info.as_ref().map(shared)
    })?;
    fact(host, "resolver-info-keys", |facts, (): ()| {
        let info = facts.request.resolver_info.as_ref()?;
        resinfo::keys(info).ok()
    })?;
    fact(host, "privacy-token-url", |facts, (): ()| {
        let token = facts.request.privacy_token.as_ref();
        token.map(|token| token.url.clone())
    })?;
    fact(host, "privacy-token", |facts, (): ()| {
        let token = facts.request.privacy_token.as_ref();
        token.and_then(|token| token.token.as_ref()).map(shared)
    })?;
    fact(host, "privacy-token-problem", |facts, (): ()| {
        let token = facts.request.privacy_token.as_ref();
        token.and_then(|token| token.problem.clone())
    })
}
