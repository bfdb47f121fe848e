//! `presented`: what the peer presented in its handshake.

use super::{Host, count, fact, nth, shared};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "count", |facts, (): ()| {
        count(&facts.request.presented.certificates)
    })?;
    fact(host, "certificate", |facts, (index,): (u32,)| {
        nth(&facts.request.presented.certificates, index)
    })?;
    fact(host, "ocsp-response", |facts, (): ()| {
        facts.request.presented.ocsp_response.as_ref().map(shared)
    })
}
