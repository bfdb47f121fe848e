//! `revocation`: what is known about revocation.

use super::{Host, count, fact, nth};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "count", |facts, (): ()| count(&facts.request.crls))?;
    fact(host, "crl", |facts, (index,): (u32,)| {
        nth(&facts.request.crls, index)
    })?;
    fact(host, "domain-cert-revocation-checks", |facts, (): ()| {
        facts.request.domain_cert_revocation_checks
    })
}
