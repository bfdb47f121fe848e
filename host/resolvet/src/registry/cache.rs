//! Artefacts that were in use, on disk: what judges goes on judging when no registry can be reached.
//!
//! Manifests and components are files named by their digest, as in an OCI image layout, and a file for each address names a manifest.
//! It is written last, and read last of all comes what it names, checked against that name: a file that was changed or cut short is
//! as good as none.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use resolvet_engine::{FileError, lock_file, read_policy_file, replace_file};
use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    artefact::Artefact,
    error::RegistryError,
    manifest::Manifest,
    reference::{Reference, Version},
};

/// The only version of the form so far.
const VERSION: u32 = 1;
/// Addresses that are kept, beside more of them when more are in use; the oldest goes first.
const ADDRESSES: usize = 64;
/// The file by whose lock processes take turns.
const LOCK: &str = "lock";

/// A folder of artefacts.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The cache cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file cannot be written or removed.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read, or others may write it.
    #[error(transparent)]
    Read(#[from] FileError),
    /// A file is not what it was.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Named {
    version: u32,
    reference: Reference,
    manifest: Digest,
}

impl Cache {
    /// Opens the folder, and makes it for this user alone where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let folder = folder.to_path_buf();
        for inner in [NAMES, BLOBS] {
            let path = folder.join(inner);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(at(&path))?;
        }
        Ok(Self { folder })
    }

    /// The artefact that was in use for this address, whole and as it was; `None` when there was none.
    ///
    /// # Errors
    /// It is there and damaged, or others may write it.
    pub fn get(&self, reference: &Reference) -> Result<Option<Artefact>, CacheError> {
        let path = self.name(reference);
        if !path.try_exists().map_err(at(&path))? {
            return Ok(None);
        }
        let named = read_name(&path)?;
        if named.reference != *reference {
            return Err(damaged(&path, "it is of another address"));
        }
        if let Version::Digest(pinned) = reference.version()
            && *pinned != named.manifest
        {
            return Err(damaged(&path, "it names another artefact than its address"));
        }
        let manifest = self.blob(&named.manifest)?;
        let path = self.blob_path(&named.manifest);
        let wrong = |error: &dyn ToString| damaged(&path, &error.to_string());
        let parsed = Manifest::parse(&manifest).map_err(|error| wrong(&error))?;
        // Whether it is the one that the manifest names is looked at below.
        let component = read_policy_file(&self.blob_path(&parsed.component))?;
        let artefact = Artefact::of(manifest, component);
        Ok(Some(
            artefact.map_err(|error: RegistryError| wrong(&error))?,
        ))
    }

    /// Keeps what is in use now. It is on the disk when this returns; when it fails, what was kept before is there.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn put<'a>(
        &self,
        used: impl IntoIterator<Item = (&'a Reference, &'a Artefact)>,
    ) -> Result<(), CacheError> {
        let _turn = self.lock()?;
        let mut in_use = BTreeSet::new();
        for (reference, artefact) in used {
            self.keep(&artefact.component_digest(), artefact.component())?;
            self.keep(&artefact.digest(), artefact.manifest())?;
            let path = self.name(reference);
            let named = Named {
                version: VERSION,
                reference: reference.clone(),
                manifest: artefact.digest(),
            };
            let text = serde_json::to_vec(&named);
            let text = text.map_err(|error| damaged(&path, &error.to_string()))?;
            if !fs::read(&path).is_ok_and(|kept| kept == text) {
                replace_file(&path, &text).map_err(at(&path))?;
            }
            in_use.insert(path);
        }
        self.clear(&in_use);
        Ok(())
    }

    fn keep(&self, digest: &Digest, octets: &[u8]) -> Result<(), CacheError> {
        let path = self.blob_path(digest);
        if fs::read(&path).is_ok_and(|kept| kept == octets) {
            return Ok(());
        }
        replace_file(&path, octets).map_err(at(&path))
    }

    /// Octets under their digest.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, CacheError> {
        let path = self.blob_path(digest);
        let octets = read_policy_file(&path)?;
        match Digest::of(&octets) == *digest {
            true => Ok(octets),
            false => Err(damaged(&path, "it is not what its name says")),
        }
    }

    /// Removes the addresses that are the oldest beyond those that are kept, none that is in use, and what none of the others names. What
    /// cannot be removed now is tried again next time.
    fn clear(&self, in_use: &BTreeSet<PathBuf>) {
        let mut names: Vec<(bool, SystemTime, PathBuf)> = files(&self.folder.join(NAMES))
            .map(|path| {
                let changed = fs::metadata(&path).and_then(|metadata| metadata.modified());
                let changed = changed.unwrap_or(SystemTime::UNIX_EPOCH);
                (in_use.contains(&path), changed, path)
            })
            .collect();
        names.sort();
        let beyond = names.len().saturating_sub(ADDRESSES.max(in_use.len()));
        for (.., path) in names.drain(..beyond) {
            let _removed = fs::remove_file(path);
        }
        let mut needed = BTreeSet::new();
        for (.., path) in &names {
            let Ok(named) = read_name(path) else { continue };
            needed.insert(self.blob_path(&named.manifest));
            let manifest = self.blob(&named.manifest).ok();
            let parsed = manifest.and_then(|manifest| Manifest::parse(&manifest).ok());
            needed.extend(parsed.map(|parsed| self.blob_path(&parsed.component)));
        }
        for path in files(&self.folder.join(BLOBS)).filter(|path| !needed.contains(path)) {
            let _removed = fs::remove_file(path);
        }
    }

    fn lock(&self) -> Result<File, CacheError> {
        let path = self.folder.join(LOCK);
        lock_file(&path).map_err(at(&path))
    }

    /// The file that names the artefact of an address.
    fn name(&self, reference: &Reference) -> PathBuf {
        let digest = Digest::of(reference.to_string().as_bytes());
        self.folder.join(NAMES).join(format!("{digest}.json"))
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(BLOBS).join(digest.to_string())
    }
}

/// Where the files are that name artefacts.
const NAMES: &str = "names";
/// Where what has a digest is.
const BLOBS: &str = "blobs/sha256";

fn read_name(path: &Path) -> Result<Named, CacheError> {
    let text = read_policy_file(path)?;
    let named: Named =
        serde_json::from_slice(&text).map_err(|error| damaged(path, &error.to_string()))?;
    match named.version {
        VERSION => Ok(named),
        came => Err(damaged(
            path,
            &format!("version {came}, expected {VERSION}"),
        )),
    }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn damaged(path: &Path, reason: &str) -> CacheError {
    CacheError::Damaged {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_path_buf();
    move |source| CacheError::File { path, source }
}

#[cfg(test)]
mod tests {
    use resolvet_engine::provenance::Source;

    use super::*;
    use crate::registry::About;

    fn artefact(component: &[u8]) -> Artefact {
        let source = Source {
            name: "rule".into(),
            octets: component.to_vec(),
            signatures: vec![b"signature".to_vec()],
        };
        Artefact::make(&source, About::default()).unwrap().0
    }

    fn reference(tag: &str) -> Reference {
        format!("oci://registry.example.net/rule:{tag}")
            .parse()
            .unwrap()
    }

    #[test]
    fn what_was_in_use_is_there_and_what_is_not_needed_goes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("registry")).unwrap();
        let (stable, next) = (reference("stable"), reference("next"));
        assert_eq!(cache.get(&stable).unwrap(), None);
        let (old, new) = (artefact(b"old"), artefact(b"new"));
        cache.put([(&stable, &old), (&next, &new)]).unwrap();
        assert_eq!(cache.get(&stable).unwrap().as_ref(), Some(&old));
        cache.put([(&stable, &new)]).unwrap();
        let cache = Cache::open(&folder.path().join("registry")).unwrap();
        assert_eq!(cache.get(&stable).unwrap().as_ref(), Some(&new));
        assert_eq!(cache.get(&next).unwrap().as_ref(), Some(&new));
        assert_eq!(files(&cache.folder.join(BLOBS)).count(), 2);
    }

    #[test]
    fn whatever_is_changed_or_cut_short_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let (stable, artefact) = (reference("stable"), artefact(b"component"));
        cache.put([(&stable, &artefact)]).unwrap();
        let all = files(&folder.path().join(NAMES)).chain(files(&folder.path().join(BLOBS)));
        for path in all.collect::<Vec<_>>() {
            let good = fs::read(&path).unwrap();
            for length in 0..good.len() {
                fs::write(&path, &good[..length]).unwrap();
                assert!(cache.get(&stable).is_err(), "{length} of {path:?}");
            }
            let mut changed = good.clone();
            changed[0] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(cache.get(&stable).is_err(), "{path:?}");
            // What is damaged is mended by the next pull.
            cache.put([(&stable, &artefact)]).unwrap();
            assert_eq!(cache.get(&stable).unwrap().as_ref(), Some(&artefact));
        }
    }

    #[test]
    fn no_more_addresses_are_kept_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let artefact = artefact(b"component");
        for number in 0..ADDRESSES + 3 {
            let reference = reference(&number.to_string());
            cache.put([(&reference, &artefact)]).unwrap();
            assert!(cache.get(&reference).unwrap().is_some());
        }
        assert_eq!(files(&folder.path().join(NAMES)).count(), ADDRESSES);
        assert_eq!(files(&folder.path().join(BLOBS)).count(), 2);
    }

    #[test]
    fn what_is_in_use_is_kept_however_much_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let artefact = artefact(b"component");
        cache.put([(&reference("before"), &artefact)]).unwrap();
        let used = (0..ADDRESSES + 3).map(|number| reference(&number.to_string()));
        let used: Vec<_> = used.collect();
        cache
            .put(used.iter().map(|reference| (reference, &artefact)))
            .unwrap();
        for reference in &used {
            assert!(cache.get(reference).unwrap().is_some(), "{reference}");
        }
        assert_eq!(cache.get(&reference("before")).unwrap(), None);
    }
}
