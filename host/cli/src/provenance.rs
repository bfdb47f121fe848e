//! Whose signatures policies from files need, and what is kept of the revisions that were active.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet_engine::{
    Engine, Reason,
    provenance::{
        Approval, Mark, Marks, ProvenanceError, Signatories, Source, Terms, VerificationKey,
    },
};

use crate::{
    config, dates,
    exit::{NotAdmitted, UsageError},
    folders::absolute,
    policies::refused,
};

/// Octets of a public key's file.
const KEY_OCTETS: usize = 2_048;

/// What a set of policies reached: kept when the set becomes the active one, and not before.
#[derive(Default)]
pub(crate) struct Reached {
    terms: Option<Terms>,
    marks: Vec<Mark>,
}

impl Reached {
    /// Takes a component from a file, if it meets the terms of the configuration.
    pub(crate) fn approve(
        &mut self,
        engine: &Engine,
        config: &config::Policies,
        source: &Source,
        sees: Option<&Vec<String>>,
    ) -> anyhow::Result<Approval> {
        let approval = self.check(engine, config, source, sees)?;
        self.marks.extend(approval.mark());
        Ok(approval)
    }

    /// As [`Self::approve`], of a component that does not become active: its revision is not reached by it.
    pub(crate) fn check(
        &mut self,
        engine: &Engine,
        config: &config::Policies,
        source: &Source,
        sees: Option<&Vec<String>>,
    ) -> anyhow::Result<Approval> {
        let terms = match &mut self.terms {
            Some(terms) => terms,
            none => none.insert(terms(config, &source.name)?),
        };
        terms.sees = sees.cloned();
        let approval = terms
            .check(engine, source, dates::now())
            .map_err(|error| refused(&source.name, &error))?;
        Ok(approval)
    }

    /// Keeps the revisions: nothing older is taken from now on.
    pub(crate) fn keep(&self) -> anyhow::Result<()> {
        let marks = self.terms.as_ref().and_then(|terms| terms.marks.as_ref());
        let Some(marks) = marks.filter(|_| !self.marks.is_empty()) else {
            return Ok(());
        };
        let kept = marks.advance(&self.marks);
        kept.map_err(|error| {
            let names: Vec<&str> = self.marks.iter().map(|mark| mark.name.as_str()).collect();
            refused(&names.join(", "), &error).into()
        })
    }
}

/// The terms of the configuration, which the policy of this name is the first to meet.
fn terms(config: &config::Policies, policy: &str) -> anyhow::Result<Terms> {
    let mut terms = Terms::default();
    if config.signature_required == Some(false) {
        return Ok(terms);
    }
    terms.signatories = Some(signatories(config, policy)?);
    let folder = config.revisions.clone().or_else(state_folder).context(
        "no folder for the revisions of signed policies: set `policies.revisions`, or XDG_STATE_HOME or HOME",
    )?;
    let marks = Marks::open(&folder).map_err(ProvenanceError::from);
    terms.marks = Some(marks.map_err(|error| refused(policy, &error))?);
    Ok(terms)
}

/// The keys of the configuration, by which this policy would have to be signed.
pub(crate) fn signatories(config: &config::Policies, policy: &str) -> anyhow::Result<Signatories> {
    if config.keys.is_empty() {
        return Err(NotAdmitted {
            policy: policy.into(),
            code: Reason::NoKeys,
            reason: "a policy from a file must be signed, and no key is configured that counts: name one with \
                     --policy-key or `policies.keys` (`resolvet policy keygen` makes one, `resolvet policy sign` signs), \
                     or take it as it is with --unsigned-policies or `policies.signature-required = false`"
                .into(),
        }
        .into());
    }
    configured(config)
}

/// Whether the keys of the configuration can be used, also where no policy needs them yet.
pub(crate) fn check(config: &config::Policies) -> anyhow::Result<()> {
    // An argument may give the keys that so many are needed of.
    if !config.keys.is_empty() {
        configured(config)?;
    }
    Ok(())
}

fn configured(config: &config::Policies) -> anyhow::Result<Signatories> {
    let keys = config.keys.iter().map(|key| public_key(key));
    let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
    let signatories = Signatories::new(keys, config.keys_needed.unwrap_or(1));
    Ok(signatories.map_err(|error| UsageError(format!("`policies.keys-needed`: {error}")))?)
}

/// A key as it stands here, or in a file.
fn public_key(text: &str) -> anyhow::Result<VerificationKey> {
    if let Ok(key) = VerificationKey::parse(text) {
        return Ok(key);
    }
    let wrong =
        |reason: String| UsageError(format!("policy key `{}`: {reason}", text.escape_debug()));
    let path = Path::new(text);
    let real = resolvet_engine::guarded_path(path).map_err(|error| wrong(error.to_string()))?;
    let octets = fs::read(&real).map_err(|error| wrong(error.to_string()))?;
    let short = octets
        .get(..octets.len().min(KEY_OCTETS))
        .unwrap_or_default();
    let key = VerificationKey::parse(&String::from_utf8_lossy(short));
    Ok(key.map_err(|error| wrong(error.to_string()))?)
}

/// Where revisions are kept: the user's state.
fn state_folder() -> Option<PathBuf> {
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("resolvet/policies"))
}
