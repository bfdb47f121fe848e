//! The policies that judge: those that the program carries, and those of files and folders.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use resolvet_engine::{
    AdmissionError, Compiler, Description, Engine, Limits, Options, Policy, PolicySet, Rule,
    provenance::{ProvenanceError, Source, not_granted},
};
use resolvet_proto::judgement::{Digest, Role, Stage, UsageProfile};
use serde_json::{Map, Value};

use crate::{
    commands::cases,
    config::{self, Config},
    exit::{NotAdmitted, UsageError},
    output::Output,
    provenance::Reached,
};

/// The policies that the program carries, in the order in which they are evaluated.
const BUILT_IN: [(&str, &[u8]); 3] = [
    (
        "pkix",
        include_bytes!(concat!(env!("RESOLVET_POLICIES"), "/pkix.wasm")),
    ),
    (
        "preference",
        include_bytes!(concat!(env!("RESOLVET_POLICIES"), "/preference.wasm")),
    ),
    (
        "privacy",
        include_bytes!(concat!(env!("RESOLVET_POLICIES"), "/privacy.wasm")),
    ),
];

/// The engine of this program: it compiles by running itself.
pub(crate) fn engine(config: &config::Policies) -> anyhow::Result<Engine> {
    let mut options = Options::default();
    options.limits = config.limits;
    options.compiler = Compiler::this_program(vec!["compile-policy".into()])
        .context("the system does not say which file this program is")?;
    options.cache = config.cache.clone().or_else(cache_folder);
    Ok(Engine::new(options)?)
}

/// Where compiled policies are kept: the user's cache.
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("resolvet"))
}

/// Loads the set of this configuration, to be used: what it reached counts as active, and nothing older will be taken.
pub(crate) fn load(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Engine, PolicySet)> {
    let (loader, set) = assemble(config, profile, output)?;
    loader.keep()?;
    Ok((loader.engine, set))
}

/// Loads the set of this configuration, to be looked at: every check is made, and nothing is kept.
pub(crate) fn preview(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<PolicySet> {
    Ok(assemble(config, profile, output)?.1)
}

fn assemble(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Loader, PolicySet)> {
    let mut loader = Loader::new(config)?;
    let rules = loader.rules(config, output)?;
    let set = PolicySet::new(&loader.engine, profile, rules)
        .map_err(|error| UsageError(error.to_string()))?;
    Ok((loader, set))
}

/// Loads policies by configurations, one after another: what was admitted before is not admitted again.
pub(crate) struct Loader {
    engine: Engine,
    admitted: BTreeMap<Key, Admitted>,
    /// The files of the last rules and what was in them.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// What the last rules reached.
    reached: Reached,
}

/// A component, and the settings that it has read if its memory was kept: JSON, with stages and limits.
type Key = (Digest, Option<String>);

/// A policy and its component.
struct Admitted {
    policy: Policy,
    octets: Arc<[u8]>,
}

/// Settings that a policy reads once.
#[derive(Clone, Copy)]
pub(crate) struct Settled<'a> {
    pub(crate) settings: &'a Map<String, Value>,
    pub(crate) stages: Option<&'a [Stage]>,
    pub(crate) limits: Option<Limits>,
}

impl Loader {
    /// A loader whose engine has what this configuration says.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self::of(engine(&config.policies)?))
    }

    fn of(engine: Engine) -> Self {
        Self {
            engine,
            admitted: BTreeMap::new(),
            files: Vec::new(),
            reached: Reached::default(),
        }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The rules of this configuration.
    pub(crate) fn rules(&mut self, config: &Config, output: &Output) -> anyhow::Result<Vec<Rule>> {
        self.files.clear();
        self.reached = Reached::default();
        let mut rules = Vec::new();
        match &config.rules {
            Some(configured) => {
                for rule in configured {
                    rules.push(configured_rule(self, &config.policies, rule, output)?);
                }
            }
            None => rules.extend(defaults(self, output)?),
        }
        if let Some(folder) = &config.policies.folder {
            for file in component_files(folder)? {
                let sees = config.policies.sees.as_ref();
                let octets = self.read(&config.policies, &file, sees)?;
                let policy = self.admit(&file.display().to_string(), &octets, output)?;
                rules.push(Rule::new(policy));
            }
        }
        for rule in &mut rules {
            // The engine's own are those of the configuration that it began with.
            rule.limits.get_or_insert(config.policies.limits);
        }
        Ok(rules)
    }

    /// The same rules with those versions in their places that are to be tried; `None` when there are none. Call it after
    /// [`Loader::rules`] with what that gave.
    pub(crate) fn shadowed(
        &mut self,
        config: &Config,
        rules: &[Rule],
        output: &Output,
    ) -> anyhow::Result<Option<Vec<Rule>>> {
        let configured = config.rules.iter().flatten();
        let shadows: Vec<_> = configured
            .map(|rule| (rule.shadow.as_deref(), rule.sees.as_ref()))
            .collect();
        if shadows.iter().all(|(shadow, _)| shadow.is_none()) {
            return Ok(None);
        }
        let mut rules = rules.to_vec();
        for (rule, (shadow, sees)) in rules.iter_mut().zip(shadows) {
            if let Some(file) = shadow {
                let source = source(file)?;
                self.reached
                    .check(&self.engine, &config.policies, &source, sees)?;
                self.files.push((file.to_owned(), source.octets.clone()));
                rule.policy = self.admit(&source.name, &source.octets, output)?;
            }
        }
        Ok(Some(rules))
    }

    /// Says that the set of the last rules became the active one: no older revision of its policies is taken from now on.
    pub(crate) fn keep(&self) -> anyhow::Result<()> {
        self.reached.keep()
    }

    /// A component from a file, if it meets the terms.
    fn read(
        &mut self,
        config: &config::Policies,
        file: &Path,
        sees: Option<&Vec<String>>,
    ) -> anyhow::Result<Vec<u8>> {
        let source = source(file)?;
        self.reached.approve(&self.engine, config, &source, sees)?;
        self.files.push((file.to_owned(), source.octets.clone()));
        Ok(source.octets)
    }

    /// Admits a component, unless it is admitted already.
    pub(crate) fn admit(
        &mut self,
        name: &str,
        octets: &[u8],
        output: &Output,
    ) -> anyhow::Result<Policy> {
        let key = (Digest::of(octets), None);
        self.admit_as(key, (name, octets), output, |engine| engine.admit(octets))
    }

    /// Admits a component and keeps the memory that it has once it has read these settings.
    pub(crate) fn admit_settled(
        &mut self,
        name: &str,
        octets: &[u8],
        settled: Settled<'_>,
        output: &Output,
    ) -> anyhow::Result<Policy> {
        let Settled {
            settings,
            stages,
            limits,
        } = settled;
        let limits = limits.unwrap_or(self.engine.options().limits);
        let read = serde_json::to_string(&(settings, stages, limits))?;
        let key = (Digest::of(octets), Some(read));
        self.admit_as(key, (name, octets), output, |engine| {
            engine.admit_configured(octets, settings, stages, &limits)
        })
    }

    fn admit_as(
        &mut self,
        key: Key,
        (name, octets): (&str, &[u8]),
        output: &Output,
        admit: impl FnOnce(&Engine) -> Result<Policy, AdmissionError>,
    ) -> anyhow::Result<Policy> {
        if let Some(admitted) = self.admitted.get(&key) {
            return Ok(admitted.policy.clone());
        }
        output.progress(&format!("loading policy {name}"));
        let policy = admit(&self.engine).map_err(|error| refused(name, &error.into()))?;
        let admitted = Admitted {
            policy: policy.clone(),
            octets: octets.into(),
        };
        self.admitted.insert(key, admitted);
        Ok(policy)
    }

    /// Runs the cases that stand beside the files of the last rules: of `rule.wasm` in the folder `rule.cases`. Each case has
    /// settings of its own.
    pub(crate) fn run_cases(&mut self, output: &Output) -> anyhow::Result<()> {
        for (file, octets) in std::mem::take(&mut self.files) {
            let folder = file.with_extension("cases");
            if folder.is_dir() {
                let policy = self.admit(&file.display().to_string(), &octets, output)?;
                output.progress(&format!("running the cases of {}", folder.display()));
                cases::hold(&self.engine, &policy, &folder)?;
            }
        }
        Ok(())
    }

    /// The component with this digest, among those that were admitted.
    pub(crate) fn octets(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        let mut of_digest = self.admitted.iter().filter(|((own, _), _)| own == digest);
        of_digest
            .next()
            .map(|(_, admitted)| Arc::clone(&admitted.octets))
    }

    /// Forgets what none of these sets uses.
    pub(crate) fn retain(&mut self, sets: &[&PolicySet]) {
        let is_used = |policy: &Policy| {
            sets.iter().flat_map(|set| set.rules()).any(|rule| {
                let used = &rule.policy;
                used.digest() == policy.digest() && used.settings() == policy.settings()
            })
        };
        self.admitted
            .retain(|_, admitted| is_used(&admitted.policy));
    }
}

/// The three that the program carries: path validation with authority, the others as restrictions.
fn defaults(loader: &mut Loader, output: &Output) -> anyhow::Result<Vec<Rule>> {
    BUILT_IN
        .iter()
        .map(|(name, octets)| {
            let mut rule = Rule::new(loader.admit(name, octets, output)?);
            if *name == "pkix" {
                rule.role = Role::Authority;
            }
            Ok(rule)
        })
        .collect()
}

fn configured_rule(
    loader: &mut Loader,
    config: &config::Policies,
    rule: &config::Rule,
    output: &Output,
) -> anyhow::Result<Rule> {
    let (name, octets) = match (&rule.name, &rule.file) {
        (Some(name), _) => {
            let octets = carried(name).ok_or_else(|| {
                UsageError(format!(
                    "policy `{name}` is not in this program: expected {}",
                    names()
                ))
            })?;
            if let Some(sees) = &rule.sees {
                let described = loader.engine.describe(octets);
                let described = described.map_err(|error| refused(name, &error.into()))?;
                if let Some(error) = not_granted(sees, &described.imports) {
                    return Err(refused(name, &error).into());
                }
            }
            (name.clone(), Cow::Borrowed(octets))
        }
        (None, Some(file)) => {
            let sees = rule.sees.as_ref().or(config.sees.as_ref());
            let octets = loader.read(config, file, sees)?;
            (file.display().to_string(), Cow::Owned(octets))
        }
        (None, None) => {
            return Err(UsageError("a `[[policy]]` has either `name` or `file`".into()).into());
        }
    };
    let policy = match rule.snapshot {
        false => loader.admit(&name, &octets, output)?,
        true => {
            let settled = Settled {
                settings: &rule.settings,
                stages: rule.stages.as_deref(),
                limits: rule.limits,
            };
            loader.admit_settled(&name, &octets, settled, output)?
        }
    };
    let mut configured = Rule::new(policy);
    configured.stages = rule.stages.clone();
    configured.mode = rule.mode;
    configured.role = rule.role;
    configured.settings = rule.settings.clone();
    configured.limits = rule.limits;
    Ok(configured)
}

/// A policy by the name of one that the program carries, or by a file.
pub(crate) fn named(engine: &Engine, policy: &str, output: &Output) -> anyhow::Result<Policy> {
    let loader = &mut Loader::of(engine.clone());
    if let Some(policy) = built_in(loader, policy, output)? {
        return Ok(policy);
    }
    if !policy.contains(['/', '.']) && !Path::new(policy).exists() {
        let text = format!(
            "policy `{policy}` is not in this program and no file: expected {} or a file",
            names()
        );
        return Err(UsageError(text).into());
    }
    let source = source(Path::new(policy))?;
    loader.admit(&source.name, &source.octets, output)
}

/// What a policy says about itself, by the name of one that the program carries, or by a file; nothing of it is compiled.
pub(crate) fn described(engine: &Engine, policy: &str) -> anyhow::Result<Description> {
    if let Some(octets) = carried(policy) {
        let described = engine.describe(octets);
        return Ok(described.map_err(|error| refused(policy, &error.into()))?);
    }
    let source = source(Path::new(policy))?;
    let described = engine.describe(&source.octets);
    Ok(described.map_err(|error| refused(&source.name, &error.into()))?)
}

fn names() -> String {
    BUILT_IN.map(|(name, _)| format!("`{name}`")).join(", ")
}

fn built_in(loader: &mut Loader, name: &str, output: &Output) -> anyhow::Result<Option<Policy>> {
    carried(name)
        .map(|octets| loader.admit(name, octets, output))
        .transpose()
}

/// The component of this name that the program carries.
fn carried(name: &str) -> Option<&'static [u8]> {
    let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    found.map(|(_, octets)| *octets)
}

/// A component's file and its signatures.
pub(crate) fn source(file: &Path) -> Result<Source, UsageError> {
    Source::read(file).map_err(|error| UsageError(format!("policy `{}`: {error}", file.display())))
}

/// The refusal of this policy.
pub(crate) fn refused(policy: &str, error: &ProvenanceError) -> NotAdmitted {
    NotAdmitted {
        policy: policy.into(),
        code: error.code(),
        reason: error.to_string(),
    }
}

/// The components of a folder, by name, so that their order does not depend on the file system.
fn component_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .map_err(|error| UsageError(format!("policy folder `{}`: {error}", folder.display())))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("policy folder `{}` cannot be read", folder.display()))?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    files.sort();
    Ok(files)
}
