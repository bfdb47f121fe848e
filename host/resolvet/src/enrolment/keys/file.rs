//! Files that hold secrets: read only if nobody else could have read them.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::KeyError;

/// Reads a file of at most `limit` octets that belongs to this process's user or to root, and that nobody else may read or
/// write (mode 0600).
///
/// # Errors
/// The file cannot be read, or somebody else could have read or written it.
pub fn read_secret_file(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |reason: io::Error| KeyError::Read {
        path: path.to_owned(),
        reason,
    };
    let file = OpenOptions::new()
        .read(true)
        // A pipe that never answers must not hold anybody up.
        .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default())
        .open(path)
        .map_err(failed)?;
    // What counts is the file that was opened.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let path = path.to_owned();
        return Err(KeyError::NotAFile { path });
    }
    let user = rustix::process::geteuid().as_raw();
    private(path, metadata.uid(), metadata.mode(), user)?;
    // Of its full size from the beginning, so that nothing is left behind by one that grew.
    let mut octets = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() > limit {
        let path = path.to_owned();
        return Err(KeyError::TooLarge { path, limit });
    }
    Ok(octets)
}

/// Whether a file of this owner and mode is secret to everybody but this user and root.
fn private(path: &Path, owner: u32, mode: u32, user: u32) -> Result<(), KeyError> {
    let path = path.to_owned();
    if owner != user && owner != 0 {
        return Err(KeyError::Owner {
            path,
            owner,
            expected: user,
        });
    }
    let mode = mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode { path, mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, b"secret").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for closed in [0o600, 0o400, 0o700] {
            mode(closed);
            assert_eq!(*read_secret_file(&path, 6).unwrap(), b"secret");
        }
        for open in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666] {
            mode(open);
            let error = read_secret_file(&path, 6).unwrap_err();
            assert!(
                matches!(error, KeyError::Mode { mode, .. } if mode == open),
                "{error}"
            );
        }
    }

    #[test]
    fn somebody_else_s_file_is_refused() {
        let path = Path::new("key");
        let error = private(path, 12, 0o100_600, 1_000).unwrap_err();
        assert!(
            matches!(
                error,
                KeyError::Owner {
                    owner: 12,
                    expected: 1_000,
                    ..
                }
            ),
            "{error}"
        );
        for owner in [0, 1_000] {
            private(path, owner, 0o100_600, 1_000).unwrap();
        }
    }

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_secret_file(folder.path(), 6).unwrap_err();
        assert!(matches!(error, KeyError::NotAFile { .. }), "{error}");
        let path = folder.path().join("key");
        let error = read_secret_file(&path, 6).unwrap_err();
        assert!(matches!(error, KeyError::Read { .. }), "{error}");
        fs::write(&path, b"secrets").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = read_secret_file(&path, 6).unwrap_err();
        assert!(
            matches!(error, KeyError::TooLarge { limit: 6, .. }),
            "{error}"
        );
    }
}
