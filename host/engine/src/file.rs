//! Reading a policy's file, and only if nobody else could have changed it; replacing a file as a whole, one at a time.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{error::FileError, limits::AdmissionLimits};

/// Write permission of the group or of everybody.
const OTHERS_WRITE: u32 = 0o022;
/// In a folder with this bit only a file's owner may replace it (`/tmp`).
const STICKY: u32 = 0o1000;

/// Reads a policy's file of at most [`AdmissionLimits::file_octets`] by default.
///
/// The file and every folder above it must belong to root or to the user of this process, and nobody else may write
/// there. A folder above it that everybody may write into is taken when it is sticky, since there nobody can
/// replace what belongs to others. Symbolic links are followed first, then the folders of the file itself are looked at.
///
/// # Errors
/// Names the file or folder and what is wrong with it.
pub fn read_policy_file(path: &Path) -> Result<Vec<u8>, FileError> {
    read_guarded_file(path, AdmissionLimits::default().file_octets)
}

/// Where a file really is, when nobody but root and this process's user could have put or changed it: the rules of
/// [`read_policy_file`], for files that others load, such as a module of machine code.
///
/// # Errors
/// Names the file or folder and what is wrong with it.
pub fn guarded_path(path: &Path) -> Result<PathBuf, FileError> {
    let path = fs::canonicalize(path).map_err(at(path))?;
    for folder in path.ancestors().skip(1) {
        guard(folder, &fs::metadata(folder).map_err(at(folder))?, true)?;
    }
    let metadata = fs::metadata(&path).map_err(at(&path))?;
    // A pipe or a device must not even be opened: that alone may wait for ever.
    if !metadata.is_file() {
        return Err(FileError::NotAFile { path });
    }
    guard(&path, &metadata, false)?;
    Ok(path)
}

/// As [`read_policy_file`] with a limit of its own, octets.
///
/// # Errors
/// As there.
pub fn read_guarded_file(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let path = guarded_path(path)?;
    let mut file = File::open(&path).map_err(at(&path))?;
    // What counts is the file that was opened, not the one that had its name a moment ago.
    let metadata = file.metadata().map_err(at(&path))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile { path });
    }
    guard(&path, &metadata, false)?;
    let mut octets = Vec::new();
    (&mut file)
        .take(limit as u64 + 1)
        .read_to_end(&mut octets)
        .map_err(at(&path))?;
    if octets.len() > limit {
        return Err(FileError::TooLarge { path, limit });
    }
    // Octets of before and after a change are no policy that anybody wrote.
    if moment(&file.metadata().map_err(at(&path))?) != moment(&metadata) {
        return Err(FileError::Changing { path });
    }
    Ok(octets)
}

/// Writes a file of mode 0600 beside another, waits until it is on the disk, lets it take the other's place, and waits until the folder
/// is on the disk too: after a crash there is the old file or the new one, whole. The caller sees to it that nobody else does the same.
///
/// # Errors
/// As the system says; the old file is there then, or the new one.
pub fn replace_file(path: &Path, octets: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    // What a crash left is not written into: it may be another's, or have another mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file
        .write_all(octets)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Its space may be what is missing; the error is told already.
        let _removed = fs::remove_file(&beside);
        return written;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes a file of mode 0600, unless it is there, and waits until nobody else has it locked. It is unlocked when it is dropped.
///
/// # Errors
/// As the system says.
pub fn lock_file(path: &Path) -> io::Result<File> {
    let file = made(path)?;
    file.lock()?;
    Ok(file)
}

/// As [`lock_file`], without waiting: `None` when somebody else has it locked.
///
/// # Errors
/// As there.
pub fn try_lock_file(path: &Path) -> io::Result<Option<File>> {
    let file = made(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A file to lock.
fn made(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// What differs when a file was written to.
fn moment(metadata: &Metadata) -> (u64, i64, i64, i64, i64) {
    let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    let (size, changed) = (metadata.size(), metadata.ctime());
    (size, seconds, nanoseconds, changed, metadata.ctime_nsec())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_path_buf();
    move |source| FileError::Read { path, source }
}

/// Nobody but root and this process's user may change it.
fn guard(path: &Path, metadata: &Metadata, folder: bool) -> Result<(), FileError> {
    let user = rustix::process::geteuid().as_raw();
    let path = || PathBuf::from(path);
    if metadata.uid() != 0 && metadata.uid() != user {
        return Err(FileError::Owner {
            path: path(),
            owner: metadata.uid(),
            user,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 && !(folder && mode & STICKY != 0) {
        return Err(FileError::Writable { path: path(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.wasm");
        fs::write(&path, b"abc").unwrap();
        mode(&path, 0o644);
        assert_eq!(read_policy_file(&path).unwrap(), b"abc");
        for open in [0o664, 0o646, 0o666] {
            mode(&path, open);
            let error = read_policy_file(&path).unwrap_err();
            assert!(
                matches!(error, FileError::Writable { mode, .. } if mode == open),
                "{error}"
            );
        }
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused_even_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir_all(inner.join("deep")).unwrap();
        let path = inner.join("deep/policy.wasm");
        fs::write(&path, b"abc").unwrap();
        mode(&path, 0o644);
        mode(&inner, 0o775);
        let link = folder.path().join("link.wasm");
        symlink(&path, &link).unwrap();
        for path in [&path, &link] {
            let error = read_policy_file(path).unwrap_err();
            assert!(
                matches!(&error, FileError::Writable { path, .. } if *path == inner),
                "{error}"
            );
        }
        mode(&inner, 0o755);
        assert_eq!(read_policy_file(&link).unwrap(), b"abc");
    }

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_policy_file(folder.path()),
            Err(FileError::NotAFile { .. })
        ));
        let missing = folder.path().join("missing");
        assert!(matches!(
            read_policy_file(&missing),
            Err(FileError::Read { .. })
        ));
        let path = folder.path().join("policy.wasm");
        fs::write(&path, b"abcd").unwrap();
        mode(&path, 0o644);
        assert_eq!(read_guarded_file(&path, 4).unwrap(), b"abcd");
        assert!(matches!(
            read_guarded_file(&path, 3),
            Err(FileError::TooLarge { limit: 3, .. })
        ));
    }
}
