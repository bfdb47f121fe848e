//! Where the daemon keeps things, and where it is spoken to.

use std::path::{Path, PathBuf};

use crate::folders::absolute;

/// The control socket of the system's daemon.
const SYSTEM: &str = "/run/resolvet/control.sock";

/// The control socket that a daemon makes: named, configured, or the place for this user.
pub(super) fn control_socket(named: Option<&Path>, configured: Option<&Path>) -> PathBuf {
    let given = named.or(configured).map(Path::to_owned);
    given.or_else(own).unwrap_or_else(|| SYSTEM.into())
}

/// The control socket of the daemon that is spoken to: named, that of this user's own daemon where there is one, or the system's.
pub(crate) fn daemon_socket(named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| found(own()), Path::to_owned)
}

fn found(own: Option<PathBuf>) -> PathBuf {
    own.filter(|own| own.exists())
        .unwrap_or_else(|| SYSTEM.into())
}

/// The place of this user's own daemon.
fn own() -> Option<PathBuf> {
    let is_root = rustix::process::geteuid().is_root();
    place(is_root, absolute("XDG_RUNTIME_DIR"))
}

/// Root's daemon is the system's, also in a session that has a folder of its own.
fn place(is_root: bool, runtime: Option<PathBuf>) -> Option<PathBuf> {
    let runtime = runtime.filter(|_| !is_root)?;
    Some(runtime.join("resolvet/control.sock"))
}

/// The folder of what survives a restart; none where the system names no place.
pub(crate) fn state(named: Option<&Path>, configured: Option<&Path>) -> Option<PathBuf> {
    let given = named.or(configured).map(Path::to_owned);
    given
        .or_else(|| absolute("STATE_DIRECTORY"))
        .or_else(|| absolute("XDG_STATE_HOME").map(|folder| folder.join("resolvet")))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state/resolvet")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_speaks_to_the_systems_daemon_and_others_to_their_own_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = || Some(folder.path().to_owned());
        let own = place(false, runtime()).unwrap();
        assert!(own.starts_with(folder.path()));
        assert_eq!(place(true, runtime()), None);
        assert_eq!(place(false, None), None);
        assert_eq!(found(Some(own.clone())), Path::new(SYSTEM));
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(found(Some(own.clone())), own);
        assert_eq!(found(None), Path::new(SYSTEM));
    }
}
