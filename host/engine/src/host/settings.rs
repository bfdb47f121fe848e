//! `settings`: what the administrator wrote.

use wasmtime::StoreContextMut;

use super::Host;
use crate::state::State;

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    host.func_wrap("json", |mut store: StoreContextMut<'_, State>, (): ()| {
        let state = store.data_mut();
        let settings = state.settings.clone();
        state.cross(settings.len())?;
        Ok((settings,))
    })
}
