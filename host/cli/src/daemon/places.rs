//! Where the daemon keeps things, and where it is spoken to.

use std::path::{Path, PathBuf};

use crate::folders::absolute;

/// The control socket: named, configured, or the place for this user.
pub(crate) fn control_socket(named: Option<&Path>, configured: Option<&Path>) -> PathBuf {
    let own = || {
        let folder = absolute("XDG_RUNTIME_DIR")?.join("resolvet/control.sock");
        Some(folder)
    };
    let system = || PathBuf::from("/run/resolvet/control.sock");
    named
        .or(configured)
        .map_or_else(|| own().unwrap_or_else(system), Path::to_owned)
}

/// The folder of what survives a restart; none where the system names no place.
pub(crate) fn state(named: Option<&Path>, configured: Option<&Path>) -> Option<PathBuf> {
    let given = named.or(configured).map(Path::to_owned);
    given
        .or_else(|| absolute("STATE_DIRECTORY"))
        .or_else(|| absolute("XDG_STATE_HOME").map(|folder| folder.join("resolvet")))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state/resolvet")))
}
