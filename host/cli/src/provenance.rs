//! Whose signatures policies from files need, and what is kept of the revisions that were active.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet_engine::{
    Engine, Reason,
    provenance::{
        Approval, Mark, Marks, ProvenanceError, Signatories, Source, Statement, Terms,
        VerificationKey,
    },
};
use resolvet_proto::judgement::Digest;

use crate::{
    config::{self, Expected},
    dates,
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
    /// What was signed of its components.
    signed: Vec<Signed>,
    /// The same of the set that is active by a configuration.
    active: Vec<Signed>,
    /// Components that go on although their signatures have come to their end, in words.
    ended: Vec<String>,
}

/// What was signed of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signed {
    component: Digest,
    statement: Statement,
    /// Whether it judges; otherwise it is tried.
    judges: bool,
}

impl Reached {
    /// Takes a component from a file, if it meets the terms of the configuration.
    pub(crate) fn approve(
        &mut self,
        engine: &Engine,
        config: &config::Policies,
        source: &Source,
        expected: Expected<'_>,
    ) -> anyhow::Result<Approval> {
        let approval = self.checked(engine, config, source, expected, true)?;
        self.marks.extend(approval.mark());
        Ok(approval)
    }

    /// As [`Self::approve`], of a component that does not become active: its revision is not reached by it.
    pub(crate) fn check(
        &mut self,
        engine: &Engine,
        config: &config::Policies,
        source: &Source,
        expected: Expected<'_>,
    ) -> anyhow::Result<Approval> {
        self.checked(engine, config, source, expected, false)
    }

    fn checked(
        &mut self,
        engine: &Engine,
        config: &config::Policies,
        source: &Source,
        expected: Expected<'_>,
        judges: bool,
    ) -> anyhow::Result<Approval> {
        let terms = match &mut self.terms {
            Some(terms) => terms,
            none => none.insert(terms(config, &source.name)?),
        };
        terms.name = expected.name.map(str::to_owned);
        terms.sees = expected.sees.map(<[String]>::to_vec);
        let approval = match terms.check(engine, source, dates::now()) {
            Err(ProvenanceError::Expired { not_after }) => {
                // What is active already goes on: its end stops no other change, and nothing that is new.
                let component = Digest::of(&source.octets);
                let mut active = self.active.iter();
                let known = active
                    .find(|one| one.component == component && (one.judges || !judges))
                    .map(|one| one.statement);
                let as_then = known.map(|known| terms.check(engine, source, known.not_after));
                let as_then = as_then.and_then(Result::ok);
                let goes_on =
                    as_then.filter(|then| then.signed.as_ref().map(|(said, _)| *said) == known);
                if goes_on.is_some() {
                    self.ended.push(format!(
                        "policy `{}` goes on although its signature ended at {not_after}: the next start refuses it",
                        source.name
                    ));
                }
                goes_on.ok_or(ProvenanceError::Expired { not_after })
            }
            checked => checked,
        };
        let approval = approval.map_err(|error| refused(&source.name, &error))?;
        self.signed
            .extend(approval.signed.as_ref().map(|(statement, _)| Signed {
                component: approval.description.digest,
                statement: *statement,
                judges,
            }));
        Ok(approval)
    }

    /// Begins with another set.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            active: std::mem::take(&mut self.active),
            ..Self::default()
        };
    }

    /// Says that the set is the active one.
    pub(crate) fn judges(&mut self) {
        self.active.clone_from(&self.signed);
    }

    /// Says that another set is, which was not loaded by these terms.
    pub(crate) fn leave(&mut self) {
        self.active.clear();
    }

    /// Components that go on although their signatures have come to their end, in words.
    pub(crate) fn ended(&self) -> &[String] {
        &self.ended
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{components, policies};

    /// Nothing is expected but signatures.
    const WHOEVER: Expected<'_> = Expected {
        name: None,
        sees: None,
    };

    /// A component that the program carries, signed as this revision until then.
    fn source(key: &minisign::KeyPair, name: &str, revision: u64, not_after: u64) -> Source {
        let octets = components::carried(name).unwrap().to_vec();
        let comment = Statement {
            revision,
            not_after,
        }
        .to_string();
        let signature = minisign::sign(None, &key.sk, &*octets, Some(&comment), None).unwrap();
        Source {
            name: name.to_owned(),
            octets,
            signatures: vec![signature.into_string().into_bytes()],
        }
    }

    #[test]
    fn what_is_active_outlives_its_signature_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let key = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let config = config::Policies {
            keys: vec![key.pk.to_base64()],
            revisions: Some(folder.path().join("revisions")),
            cache: Some(folder.path().join("cache")),
            ..config::Policies::default()
        };
        let engine = policies::engine(&config).unwrap();
        let (now, before) = (dates::now(), dates::now() - 60);
        let good = source(&key, "preference", 3, now + 3_600);
        let ended = source(&key, "preference", 3, before);
        let take = |reached: &mut Reached, source: &Source| {
            reached.begin();
            let taken = reached.approve(&engine, &config, source, WHOEVER);
            taken.map(drop).map_err(|error| crate::exit::reason(&error))
        };
        let expired = Err(Some(Reason::SignatureExpired));
        let mut reached = Reached::default();
        assert_eq!(take(&mut reached, &ended), expired);
        take(&mut reached, &good).unwrap();
        reached.judges();
        assert_eq!(take(&mut reached, &ended), expired, "another statement");
        // Time passes.
        let active = Signed {
            component: Digest::of(&ended.octets),
            statement: Statement {
                revision: 3,
                not_after: before,
            },
            judges: true,
        };
        reached.active = vec![active];
        take(&mut reached, &ended).unwrap();
        assert_eq!(reached.ended().len(), 1);
        reached.judges();
        take(&mut reached, &ended).unwrap();
        let other = source(&key, "privacy", 3, before);
        assert_eq!(take(&mut reached, &other), expired, "another component");
        // What is tried does not begin to judge by that.
        let judges = false;
        reached.active = vec![Signed { judges, ..active }];
        assert_eq!(take(&mut reached, &ended), expired, "it was only tried");
        assert!(reached.check(&engine, &config, &ended, WHOEVER).is_ok());
        reached.leave();
        assert!(reached.check(&engine, &config, &ended, WHOEVER).is_err());
    }
}
