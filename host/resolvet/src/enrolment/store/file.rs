//! Replaces a file as a whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{StoreError, failed};

/// What [`replace`] does with the disk, each step by itself, so that tests can let any of them fail.
pub(super) trait Disk {
    /// Makes a file of mode 0600 that was not there.
    fn create(&self, path: &Path) -> io::Result<File> {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    /// Writes everything.
    fn write(&self, file: &mut File, octets: &[u8]) -> io::Result<()> {
        file.write_all(octets)
    }

    /// Waits until a file or folder is on the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Gives a file another's place.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The disk itself.
pub(super) struct System;

impl Disk for System {}

/// Writes a new file beside the old one, waits until it is on the disk, lets it take the old one's place, and waits until
/// the folder is on the disk too. The caller sees to it that nobody else does the same.
pub(super) fn replace(
    disk: &impl Disk,
    folder: &Path,
    path: &Path,
    octets: &[u8],
) -> Result<(), StoreError> {
    // The ending is none of an enrolment's, so a file that a crash left behind is never read.
    let beside = path.with_extension("new");
    match disk.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("removing", &beside)(error));
        }
        _ => {}
    }
    let written = (|| {
        let mut file = disk.create(&beside).map_err(failed("making", &beside))?;
        disk.write(&mut file, octets)
            .map_err(failed("writing", &beside))?;
        disk.sync(&file).map_err(failed("writing", &beside))?;
        disk.rename(&beside, path)
            .map_err(failed("replacing", path))
    })();
    if written.is_err() {
        // What could not be finished is of no use, and its space may be what is missing; the error is told already.
        let _removed = disk.remove(&beside);
        return written;
    }
    let opened = File::open(folder).map_err(failed("opening", folder))?;
    disk.sync(&opened).map_err(failed("writing", folder))
}

/// Waits until a folder is on the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let opened = File::open(folder).map_err(failed("opening", folder))?;
    System.sync(&opened).map_err(failed("writing", folder))
}
