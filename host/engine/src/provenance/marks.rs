//! The highest revision of each policy that was active here: an older one, or another of the same revision, is refused.
//!
//! One file for each name, in a folder that nobody else may use. A file is replaced as a whole: written beside, synced, renamed, and
//! the folder synced, so that after a crash there is the old mark or the new one.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};

use super::{MarksError, ProvenanceError, short};
use crate::{lock_file, replace_file};

/// Version of a mark's form.
const VERSION: u32 = 1;
/// Octets of a mark's file, far more than one has.
const OCTETS: u64 = 4_096;
/// The file by whose lock processes take turns.
const LOCK: &str = "lock";
/// Permissions of anybody else.
const OTHERS: u32 = 0o077;

/// The highest revision of a policy, and which component it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The policy's name, of its manifest.
    pub name: String,
    /// The revision.
    pub revision: u64,
    /// The component.
    pub digest: Digest,
}

/// A mark as it stands in its file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stored {
    version: u32,
    name: String,
    revision: u64,
    digest: Digest,
}

/// A folder of marks.
#[derive(Debug, Clone)]
pub struct Marks {
    folder: PathBuf,
}

impl Marks {
    /// Opens the folder, and makes it, of mode 0700, when it is missing.
    ///
    /// # Errors
    /// It cannot be made, or somebody else may use it.
    pub fn open(folder: &Path) -> Result<Self, MarksError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at(folder))?;
        private(folder)?;
        let folder = folder.to_path_buf();
        Ok(Self { folder })
    }

    /// The mark of this name, if it ever had one.
    ///
    /// # Errors
    /// The mark is there and cannot be read: then nobody knows what was active.
    pub fn get(&self, name: &str) -> Result<Option<Mark>, MarksError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(at(&path))?,
        };
        private(&path)?;
        let mut text = Vec::new();
        file.take(OCTETS)
            .read_to_end(&mut text)
            .map_err(at(&path))?;
        let form = |reason: String| MarksError::Form {
            path: path.clone(),
            reason,
        };
        let stored: Stored =
            serde_json::from_slice(&text).map_err(|error| form(error.to_string()))?;
        if stored.version != VERSION || stored.name != name {
            let Stored { version, name, .. } = &stored;
            let came = format!("version {version} of `{}`", name.escape_debug());
            return Err(form(format!("it is {came}: expected version {VERSION}")));
        }
        let Stored {
            name,
            revision,
            digest,
            ..
        } = stored;
        Ok(Some(Mark {
            name,
            revision,
            digest,
        }))
    }

    /// Whether a component may become active, by what was.
    ///
    /// # Errors
    /// It is older, or another of the same revision, or the mark cannot be read.
    pub fn check(&self, new: &Mark) -> Result<(), ProvenanceError> {
        match self.get(&new.name)? {
            Some(old) => newer(new, &old),
            None => Ok(()),
        }
    }

    /// Keeps the marks of a set that becomes active: all are checked once more, under a lock that processes share, and then
    /// written. On the disk when it returns.
    ///
    /// # Errors
    /// Somebody was faster with a newer one, or a mark cannot be written. Those that were written before stay: they
    /// refuse nothing but what is older than what was about to become active.
    pub fn advance<'a>(
        &self,
        marks: impl IntoIterator<Item = &'a Mark> + Clone,
    ) -> Result<(), ProvenanceError> {
        let _turn = self.lock()?;
        for (position, mark) in marks.clone().into_iter().enumerate() {
            self.check(mark)?;
            // A set may use a policy twice, but not in two versions: one of them would be older than what is active.
            let others = marks.clone().into_iter().take(position);
            for other in others.filter(|other| other.name == mark.name) {
                newer(mark, other)?;
                newer(other, mark)?;
            }
        }
        for mark in marks {
            if self.get(&mark.name)?.as_ref() != Some(mark) {
                self.put(mark)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<File, MarksError> {
        let path = self.folder.join(LOCK);
        lock_file(&path).map_err(at(&path))
    }

    fn put(&self, mark: &Mark) -> Result<(), MarksError> {
        let path = self.path(&mark.name);
        let stored = Stored {
            version: VERSION,
            name: mark.name.clone(),
            revision: mark.revision,
            digest: mark.digest,
        };
        let text = serde_json::to_vec(&stored).map_err(|error| MarksError::Form {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        replace_file(&path, &text).map_err(at(&path))
    }

    /// A manifest's name is a kebab-case word, and so the name of a file.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

/// Whether this is newer than that, or the same.
fn newer(new: &Mark, old: &Mark) -> Result<(), ProvenanceError> {
    if new.revision < old.revision {
        return Err(ProvenanceError::Older {
            name: new.name.clone(),
            came: new.revision,
            mark: old.revision,
        });
    }
    if new.revision == old.revision && new.digest != old.digest {
        return Err(ProvenanceError::Reused {
            name: new.name.clone(),
            revision: new.revision,
            mark: short(&old.digest),
            came: short(&new.digest),
        });
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> MarksError {
    let path = path.to_path_buf();
    move |source| MarksError::File { path, source }
}

/// Nobody else may look into it or write into it.
fn private(path: &Path) -> Result<(), MarksError> {
    let open = |reason| MarksError::Open {
        path: path.to_path_buf(),
        reason,
    };
    let metadata = fs::symlink_metadata(path).map_err(at(path))?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.is_symlink() {
        return Err(open("it is a symbolic link".into()));
    }
    if metadata.uid() != user {
        let owner = metadata.uid();
        return Err(open(format!(
            "it belongs to user {owner}: expected user {user}"
        )));
    }
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(open(format!(
            "others may use it (mode {mode:03o}): mend with `chmod go-rwx`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mark(revision: u64, component: &[u8]) -> Mark {
        Mark {
            name: "company-rule".into(),
            revision,
            digest: Digest::of(component),
        }
    }

    #[test]
    fn what_is_older_or_another_is_refused_also_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks");
        let marks = Marks::open(&path).unwrap();
        marks.advance([&mark(7, b"a")]).unwrap();

        let marks = Marks::open(&path).unwrap();
        for (new, code) in [
            (mark(6, b"a"), Some("revision-older")),
            (mark(7, b"b"), Some("revision-reused")),
            (mark(7, b"a"), None),
            (mark(8, b"b"), None),
        ] {
            let came = marks.check(&new).err().map(|error| error.code());
            assert_eq!(came, code, "{new:?}");
            let came = marks.advance([&new]).err().map(|error| error.code());
            assert_eq!(came, code, "{new:?}");
        }
        assert_eq!(marks.get("company-rule").unwrap(), Some(mark(8, b"b")));
    }

    #[test]
    fn of_a_set_all_marks_are_checked_before_one_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open(&folder.path().join("marks")).unwrap();
        marks.advance([&mark(7, b"a")]).unwrap();
        let other = Mark {
            name: "other".into(),
            ..mark(1, b"x")
        };
        assert!(marks.advance([&other, &mark(6, b"a")]).is_err());
        assert_eq!(marks.get("other").unwrap(), None);
    }

    #[test]
    fn a_set_has_no_policy_in_two_versions() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open(&folder.path().join("marks")).unwrap();
        for (one, other, code) in [
            (mark(8, b"b"), mark(7, b"a"), "revision-older"),
            (mark(7, b"a"), mark(8, b"b"), "revision-older"),
            (mark(8, b"b"), mark(8, b"a"), "revision-reused"),
        ] {
            let error = marks.advance([&one, &other]).unwrap_err();
            assert_eq!(error.code(), code);
            assert_eq!(marks.get("company-rule").unwrap(), None);
        }
        marks.advance([&mark(8, b"b"), &mark(8, b"b")]).unwrap();
    }

    #[test]
    fn a_mark_that_cannot_be_read_is_no_missing_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks");
        let marks = Marks::open(&path).unwrap();
        marks.advance([&mark(7, b"a")]).unwrap();
        let file = path.join("company-rule.json");
        let good = fs::read(&file).unwrap();
        for length in 0..good.len() {
            fs::write(&file, &good[..length]).unwrap();
            let error = marks.check(&mark(8, b"a")).unwrap_err();
            assert_eq!(error.code(), "marks-unusable", "{length} octets");
        }
        fs::write(&file, &good).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
        let error = marks.check(&mark(8, b"a")).unwrap_err();
        assert_eq!(error.code(), "marks-unusable");
    }

    #[test]
    fn what_a_crash_left_beside_a_mark_is_no_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks");
        let marks = Marks::open(&path).unwrap();
        marks.advance([&mark(7, b"a")]).unwrap();
        fs::write(path.join("company-rule.new"), b"{\"version\":1").unwrap();
        assert_eq!(marks.get("company-rule").unwrap(), Some(mark(7, b"a")));
        marks.advance([&mark(8, b"b")]).unwrap();
        assert_eq!(marks.get("company-rule").unwrap(), Some(mark(8, b"b")));
    }
}
