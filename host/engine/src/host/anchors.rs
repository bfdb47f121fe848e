//! `anchors`: the trust anchors that apply.

use wasmtime::{StoreContextMut, component::WasmList};

use super::{Crossing as _, Host, count, fact, nth};
use crate::state::State;

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    fact(host, "database", |facts, (): ()| {
        facts.request.anchors.database().as_str().to_owned()
    })?;
    fact(host, "count", |facts, (): ()| {
        count(facts.request.anchors.certificates())
    })?;
    fact(host, "certificate", |facts, (index,): (u32,)| {
        nth(facts.request.anchors.certificates(), index)
    })?;
    host.func_wrap(
        "for-subject",
        |mut store: StoreContextMut<'_, State>, (name,): (WasmList<u8>,)| {
            // The name is compared where it stands, in the guest's memory.
            let octets = name.as_le_slice(&store);
            let found = store
                .data()
                .facts()?
                .request
                .anchors
                .for_subject(octets)
                .to_vec();
            let crossed = octets.len() + found.octets();
            store.data_mut().cross(crossed)?;
            Ok((found,))
        },
    )
}
