//! Enrolments on disk, a file for each network.
//!
//! The folder belongs to this user alone (mode 0700) and so does each file (0600); what does not is refused, since whoever
//! can write there decides whom to trust. A write is whole or did not happen, whenever the program, the disk or the power
//! ends ([`file::replace`]).

mod file;
#[cfg(test)]
mod tests;
mod trusted;

use std::{
    fmt, fs,
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use resolvet_proto::enrolment::{Enrolment, PendingVoucher};
use rustix::fs::OFlags;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{TokenUri, keys};
use file::System;

/// Octets of one stored enrolment. An honest one has some kilobytes, with CRLs some megabytes.
const FILE_OCTETS: u64 = 64 << 20;
/// The ending of an enrolment's file.
const ENDING: &str = ".json";
/// The ending of a key's file.
const KEY_ENDING: &str = ".key";
/// The ending of the file of a voucher request that is not decided.
const VOUCHER_ENDING: &str = ".voucher";
/// Held while something is written, so that two programs do not write at once.
const LOCK: &str = ".lock";

/// The name that the user gave a network: letters in lower case, digits, `.`, `-` and `_`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

/// A text cannot name a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` cannot name a network: expected 1 to 200 letters in lower case, digits, `.`, `-` and `_`, beginning with a letter or digit"
)]
pub struct NetworkNameError {
    text: String,
}

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, NetworkNameError> {
        let good = |octet: u8| {
            octet.is_ascii_lowercase() || octet.is_ascii_digit() || b".-_".contains(&octet)
        };
        let begins = text
            .bytes()
            .next()
            .is_some_and(|o| o.is_ascii_alphanumeric());
        if begins && text.len() <= 200 && text.bytes().all(good) {
            return Ok(Self(text.to_owned()));
        }
        let text = text.escape_debug().take(200).collect();
        Err(NetworkNameError { text })
    }
}

impl NetworkName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A step of reading or writing failed.
    #[error("{step} `{}` failed: {reason}", path.display())]
    Io {
        /// What was done.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// How it failed.
        reason: io::Error,
    },
    /// Others may read or write there.
    #[error("`{}` has mode {mode:04o}, expected {expected:04o}: others may read or change whom this user trusts", path.display())]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it must be.
        expected: u32,
    },
    /// Somebody else's.
    #[error("`{}` belongs to user {owner}, expected {expected}", path.display())]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it must be.
        expected: u32,
    },
    /// Another kind of file stands there.
    #[error("`{}` is no {expected}", path.display())]
    Kind {
        /// The path.
        path: PathBuf,
        /// What it must be.
        expected: &'static str,
    },
    /// The content is none of ours.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |reason| StoreError::Io { step, path, reason }
}

/// Enrolments on disk.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of this folder, which is made if it is not there. All permissions are checked.
    ///
    /// # Errors
    /// The folder or a file in it is somebody else's, or others may read or write it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed("making folder", folder))?;
        let metadata = fs::symlink_metadata(folder).map_err(failed("looking at", folder))?;
        if !metadata.is_dir() {
            let path = folder.to_owned();
            return Err(StoreError::Kind {
                path,
                expected: "folder",
            });
        }
        private(folder, &metadata, 0o700)?;
        let store = Self {
            folder: folder.to_owned(),
        };
        for network in store.networks()? {
            open_private(&store.path(&network))?;
        }
        for network in store.trusted()? {
            open_private(&store.trusted_path(&network))?;
        }
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The networks that there are enrolments of, by name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn networks(&self) -> Result<Vec<NetworkName>, StoreError> {
        self.names(ENDING)
    }

    /// The names of the files with this ending.
    fn names(&self, ending: &str) -> Result<Vec<NetworkName>, StoreError> {
        let mut networks = Vec::new();
        let entries = fs::read_dir(&self.folder).map_err(failed("reading folder", &self.folder))?;
        for entry in entries {
            let entry = entry.map_err(failed("reading folder", &self.folder))?;
            let name = entry.file_name();
            let network = name.to_str().and_then(|name| name.strip_suffix(ending));
            networks.extend(network.and_then(|name| name.parse::<NetworkName>().ok()));
        }
        networks.sort();
        Ok(networks)
    }

    /// The enrolment of a network, if there is one.
    ///
    /// # Errors
    /// The file is not this user's alone, or its content is none of ours.
    pub fn load(&self, network: &NetworkName) -> Result<Option<Enrolment>, StoreError> {
        read(&self.path(network))
    }

    /// Keeps the enrolment of a network in place of the one before. Either the old one is there afterwards or the new one,
    /// whole, whatever happens; after success the new one survives a loss of power.
    ///
    /// # Errors
    /// A step failed, for want of space for example: the old enrolment stands as it was.
    pub fn save(&self, network: &NetworkName, enrolment: &Enrolment) -> Result<(), StoreError> {
        self.write(&self.path(network), enrolment)
    }

    /// The voucher request that was sent in this network and is not decided yet, if there is one.
    ///
    /// # Errors
    /// The file is not this user's alone, or its content is none of ours.
    pub fn pending_voucher(
        &self,
        network: &NetworkName,
    ) -> Result<Option<PendingVoucher>, StoreError> {
        read(&self.voucher_path(network))
    }

    /// Keeps a voucher request over a restart, or forgets the one that was kept.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub(super) fn keep_voucher(
        &self,
        network: &NetworkName,
        pending: Option<&PendingVoucher>,
    ) -> Result<(), StoreError> {
        let path = self.voucher_path(network);
        match pending {
            Some(pending) => self.write(&path, pending),
            None => removed(&path),
        }
    }

    /// Writes a file of ours in place of the one before.
    fn write(&self, path: &Path, content: &impl Serialize) -> Result<(), StoreError> {
        let octets = serde_json::to_vec_pretty(content);
        let mut octets = octets.map_err(|error| malformed(path, error.to_string()))?;
        octets.push(b'\n');
        let _alone = self.lock()?;
        file::replace(&System, &self.folder, path, &octets)
    }

    /// Forgets a network. Says whether there was an enrolment. A key in a token is removed by
    /// [`super::KeyStore::remove_all`].
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, network: &NetworkName) -> Result<bool, StoreError> {
        // The keys of the device's own certificates are of no use without them.
        let enrolment = self.load(network).ok().flatten();
        let _alone = self.lock()?;
        let path = self.path(network);
        match fs::remove_file(&path) {
            Ok(()) => {
                let handles = enrolment.iter().flat_map(keys::handles);
                for handle in handles.filter(|handle| !TokenUri::is_meant(handle)) {
                    self.remove_key(handle)?;
                }
                file::sync_folder(&self.folder)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("removing", &path)(error)),
        }
    }

    /// Keeps a key under this handle.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub(super) fn save_key(&self, handle: &str, pkcs8: &[u8]) -> Result<(), StoreError> {
        let _alone = self.lock()?;
        file::replace(&System, &self.folder, &self.key_path(handle), pkcs8)
    }

    /// Removes a key; one that is not there is removed already.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove_key(&self, handle: &str) -> Result<(), StoreError> {
        removed(&self.key_path(handle))
    }

    /// Handles of our own making are names of files; another one is never one that leads elsewhere.
    pub(super) fn key_path(&self, handle: &str) -> PathBuf {
        let name: String = handle
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.folder.join(format!("{name}{KEY_ENDING}"))
    }

    fn voucher_path(&self, network: &NetworkName) -> PathBuf {
        self.folder.join(format!("{network}{VOUCHER_ENDING}"))
    }

    fn path(&self, network: &NetworkName) -> PathBuf {
        self.folder.join(format!("{network}{ENDING}"))
    }

    fn lock(&self) -> Result<fs::File, StoreError> {
        let path = self.folder.join(LOCK);
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::CLOEXEC))
            .open(&path)
            .map_err(failed("opening", &path))?;
        file.lock().map_err(failed("locking", &path))?;
        Ok(file)
    }
}

/// Removes a file; one that is not there is removed already.
fn removed(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// Reads a file of ours, if it is there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(file) = open_private(path)? else {
        return Ok(None);
    };
    let mut octets = Vec::new();
    file.take(FILE_OCTETS + 1)
        .read_to_end(&mut octets)
        .map_err(failed("reading", path))?;
    if octets.len() as u64 > FILE_OCTETS {
        return Err(malformed(path, format!("more than {FILE_OCTETS} octets")));
    }
    serde_json::from_slice(&octets)
        .map(Some)
        .map_err(|error| malformed(path, error.to_string()))
}

fn malformed(path: &Path, reason: String) -> StoreError {
    let path = path.to_owned();
    StoreError::Malformed { path, reason }
}

/// Opens a file if it is there, and checks that it is this user's alone.
fn open_private(path: &Path) -> Result<Option<fs::File>, StoreError> {
    let opened = fs::OpenOptions::new()
        .read(true)
        // Neither a link that leads elsewhere nor a pipe that never answers.
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("opening", path))?,
    };
    let metadata = file.metadata().map_err(failed("looking at", path))?;
    if !metadata.is_file() {
        return Err(StoreError::Kind {
            path: path.to_owned(),
            expected: "file",
        });
    }
    private(path, &metadata, 0o600)?;
    Ok(Some(file))
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

/// Whether this is the user's own and nobody else may read or write it.
fn private(path: &Path, metadata: &fs::Metadata, expected: u32) -> Result<(), StoreError> {
    let own = rustix::process::geteuid().as_raw();
    let path = path.to_owned();
    if metadata.uid() != own {
        let owner = metadata.uid();
        return Err(StoreError::Owner {
            path,
            owner,
            expected: own,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Mode {
            path,
            mode,
            expected,
        });
    }
    Ok(())
}
