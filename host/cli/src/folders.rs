//! Folders that the environment names.

use std::{env, path::PathBuf};

/// The folder in this variable; a relative one names no place.
pub(crate) fn absolute(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    path.filter(|path| path.is_absolute())
}
