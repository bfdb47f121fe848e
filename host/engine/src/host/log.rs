//! `log`: lines for the record of the evaluation.

use resolvet_proto::judgement::LogLine;
use wasmtime::{StoreContextMut, component::WasmStr};

use super::{Host, misuse};
use crate::{state::State, text::printable};

pub(super) fn link(host: &mut Host<'_>) -> wasmtime::Result<()> {
    host.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, State>, (level, message): (WasmStr, WasmStr)| {
            let utf8 = |_| misuse("`log.write` was given text that is no UTF-8");
            // Beyond what the budget could ever allow there is nothing to keep.
            let most = store.data().limits.log_octets;
            let (level, message) = (
                level.to_str(&store).map_err(utf8)?,
                message.to_str(&store).map_err(utf8)?,
            );
            let octets = level.len().saturating_add(message.len());
            let line = LogLine {
                level: printable(&level, most),
                message: printable(&message, most),
            };
            let state = store.data_mut();
            state.cross(octets)?;
            state.count_log(octets)?;
            state.log.push(line);
            Ok(())
        },
    )
}
