//! `conveyed`: what the enrolment conveyed about this network's DNS server.

use super::{Host, count, fact, nth};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "state", |facts, (): ()| {
        facts.request.conveyed.state().to_owned()
    })?;
    fact(host, "anchors-suffice", |facts, (): ()| {
        facts.request.conveyed.anchors_suffice()
    })?;
    fact(host, "count", |facts, (): ()| {
        count(facts.request.conveyed.certificates())
    })?;
    fact(host, "certificate", |facts, (index,): (u32,)| {
        nth(facts.request.conveyed.certificates(), index)
    })
}
