//! From files to a policy set: compiled, admitted, its settings checked, its own cases run.

use std::path::PathBuf;

use resolvet_engine::{Engine, PolicySet};
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use crate::{
    config::Config,
    exit::UsageError,
    journey::{Described, Wish},
    output::Output,
    policies::Loader,
};

/// Where the active set came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// The configuration as it is.
    Configuration,
    /// The last complete set, since the configured one was refused at the start.
    Kept,
}

impl Source {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "the configuration",
            Self::Kept => "the last complete set",
        }
    }
}

/// What a daemon begins with.
pub(super) struct First {
    pub(super) set: PolicySet,
    /// The set that is tried beside it.
    pub(super) tried: Option<PolicySet>,
    pub(super) source: Source,
    /// Why the configured set was refused; empty when it was not.
    pub(super) trouble: String,
}

/// What loads sets, one after another.
pub(super) struct Loading {
    loader: Loader,
    kept: Option<Kept>,
    /// What the attachment of now was prepared with.
    pub(super) attached: Option<Described>,
}

impl Loading {
    pub(super) fn new(config: &Config, state: Option<PathBuf>) -> anyhow::Result<Self> {
        Ok(Self {
            loader: Loader::new(config)?,
            kept: state.as_deref().map(Kept::open).transpose()?,
            attached: None,
        })
    }

    pub(super) const fn engine(&self) -> &Engine {
        self.loader.engine()
    }

    /// The first set: the configured one, or, when that is refused, the last complete one with the reason.
    pub(super) fn begin(&mut self, wish: &Wish, output: &Output) -> anyhow::Result<First> {
        let error = match self.sets(wish, output) {
            Ok((set, tried)) => {
                self.keep(&set)?;
                return Ok(First {
                    set,
                    tried,
                    source: Source::Configuration,
                    trouble: String::new(),
                });
            }
            Err(error) => error,
        };
        let kept = match &self.kept {
            Some(kept) => kept.load(&mut self.loader, output)?,
            None => None,
        };
        let Some(rules) = kept else {
            return Err(error);
        };
        let set = PolicySet::new(self.loader.engine(), &wish.profile, rules)
            .map_err(|error| UsageError(error.to_string()))?;
        Ok(First {
            set,
            tried: None,
            source: Source::Kept,
            trouble: format!("{error:#}"),
        })
    }

    /// The configured set and the one that is tried beside it: whole, or why not.
    pub(super) fn sets(
        &mut self,
        wish: &Wish,
        output: &Output,
    ) -> anyhow::Result<(PolicySet, Option<PolicySet>)> {
        let rules = self.loader.rules(&wish.config, output)?;
        let tried = self.loader.shadowed(&wish.config, &rules, output)?;
        let engine = self.loader.engine();
        let set = |rules| {
            PolicySet::new(engine, &wish.profile, rules)
                .map_err(|error| UsageError(error.to_string()))
        };
        let sets = (set(rules)?, tried.map(set).transpose()?);
        self.loader.run_cases(output)?;
        Ok(sets)
    }

    /// Makes this set the one that the next start has, whatever happens. No older revision of its policies is taken from now on.
    pub(super) fn keep(&mut self, set: &PolicySet) -> anyhow::Result<()> {
        self.loader.keep()?;
        if let Some(kept) = &self.kept {
            kept.save(set.rules(), &self.loader)?;
        }
        Ok(())
    }

    /// Forgets policies that none of these sets uses.
    pub(super) fn forget_others(&mut self, sets: &[&PolicySet]) {
        self.loader.retain(sets);
    }
}
