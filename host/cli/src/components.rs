//! Which components there are, and how one that is configured becomes a rule.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet_engine::{
    Description, Engine, Policy, Reason, Rule,
    provenance::{Source, not_granted},
};
use resolvet_proto::judgement::{Digest, Role};

use crate::{
    config::{self, Place},
    exit::{NotAdmitted, UsageError},
    output::Output,
    policies::{Loader, refused},
};

/// The policies that the program carries, in the order in which they are evaluated.
pub(crate) const BUILT_IN: [(&str, &[u8]); 3] = [
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

/// The three that the program carries: path validation with authority, the others as restrictions.
pub(crate) fn defaults(loader: &mut Loader, output: &Output) -> anyhow::Result<Vec<Rule>> {
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

/// The rule that is configured so.
pub(crate) fn configured_rule(
    loader: &mut Loader,
    config: &config::Policies,
    rule: &config::Rule,
    output: &Output,
) -> anyhow::Result<Rule> {
    let expected = rule.expected(config);
    let (name, octets) = match (rule.carried(), &rule.file) {
        (Some(name), _) => {
            let octets = carried(name).ok_or_else(|| {
                UsageError(format!(
                    "policy `{name}` is not in this program: expected {}",
                    names()
                ))
            })?;
            if let Some(sees) = &rule.sees {
                let described = describe(loader.engine(), name, octets)?;
                if let Some(error) = not_granted(sees, &described.imports) {
                    return Err(refused(name, &error).into());
                }
            }
            match loader.promoted(rule, |_| Ok(Digest::of(octets)), output)? {
                None => (name.to_owned(), Cow::Borrowed(octets)),
                Some(promoted) => {
                    let octets = loader.tried(config, promoted, expected, output)?;
                    (promoted.0.to_string(), Cow::Owned(octets))
                }
            }
        }
        (None, own) => {
            let own = match (own, &rule.registry) {
                (Some(file), _) => Place::File(file.clone()),
                (None, Some(reference)) => Place::Registry(reference.clone()),
                (None, None) => {
                    let text = "a `[[policy]]` names no policy";
                    return Err(UsageError(text.into()).into());
                }
            };
            let digest = |loader: &mut Loader| loader.digest(&own, output);
            match loader.promoted(rule, digest, output)? {
                None => {
                    let octets = loader.read(config, &own, expected, output)?;
                    (own.to_string(), Cow::Owned(octets))
                }
                Some(promoted) => {
                    let octets = loader.tried(config, promoted, expected, output)?;
                    (promoted.0.to_string(), Cow::Owned(octets))
                }
            }
        }
    };
    let policy = loader.admit_for(rule, &name, &octets, output)?;
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
        return Ok(describe(engine, policy, octets)?);
    }
    let source = source(Path::new(policy))?;
    Ok(describe(engine, &source.name, &source.octets)?)
}

/// What the component of this name says about itself; nothing of it is compiled.
pub(crate) fn describe(
    engine: &Engine,
    name: &str,
    octets: &[u8],
) -> Result<Description, NotAdmitted> {
    let described = engine.describe(octets);
    described.map_err(|error| refused(name, &error.into()))
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
pub(crate) fn carried(name: &str) -> Option<&'static [u8]> {
    let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    found.map(|(_, octets)| *octets)
}

/// A component's file and its signatures.
pub(crate) fn source(file: &Path) -> Result<Source, NotAdmitted> {
    Source::read(file).map_err(|error| NotAdmitted {
        policy: file.display().to_string(),
        code: Reason::FileUnusable,
        reason: error.to_string(),
    })
}

/// The components of a folder, by name, so that their order does not depend on the file system.
pub(crate) fn component_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
