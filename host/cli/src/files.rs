//! Files that are written once: keys, above all.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;

use crate::exit::UsageError;

/// Writes a file with this mode where nothing is yet. Half a file is none. `instead` says what to do when something is there.
pub(crate) fn write_new(
    path: &Path,
    octets: &[u8],
    mode: u32,
    instead: &str,
) -> anyhow::Result<()> {
    let cannot = || format!("`{}` cannot be written", path.display());
    let mut file = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
    {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(is_there(path, instead).into());
        }
        opened => opened.with_context(cannot)?,
    };
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    if written.is_err() {
        // The error is told.
        let _removed = fs::remove_file(path);
    }
    written.with_context(cannot)
}

/// Says in time that something is there, before anything is asked or written.
pub(crate) fn not_there(path: &Path, instead: &str) -> Result<(), UsageError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(is_there(path, instead)),
        Err(_) => Ok(()),
    }
}

fn is_there(path: &Path, instead: &str) -> UsageError {
    UsageError(format!(
        "`{}` is there already and stays as it is: {instead}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        not_there(&path, "").unwrap();
        write_new(&path, b"first", 0o600, "").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let error = write_new(&path, b"second", 0o600, "name another").unwrap_err();
        assert!(error.is::<UsageError>());
        assert!(error.to_string().ends_with("name another"), "{error}");
        assert!(not_there(&path, "name another").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // What a link leads to is not made by it either.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        assert!(not_there(&link, "").is_err());
        assert!(write_new(&link, b"second", 0o600, "").is_err());
    }
}
