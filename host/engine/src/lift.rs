//! An operator's word by which restrictions do not bind for a time (*break-glass*).
//!
//! What it can lift is what policies narrow. It never reaches an authority: under the strict profile nobody is used whom no authority
//! accepted, and what the configuration requires at privacy stays required. Below policies is the host's own floor (proof that the peer has
//! its key, TLS 1.2 or later, no clear text, no server that discovery did not yield), which no policy decides and so nothing here can lift.

use std::collections::BTreeSet;

use resolvet_proto::judgement::{Mode, Role};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{PolicySet, Reason, Rule};

/// What an operator said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lift {
    /// Why.
    pub reason: String,
    /// The user who said so.
    pub user: u32,
    /// When it ends at the latest, seconds since 1970.
    pub until: u64,
    /// The policies that do not bind, by name.
    pub policies: Vec<String>,
}

/// Nothing can be lifted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LiftError {
    /// The policy is an authority.
    #[error(
        "policy `{policy}` is an authority: what authenticates a server, or is required, is not lifted"
    )]
    Authority {
        /// Its name.
        policy: String,
    },
    /// No restriction that binds has this name.
    #[error("no policy `{policy}` binds as a restriction: {}", one_of(.known))]
    Unknown {
        /// The name, printable characters only.
        policy: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is no restriction that binds.
    #[error("no policy binds as a restriction")]
    Nothing,
}

impl LiftError {
    /// The reason, whose word stays.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Authority { .. } => Reason::BelowTheFloor,
            Self::Unknown { .. } | Self::Nothing => Reason::NothingToLift,
        }
    }
}

impl PolicySet {
    /// Which policies a lift of these names would be of; of no name, all restrictions that bind.
    ///
    /// # Errors
    /// A name is that of an authority or of no restriction that binds; or there is none.
    pub fn liftable(&self, names: &[String]) -> Result<Vec<String>, LiftError> {
        let known: BTreeSet<String> = self.rules().iter().filter(|r| binds(r)).map(name).collect();
        let known = Vec::from_iter(known);
        let is_authority = |wanted: &String| {
            let mut rules = self.rules().iter();
            rules.any(|rule| rule.role == Role::Authority && name(rule) == *wanted)
        };
        if let Some(policy) = names.iter().find(|wanted| is_authority(wanted)) {
            let policy = policy.clone();
            return Err(LiftError::Authority { policy });
        }
        if let Some(unknown) = names.iter().find(|wanted| !known.contains(wanted)) {
            let policy = crate::text::printable(unknown, 100);
            return Err(LiftError::Unknown { policy, known });
        }
        match (names, known.as_slice()) {
            ([], []) => Err(LiftError::Nothing),
            ([], _) => Ok(known),
            (names, _) => Ok(names.to_vec()),
        }
    }

    /// The same set in which the restrictions of these names monitor: they are asked and recorded, and bind nobody. Authorities bind as
    /// before, whatever their name. `None` when no rule is such a restriction.
    #[must_use]
    pub fn lifted(&self, lift: Lift) -> Option<Self> {
        let mut set = self.clone();
        let rules = set.rules_mut().iter_mut();
        let lifted = rules.filter(|rule| binds(rule) && lift.policies.contains(&name(rule)));
        let count = lifted.map(|rule| rule.mode = Mode::Monitor).count();
        set.lift = Some(lift);
        (count > 0).then_some(set)
    }

    /// What an operator lifted of it.
    #[must_use]
    pub const fn lift(&self) -> Option<&Lift> {
        self.lift.as_ref()
    }
}

/// Whether it can be lifted: it can only narrow, and does.
fn binds(rule: &Rule) -> bool {
    rule.mode == Mode::Enforce && rule.role == Role::Restriction
}

fn name(rule: &Rule) -> String {
    rule.policy.manifest().name.clone()
}

fn one_of(known: &[String]) -> String {
    match known {
        [] => "none does".into(),
        known => format!("expected one of {}", known.join(", ")),
    }
}
