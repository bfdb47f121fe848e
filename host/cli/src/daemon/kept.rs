//! Policy sets on disk: whatever ends the daemon, and whenever, the next start has the last complete one.
//!
//! Components and the rules of a set are files named by what is in them, and one file, the book, says which sets there are and which
//! is active. It is replaced last, as a whole, so everything that it names is always there.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use resolvet::{Difference, Use};
use resolvet_engine::{
    Limits, Rule, guarded_path, read_guarded_file, read_policy_file, replace_file, try_lock_file,
};
use resolvet_proto::judgement::{Digest, Mode, Role, Stage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::book::{self, Book};
use crate::{
    lives::Life,
    output::Output,
    policies::{Loader, Settled},
};

/// The only version of a set's form so far.
const VERSION: u32 = 1;
/// The book.
const BOOK: &str = "book.json";
/// The file whose lock one daemon has for as long as it lives.
const LOCK: &str = "lock";
/// Octets of the book, and of a set with its settings: far more than they have.
const BOOK_OCTETS: usize = 16 << 20;
const SET_OCTETS: usize = 256 << 20;

/// The rules of a set.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Saved {
    version: u32,
    rules: Vec<SavedRule>,
    /// What is known of its components. It says nothing about how they judge, so the set's name does not depend on it.
    lives: BTreeMap<Digest, Life>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SavedRule {
    policy: String,
    policy_version: String,
    digest: Digest,
    stages: Option<Vec<Stage>>,
    mode: Mode,
    role: Role,
    settings: Map<String, Value>,
    limits: Option<Limits>,
    snapshot: bool,
}

/// A set whose files are on disk.
pub(super) struct SavedSet {
    pub(super) name: Digest,
    pub(super) components: Vec<Digest>,
}

/// The folder.
pub(super) struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// The folder `sets` in this one; it is made where it is missing, for this user alone. Nothing else is kept there: revisions have
    /// a folder of their own beside it.
    ///
    /// # Errors
    /// Another daemon has it, or others may write into it or into a folder above it: what they could change would not be read.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
        let folder = state.join("sets");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("state folder `{}` cannot be made", folder.display()))?;
        let path = folder.join(LOCK);
        let unusable = || format!("state folder `{}` cannot be used", folder.display());
        let Some(lock) = try_lock_file(&path).with_context(unusable)? else {
            bail!(
                "{}: another daemon has it; each needs a folder of its own (`daemon.state` or `--state`)",
                unusable()
            );
        };
        guarded_path(&path).with_context(unusable)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    fn component(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    fn set(&self, name: &Digest) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// The book; an empty one where none was written yet.
    ///
    /// One that cannot be read is no missing one: it may say that a version was taken back.
    pub(super) fn book(&self) -> anyhow::Result<Book> {
        let path = self.folder.join(BOOK);
        let unreadable = || {
            format!(
                "what is kept about policy sets, `{}`; who removes it takes the configuration as it is",
                path.display()
            )
        };
        if !path.try_exists().with_context(unreadable)? {
            return Ok(Book::default());
        }
        let octets = read_guarded_file(&path, BOOK_OCTETS).with_context(unreadable)?;
        let book: Book = serde_json::from_slice(&octets).with_context(unreadable)?;
        if book.version != book::VERSION {
            let (came, expected) = (book.version, book::VERSION);
            bail!("{}: version {came}, expected {expected}", unreadable());
        }
        Ok(book)
    }

    /// Replaces the book. From here on the next start has what it says.
    pub(super) fn write(&self, book: &Book) -> anyhow::Result<()> {
        let failed = || {
            format!(
                "the policy set cannot be kept in `{}`",
                self.folder.display()
            )
        };
        let text = serde_json::to_vec(book).with_context(failed)?;
        replace_file(&self.folder.join(BOOK), &text).with_context(failed)
    }

    /// Writes the files of a set, which no book names yet.
    pub(super) fn save(&self, rules: &[Rule], loader: &Loader) -> anyhow::Result<SavedSet> {
        let failed = || {
            format!(
                "the policy set cannot be kept in `{}`",
                self.folder.display()
            )
        };
        let mut lives = BTreeMap::new();
        for rule in rules {
            let digest = rule.policy.digest();
            if let Some(life) = loader.lives().get(&digest) {
                lives.insert(digest, life.clone());
            }
            let Some(octets) = loader.octets(&digest) else {
                bail!("{}: component {digest} is not at hand", failed());
            };
            let path = self.component(&digest);
            // A file that was cut short by a full disk or a lost page is as good as missing.
            let is_whole = fs::read(&path).is_ok_and(|kept| kept == *octets);
            if !is_whole {
                replace_file(&path, &octets).with_context(failed)?;
            }
        }
        let rules: Vec<SavedRule> = rules.iter().map(saved).collect();
        let name = name(&rules)?;
        let components = rules.iter().map(|rule| rule.digest).collect();
        let path = self.set(&name);
        if self.rules(&name).is_err() {
            let version = VERSION;
            let saved = Saved {
                version,
                rules,
                lives,
            };
            let text = serde_json::to_vec(&saved).with_context(failed)?;
            replace_file(&path, &text).with_context(failed)?;
        }
        Ok(SavedSet { name, components })
    }

    /// Removes what the book does not name. What cannot be removed now is tried again next time.
    pub(super) fn sweep(&self, book: &Book) {
        let named = |path: PathBuf| path.file_name().map(ToOwned::to_owned);
        let mut needed: BTreeSet<OsString> = BTreeSet::from([BOOK.into()]);
        for generation in &book.generations {
            needed.extend(named(self.set(&generation.set)));
            let components = generation.components.iter();
            needed.extend(components.filter_map(|digest| named(self.component(digest))));
        }
        if let Some(standing) = &book.standing {
            needed.extend(named(self.set(&standing.set)));
        }
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let unneeded = entries.filter(|entry| !needed.contains(&entry.file_name()));
        for entry in unneeded.filter(|entry| is_own(&entry.path())) {
            let _removed = fs::remove_file(entry.path());
        }
    }

    /// What these rules would be called.
    pub(super) fn name(&self, rules: &[Rule]) -> anyhow::Result<Digest> {
        name(&rules.iter().map(saved).collect::<Vec<_>>())
    }

    /// How this set differs from a kept one, as far as one can say without loading that.
    pub(super) fn difference(&self, old: &Digest, new: &[Rule]) -> Difference {
        let mut old = self
            .rules(old)
            .map_or_else(|_| Vec::new(), |saved| saved.rules);
        let mut difference = Difference::default();
        for rule in new.iter().map(saved) {
            let found = old.iter().position(|old| old.policy == rule.policy);
            match found.map(|found| old.remove(found)) {
                None => difference.added.push(used(&rule)),
                Some(old) if old == rule => difference.unchanged.push(used(&rule)),
                Some(_) => difference.updated.push(used(&rule)),
            }
        }
        difference.removed = old.iter().map(used).collect();
        difference
    }

    fn rules(&self, set: &Digest) -> anyhow::Result<Saved> {
        let path = self.set(set);
        let unreadable = || format!("the kept policy set `{}`", path.display());
        let octets = read_guarded_file(&path, SET_OCTETS).with_context(unreadable)?;
        let saved: Saved = serde_json::from_slice(&octets).with_context(unreadable)?;
        if saved.version != VERSION {
            let came = saved.version;
            bail!("{}: version {came}, expected {VERSION}", unreadable());
        }
        if name(&saved.rules)? != *set {
            bail!("{} is not what its name says", unreadable());
        }
        Ok(saved)
    }

    /// The rules of a kept set, loaded.
    pub(super) fn load(
        &self,
        set: &Digest,
        loader: &mut Loader,
        output: &Output,
    ) -> anyhow::Result<Vec<Rule>> {
        let saved = self.rules(set)?;
        let mut rules = Vec::new();
        for saved in &saved.rules {
            let path = self.component(&saved.digest);
            let unreadable = || format!("the kept policy set's component `{}`", path.display());
            let octets = read_policy_file(&path).with_context(unreadable)?;
            if Digest::of(&octets) != saved.digest {
                bail!("{} is not what its name says", unreadable());
            }
            // This engine may have been given less memory than the one that the set was made for.
            let limits = saved.limits.map(|limits| loader.within(limits));
            let policy = match saved.snapshot {
                false => loader.admit(&saved.policy, &octets, output)?,
                true => {
                    let settled = Settled {
                        settings: &saved.settings,
                        stages: saved.stages.as_deref(),
                        limits,
                    };
                    loader.admit_settled(&saved.policy, &octets, settled, output)?
                }
            };
            let mut rule = Rule::new(policy);
            rule.stages.clone_from(&saved.stages);
            rule.mode = saved.mode;
            rule.role = saved.role;
            rule.settings.clone_from(&saved.settings);
            rule.limits = limits;
            rules.push(rule);
        }
        for (digest, life) in saved.lives {
            loader.remember(digest, life);
        }
        loader.rest();
        Ok(rules)
    }
}

fn saved(rule: &Rule) -> SavedRule {
    let manifest = rule.policy.manifest();
    SavedRule {
        policy: manifest.name.clone(),
        policy_version: manifest.version.clone(),
        digest: rule.policy.digest(),
        stages: rule.stages.clone(),
        mode: rule.mode,
        role: rule.role,
        settings: rule.settings.clone(),
        limits: rule.limits,
        snapshot: rule.policy.settings().is_some(),
    }
}

fn used(rule: &SavedRule) -> Use {
    Use {
        policy: rule.policy.clone(),
        version: rule.policy_version.clone(),
        digest: rule.digest,
    }
}

/// What these rules are called: the same rules by the same components are one set.
fn name(rules: &[SavedRule]) -> anyhow::Result<Digest> {
    let text = serde_json::to_vec(rules).context("the rules have no JSON form")?;
    Ok(Digest::of(&text))
}

/// Whether a file's name is one that is given here: whatever else somebody keeps in the folder stays.
fn is_own(path: &Path) -> bool {
    let stem = path.file_stem().and_then(OsStr::to_str);
    stem.is_some_and(|stem| stem.parse::<Digest>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_book_does_not_name_goes_and_what_others_keep_stays() {
        let state = tempfile::tempdir().unwrap();
        let kept = Kept::open(state.path()).unwrap();
        let digest = Digest::of(b"no longer needed");
        let own = [kept.component(&digest), kept.set(&digest)];
        let others = ["pkix.json", LOCK, "notes.wasm"].map(|name| kept.folder.join(name));
        for path in own.iter().chain(&others) {
            fs::write(path, "").unwrap();
        }
        kept.sweep(&Book::default());
        assert!(own.iter().all(|path| !path.exists()));
        assert!(others.iter().all(|path| path.exists()));
    }
}
