//! `context`: what is asked, when, and under which profile.

use resolvet_proto::judgement::ReferenceId;

use super::{Host, fact};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "purpose", |facts, (): ()| {
        facts.request.purpose.as_str().to_owned()
    })?;
    fact(host, "now", |facts, (): ()| facts.request.now)?;
    fact(host, "clock", |facts, (): ()| {
        facts.request.clock.as_str().to_owned()
    })?;
    fact(host, "usage-profile", |facts, (): ()| {
        facts.request.usage_profile.as_str().to_owned()
    })?;
    fact(host, "network-identity", |facts, (): ()| {
        facts.request.network_identity.as_str().to_owned()
    })?;
    fact(host, "est-server-authentication", |facts, (): ()| {
        let word = facts.request.est_server_authentication.as_ref();
        word.map(|word| word.as_str().to_owned())
    })?;
    fact(host, "authentication-domain-name", |facts, (): ()| {
        facts.request.authentication_domain_name.clone()
    })?;
    fact(host, "reference-identifiers", |facts, (): ()| {
        let pair = |id: &ReferenceId| (id.kind().to_owned(), id.value());
        facts
            .request
            .reference_ids
            .iter()
            .map(pair)
            .collect::<Vec<_>>()
    })
}
