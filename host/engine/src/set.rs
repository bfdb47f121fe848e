//! Policies in order, each with its settings.

use std::{sync::Arc, time::Duration};

use resolvet_proto::judgement::{
    Evaluation, Fault, FaultKind, Mode, Purpose, Ranking, Request, Role, Stage, UsageProfile,
    Verdict,
};
use serde_json::{Map, Value};

use crate::{
    engine::Engine,
    error::SetError,
    evaluation::{Done, Task},
    lift::Lift,
    limits::Limits,
    policy::Policy,
    text::printable,
};

/// How long the check of settings waits for an evaluator: a set is made while others are evaluated.
const PATIENCE: Duration = Duration::from_secs(10);
/// Characters of a policy's own text in an error.
const SHOWN: usize = 1_024;

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

    /// The stages at which it judges.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        self.stages
            .as_deref()
            .unwrap_or_else(|| self.policy.stages())
    }

    /// What was done for it.
    pub(crate) fn evaluation<A>(&self, done: Done<A>) -> Evaluation<A> {
        let manifest = self.policy.manifest();
        Evaluation {
            policy: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: self.policy.digest(),
            mode: self.mode,
            role: self.role,
            result: done.result,
            log: done.log,
            signatures: done.signatures,
            nanoseconds: done.nanoseconds,
        }
    }

    /// Whether it is asked at this stage. A validator is asked only about purposes that it judges.
    #[must_use]
    pub fn is_asked(&self, stage: Stage, purpose: &Purpose) -> bool {
        let judges = || self.policy.manifest().judges(purpose);
        self.stages().contains(&stage) && (stage != Stage::Validation || judges())
    }
}

/// Rules in the order in which they are evaluated. A clone shares the policies.
#[derive(Debug, Clone)]
pub struct PolicySet {
    rules: Vec<Rule>,
    prepared: Vec<Prepared>,
    /// What of it an operator lifted for a time.
    pub(crate) lift: Option<Lift>,
}

/// What an evaluation needs of a rule, made once.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) settings: Arc<str>,
    pub(crate) limits: Limits,
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
        let authority = |rule: &Rule| {
            rule.mode == Mode::Enforce
                && rule.role == Role::Authority
                && rule.stages().contains(&Stage::Validation)
        };
        if *profile != UsageProfile::Opportunistic && !rules.iter().any(authority) {
            return Err(SetError::NoAuthority { rules: rules.len() });
        }
        let prepared = rules
            .iter()
            .map(|rule| prepare(engine, rule))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            rules,
            prepared,
            lift: None,
        })
    }

    pub(crate) fn rules_mut(&mut self) -> &mut [Rule] {
        &mut self.rules
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules with what an evaluation of each may use.
    pub fn limits(&self) -> impl Iterator<Item = (&Rule, &Limits)> {
        self.prepared()
            .map(|(rule, prepared)| (rule, &prepared.limits))
    }

    /// The rules with what was prepared for them.
    pub(crate) fn prepared(&self) -> impl Iterator<Item = (&Rule, &Prepared)> {
        self.rules.iter().zip(&self.prepared)
    }
}

/// One rule made ready, asked without a set around it.
pub(crate) struct OneRule {
    rule: Rule,
    prepared: Prepared,
}

impl OneRule {
    /// Has the policy accept its settings.
    pub(crate) fn new(engine: &Engine, rule: Rule) -> Result<Self, SetError> {
        let prepared = prepare(engine, &rule)?;
        Ok(Self { rule, prepared })
    }

    /// Asks about a peer's credentials or what a server states about privacy.
    pub(crate) fn judge(
        &self,
        engine: &Engine,
        stage: Stage,
        request: &Arc<Request>,
    ) -> Evaluation<Verdict> {
        self.ask(engine, |task| task.judge(stage, request))
    }

    /// Asks for an order of the candidates at these positions, or of all.
    pub(crate) fn select(
        &self,
        engine: &Engine,
        request: &Arc<Request>,
        offered: Option<&Arc<[u32]>>,
    ) -> Evaluation<Ranking> {
        self.ask(engine, |task| task.select(request, offered))
    }

    fn ask<A>(&self, engine: &Engine, call: impl FnOnce(&Task<'_>) -> Done<A>) -> Evaluation<A> {
        let Prepared { settings, limits } = &self.prepared;
        let task = Task {
            policy: &self.rule.policy,
            settings,
            limits,
            end: None,
        };
        let done = match engine.evaluator(PATIENCE) {
            Ok(_evaluator) => call(&task),
            Err(refused) => Done::fault(Fault {
                kind: FaultKind::Overload,
                message: refused.to_string(),
            }),
        };
        self.rule.evaluation(done)
    }
}

fn prepare(engine: &Engine, rule: &Rule) -> Result<Prepared, SetError> {
    let policy = || rule.policy.manifest().name.clone();
    if !engine.admitted(&rule.policy) {
        return Err(SetError::Engine { policy: policy() });
    }
    if rule.stages().is_empty() {
        return Err(SetError::NoStage { policy: policy() });
    }
    let exported = rule.policy.stages();
    if let Some(&stage) = rule.stages().iter().find(|stage| !exported.contains(stage)) {
        return Err(SetError::Stage {
            policy: policy(),
            stage,
        });
    }
    let limits = rule.limits.unwrap_or(engine.options().limits);
    let (came, limit) = (limits.memory_octets, engine.options().limits.memory_octets);
    if came > limit {
        return Err(SetError::Memory {
            policy: policy(),
            came,
            limit,
        });
    }
    let settings = Value::Object(rule.settings.clone()).to_string();
    let (came, limit) = (settings.len(), limits.settings_octets);
    if came > limit {
        return Err(SetError::SettingsSize {
            policy: policy(),
            came,
            limit,
        });
    }
    if rule.policy.settings().is_some_and(|read| read != settings) {
        return Err(SetError::OtherSettings { policy: policy() });
    }
    let prepared = Prepared {
        settings: settings.into(),
        limits,
    };
    for &stage in rule.stages() {
        check_settings(engine, rule, &prepared, stage)?;
    }
    Ok(prepared)
}

fn check_settings(
    engine: &Engine,
    rule: &Rule,
    prepared: &Prepared,
    stage: Stage,
) -> Result<(), SetError> {
    let policy = || rule.policy.manifest().name.clone();
    let _evaluator = engine
        .evaluator(PATIENCE)
        .map_err(|refused| SetError::Fault {
            policy: policy(),
            kind: "overload",
            message: refused.to_string(),
        })?;
    let Prepared { settings, limits } = prepared;
    let task = Task {
        policy: &rule.policy,
        settings,
        limits,
        end: None,
    };
    match task.check_settings(stage).result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(SetError::Settings {
            policy: policy(),
            reason: printable(&reason, SHOWN),
        }),
        Err(fault) => Err(SetError::Fault {
            policy: policy(),
            kind: fault.kind.as_str(),
            message: fault.message,
        }),
    }
}
