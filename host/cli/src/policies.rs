//! The policies that judge: those that the program carries, and those of files and folders.

use std::{
    borrow::Cow,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet_engine::{
    AdmissionError, Compiler, Engine, Options, Policy, PolicySet, Rule, read_policy_file,
};
use resolvet_proto::judgement::{Role, UsageProfile};

use crate::{
    config::{self, Config},
    exit::UsageError,
    output::Output,
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

/// Loads the set of this configuration.
pub(crate) fn load(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Engine, PolicySet)> {
    let engine = engine(&config.policies)?;
    let mut rules = Vec::new();
    match &config.rules {
        Some(configured) => {
            for rule in configured {
                rules.push(configured_rule(&engine, rule, output)?);
            }
        }
        None => rules.extend(defaults(&engine, output)?),
    }
    if let Some(folder) = &config.policies.folder {
        for file in component_files(folder)? {
            rules.push(Rule::new(from_file(&engine, &file, output)?));
        }
    }
    let set =
        PolicySet::new(&engine, profile, rules).map_err(|error| UsageError(error.to_string()))?;
    Ok((engine, set))
}

/// The three that the program carries: path validation with authority, the others as restrictions.
fn defaults(engine: &Engine, output: &Output) -> anyhow::Result<Vec<Rule>> {
    BUILT_IN
        .iter()
        .map(|(name, octets)| {
            let mut rule = Rule::new(admitted(engine, name, octets, output)?);
            if *name == "pkix" {
                rule.role = Role::Authority;
            }
            Ok(rule)
        })
        .collect()
}

fn configured_rule(engine: &Engine, rule: &config::Rule, output: &Output) -> anyhow::Result<Rule> {
    let (name, octets) = match (&rule.name, &rule.file) {
        (Some(name), _) => {
            let octets = carried(name).ok_or_else(|| {
                UsageError(format!(
                    "policy `{name}` is not in this program: expected {}",
                    names()
                ))
            })?;
            (name.clone(), Cow::Borrowed(octets))
        }
        (None, Some(file)) => (file.display().to_string(), Cow::Owned(read(file)?)),
        (None, None) => {
            return Err(UsageError("a `[[policy]]` has either `name` or `file`".into()).into());
        }
    };
    let policy = match rule.snapshot {
        false => admitted(engine, &name, &octets, output)?,
        true => {
            output.progress(&format!("loading policy {name}, which reads its settings"));
            let (stages, limits) = (rule.stages.as_deref(), rule.limits);
            let limits = limits.unwrap_or(engine.options().limits);
            engine
                .admit_configured(&octets, &rule.settings, stages, &limits)
                .map_err(|error| refused(&name, &error))?
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
    if let Some(policy) = built_in(engine, policy, output)? {
        return Ok(policy);
    }
    if !policy.contains(['/', '.']) && !Path::new(policy).exists() {
        let text = format!(
            "policy `{policy}` is not in this program and no file: expected {} or a file",
            names()
        );
        return Err(UsageError(text).into());
    }
    from_file(engine, Path::new(policy), output)
}

fn names() -> String {
    BUILT_IN.map(|(name, _)| format!("`{name}`")).join(", ")
}

fn built_in(engine: &Engine, name: &str, output: &Output) -> anyhow::Result<Option<Policy>> {
    carried(name)
        .map(|octets| admitted(engine, name, octets, output))
        .transpose()
}

/// The component of this name that the program carries.
fn carried(name: &str) -> Option<&'static [u8]> {
    let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    found.map(|(_, octets)| *octets)
}

fn from_file(engine: &Engine, file: &Path, output: &Output) -> anyhow::Result<Policy> {
    admitted(engine, &file.display().to_string(), &read(file)?, output)
}

fn read(file: &Path) -> Result<Vec<u8>, UsageError> {
    read_policy_file(file)
        .map_err(|error| UsageError(format!("policy `{}`: {error}", file.display())))
}

fn admitted(engine: &Engine, name: &str, octets: &[u8], output: &Output) -> anyhow::Result<Policy> {
    output.progress(&format!("loading policy {name}"));
    let policy = engine.admit(octets);
    Ok(policy.map_err(|error| refused(name, &error))?)
}

fn refused(name: &str, error: &AdmissionError) -> UsageError {
    UsageError(format!("policy `{name}` is not admitted: {error}"))
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
