//! The last complete policy set on disk: whatever ends the daemon, and whenever, the next start has it.
//!
//! Components are files named by their digest, and one file names the set's components with their settings. It is replaced last,
//! as a whole, so the set that it names is always there.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use resolvet_engine::{Limits, Rule, read_policy_file};
use resolvet_proto::judgement::{Digest, Mode, Role, Stage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    output::Output,
    policies::{Loader, Settled},
};

/// The only version of the form so far.
const VERSION: u32 = 1;
/// The file that names the set.
const SET: &str = "set.json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Saved {
    version: u32,
    rules: Vec<SavedRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SavedRule {
    digest: Digest,
    stages: Option<Vec<Stage>>,
    mode: Mode,
    role: Role,
    settings: Map<String, Value>,
    limits: Option<Limits>,
    #[serde(default)]
    snapshot: bool,
}

/// The folder of the last complete set.
pub(super) struct Kept(PathBuf);

impl Kept {
    /// The folder `policies` in this one; it is made where it is missing, for this user alone.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
        let folder = state.join("policies");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("state folder `{}` cannot be made", folder.display()))?;
        Ok(Self(folder))
    }

    fn component(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{digest}.wasm"))
    }

    /// Keeps these rules in place of those before, or, when anything fails, those before.
    pub(super) fn save(&self, rules: &[Rule], loader: &Loader) -> anyhow::Result<()> {
        let failed = || format!("the policy set cannot be kept in `{}`", self.0.display());
        let mut needed = BTreeSet::from([PathBuf::from(SET)]);
        for rule in rules {
            let digest = rule.policy.digest();
            let path = self.component(&digest);
            needed.extend(path.file_name().map(PathBuf::from));
            let Some(octets) = loader.octets(&digest) else {
                bail!("{}: component {digest} is not at hand", failed());
            };
            // A file that was cut short by a full disk or a lost page is as good as missing.
            let is_whole = fs::read(&path).is_ok_and(|kept| kept == *octets);
            if !is_whole {
                replace(&self.0, &path, &octets).with_context(failed)?;
            }
        }
        let rules = rules.iter().map(|rule| SavedRule {
            digest: rule.policy.digest(),
            stages: rule.stages.clone(),
            mode: rule.mode,
            role: rule.role,
            settings: rule.settings.clone(),
            limits: rule.limits,
            snapshot: rule.policy.settings().is_some(),
        });
        let saved = Saved {
            version: VERSION,
            rules: rules.collect(),
        };
        let text = serde_json::to_vec_pretty(&saved).with_context(failed)?;
        replace(&self.0, &self.0.join(SET), &text).with_context(failed)?;
        // What no set needs any more. What cannot be removed now is tried again next time.
        for entry in fs::read_dir(&self.0).with_context(failed)?.flatten() {
            if !needed.contains(Path::new(&entry.file_name())) {
                let _removed = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// The rules that were kept; `None` when there are none.
    pub(super) fn load(
        &self,
        loader: &mut Loader,
        output: &Output,
    ) -> anyhow::Result<Option<Vec<Rule>>> {
        let path = self.0.join(SET);
        if !path.try_exists().unwrap_or(true) {
            return Ok(None);
        }
        let unreadable = || format!("the kept policy set `{}`", path.display());
        let octets = read_policy_file(&path).with_context(unreadable)?;
        let saved: Saved = serde_json::from_slice(&octets).with_context(unreadable)?;
        if saved.version != VERSION {
            bail!(
                "{}: version {}, expected {VERSION}",
                unreadable(),
                saved.version
            );
        }
        let mut rules = Vec::new();
        for saved in saved.rules {
            let path = self.component(&saved.digest);
            let octets = read_policy_file(&path).with_context(unreadable)?;
            if Digest::of(&octets) != saved.digest {
                bail!("`{}` is not what its name says", path.display());
            }
            let name = path.display().to_string();
            let policy = match saved.snapshot {
                false => loader.admit(&name, &octets, output)?,
                true => {
                    let settled = Settled {
                        settings: &saved.settings,
                        stages: saved.stages.as_deref(),
                        limits: saved.limits,
                    };
                    loader.admit_settled(&name, &octets, settled, output)?
                }
            };
            let mut rule = Rule::new(policy);
            rule.stages = saved.stages;
            rule.mode = saved.mode;
            rule.role = saved.role;
            rule.settings = saved.settings;
            rule.limits = saved.limits;
            rules.push(rule);
        }
        Ok(Some(rules))
    }
}

/// Writes a file beside another, waits until it is on the disk, and lets it take the other's place.
fn replace(folder: &Path, path: &Path, octets: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}
