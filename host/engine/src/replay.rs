//! Recorded decisions asked again of other policies: what would have changed, and by which findings.

use std::{collections::BTreeMap, sync::Arc};

use resolvet_proto::judgement::{
    Answer, Decision as Decided, Digest, Evaluation, Fault, FaultKind, Finding, Judgement, Mode,
    Outcome, Ranking, Request, Verdict, combine,
};
use serde::Serialize;
use thiserror::Error;

use crate::{
    engine::Engine,
    error::SetError,
    policy::Policy,
    record::{Answers, Decision, Generation, RecordedAnswer, RecordedRule},
    set::{OneRule, Rule},
};

/// Rules made ready at most; more than one for each policy and settings of a log.
const TRIALS: usize = 256;

/// Puts recorded questions to these policies.
///
/// A policy takes the place of the recorded one of its name, with that one's settings, limits, mode and role. One whose name
/// was not there is added at the end, as a restriction that enforces. What the others answered is taken from the record.
pub struct Replayer {
    engine: Engine,
    policies: Vec<Policy>,
    trials: BTreeMap<(usize, Digest, String), OneRule>,
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replayed {
    /// Nothing would have changed.
    Same,
    /// Something would have.
    Changed(Box<Change>),
    /// The record does not tell what would have been.
    NotReplayable(String),
}

/// What would have changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// What followed.
    pub before: Outcome,
    /// What would have followed.
    pub after: Outcome,
    /// For how many seconds at most.
    pub lifetime_before: Option<u32>,
    /// For how many seconds it would have been.
    pub lifetime_after: Option<u32>,
    /// The order of candidates, at selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_before: Option<Vec<u32>>,
    /// The order that it would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_after: Option<Vec<u32>>,
    /// What the policies answer differently.
    pub policies: Vec<PolicyChange>,
}

/// What one policy answers differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyChange {
    /// Its name.
    pub policy: String,
    /// The version that was recorded; `None` when it was not asked.
    pub version_before: Option<String>,
    /// The version that was asked now; `None` when it is not asked any more.
    pub version_after: Option<String>,
    /// Whether it is the same file with the same settings: then its answers should be the same too.
    pub same_file: bool,
    /// Its decision, or the kind of its fault.
    pub before: Option<String>,
    /// Its decision, or the kind of its fault, now.
    pub after: Option<String>,
    /// Findings that are not made any more.
    pub removed: Vec<Finding>,
    /// Findings that are new.
    pub added: Vec<Finding>,
    /// Its fault now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// A record cannot be replayed with these policies at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recorded settings or limits do not suit a policy.
    #[error("a policy does not take the recorded settings: {0}")]
    Set(#[from] SetError),
    /// The decision names a rule that its generation does not have.
    #[error("rule {rule} does not exist: generation {generation} has {count}")]
    Rule {
        /// The rule's position.
        rule: usize,
        /// The generation.
        generation: u64,
        /// How many rules it has.
        count: usize,
    },
}

impl Replayer {
    /// A replayer that asks these policies; of several with one name the last counts.
    #[must_use]
    pub fn new(engine: &Engine, policies: Vec<Policy>) -> Self {
        Self {
            engine: engine.clone(),
            policies,
            trials: BTreeMap::new(),
        }
    }

    /// Asks a recorded question again. The request is the whole one, with its trust anchors, or `None` where it was not
    /// recorded.
    ///
    /// # Errors
    /// A policy refuses the recorded settings, or the record contradicts itself.
    pub fn replay(
        &mut self,
        generation: &Generation,
        decision: &Decision,
        request: Option<&Arc<Request>>,
    ) -> Result<Replayed, ReplayError> {
        let Some(request) = request else {
            let reason = "the request was not recorded (`record = \"full\"`)";
            return Ok(Replayed::NotReplayable(reason.into()));
        };
        match &decision.answers {
            Answers::Verdicts(recorded) => {
                let stage = decision.stage;
                let call = |trial: &OneRule, engine: &Engine, _: Option<&Arc<[u32]>>| {
                    trial.judge(engine, stage, request)
                };
                self.stage(generation, decision, request, recorded, call)
            }
            Answers::Rankings(recorded) => {
                let call = |trial: &OneRule, engine: &Engine, offered: Option<&Arc<[u32]>>| {
                    trial.select(engine, request, offered)
                };
                self.stage(generation, decision, request, recorded, call)
            }
        }
    }

    fn stage<A: Replayable>(
        &mut self,
        generation: &Generation,
        decision: &Decision,
        request: &Arc<Request>,
        recorded: &[RecordedAnswer<A>],
        call: impl Fn(&OneRule, &Engine, Option<&Arc<[u32]>>) -> Evaluation<A>,
    ) -> Result<Replayed, ReplayError> {
        let count = generation.rules.len();
        if let Some(answer) = recorded.iter().find(|answer| answer.rule >= count) {
            return Err(ReplayError::Rule {
                rule: answer.rule,
                generation: generation.generation,
                count,
            });
        }
        if let Some(reason) = recorded
            .iter()
            .find_map(|answer| by_chance(&answer.evaluation))
        {
            return Ok(Replayed::NotReplayable(format!(
                "{reason} when it was recorded"
            )));
        }
        // What the selectors before left, then and now.
        let (mut left_before, mut left_after) = (None, None);
        let mut evaluations: Vec<Evaluation<A>> = Vec::new();
        let mut changes = Vec::new();
        for (position, rule) in self.asked(generation, decision, request)? {
            let before = recorded.iter().find(|answer| Some(answer.rule) == position);
            let after = match rule {
                Asked::Again(key) => {
                    let Some(trial) = self.trials.get(&key) else {
                        continue;
                    };
                    let evaluation = call(trial, &self.engine, left_after.as_ref());
                    if let Some(reason) = by_chance(&evaluation) {
                        return Ok(Replayed::NotReplayable(format!("{reason} in the replay")));
                    }
                    Some(evaluation)
                }
                Asked::AsRecorded => {
                    if before.is_some() && left_before != left_after {
                        let policy = before.map_or("", |before| &before.evaluation.policy);
                        let reason = format!(
                            "policy `{policy}` would be offered another order, and is not among those that are asked again"
                        );
                        return Ok(Replayed::NotReplayable(reason));
                    }
                    before.map(|before| before.evaluation.clone())
                }
                Asked::NoMore => None,
            };
            let before = before.map(|before| &before.evaluation);
            changes.extend(changed(before, after.as_ref()));
            left_before = A::left(before).or(left_before);
            left_after = A::left(after.as_ref()).or(left_after);
            evaluations.extend(after);
        }
        let (after, lifetime) = combine(decision.stage, &request.usage_profile, &evaluations);
        let before = recorded
            .iter()
            .map(|answer| answer.evaluation.clone())
            .collect();
        let judgement = |outcome, lifetime, evaluations| Judgement {
            stage: decision.stage,
            request: decision.request_digest,
            generation: decision.generation,
            outcome,
            lifetime,
            evaluations,
        };
        let candidates = request.candidates.len();
        let order_before = A::order(
            &judgement(decision.outcome, decision.lifetime, before),
            candidates,
        );
        let order_after = A::order(&judgement(after, lifetime, evaluations), candidates);
        let same = after == decision.outcome
            && lifetime == decision.lifetime
            && order_before == order_after
            && changes.is_empty();
        Ok(if same {
            Replayed::Same
        } else {
            Replayed::Changed(Box::new(Change {
                before: decision.outcome,
                after,
                lifetime_before: decision.lifetime,
                lifetime_after: lifetime,
                order_before,
                order_after,
                policies: changes,
            }))
        })
    }

    /// The rules of the generation, then the policies that are added, each with who answers.
    fn asked(
        &mut self,
        generation: &Generation,
        decision: &Decision,
        request: &Request,
    ) -> Result<Vec<(Option<usize>, Asked)>, ReplayError> {
        let mut asked = Vec::new();
        for (position, rule) in generation.rules.iter().enumerate() {
            let replaced = self.policy(&rule.policy);
            asked.push((
                Some(position),
                match replaced {
                    Some(policy) => self.again(policy, Some(rule), decision, request)?,
                    None => Asked::AsRecorded,
                },
            ));
        }
        for policy in 0..self.policies.len() {
            let Some(name) = self.policies.get(policy).map(|p| p.manifest().name.clone()) else {
                continue;
            };
            let is_new = generation.rules.iter().all(|rule| rule.policy != name);
            if is_new && self.policy(&name) == Some(policy) {
                asked.push((None, self.again(policy, None, decision, request)?));
            }
        }
        Ok(asked)
    }

    /// The position of the policy of this name that counts.
    fn policy(&self, name: &str) -> Option<usize> {
        self.policies
            .iter()
            .rposition(|policy| policy.manifest().name == name)
    }

    /// Makes a policy ready with the settings and limits of this rule.
    fn again(
        &mut self,
        policy: usize,
        recorded: Option<&RecordedRule>,
        decision: &Decision,
        request: &Request,
    ) -> Result<Asked, ReplayError> {
        let Some(chosen) = self.policies.get(policy) else {
            return Ok(Asked::NoMore);
        };
        let mut rule = Rule::new(chosen.clone());
        if let Some(recorded) = recorded {
            rule.stages.clone_from(&recorded.stages);
            rule.mode = recorded.mode;
            rule.role = recorded.role;
            rule.settings = recorded.settings.clone().unwrap_or_default();
            rule.limits = Some(recorded.limits);
        }
        if !rule.is_asked(decision.stage, &request.purpose) {
            return Ok(Asked::NoMore);
        }
        let settings = recorded.map_or_else(|| Digest::of(b"{}"), |rule| rule.settings_digest);
        let uses = format!(
            "{:?} {:?} {:?} {:?}",
            rule.stages, rule.mode, rule.role, rule.limits
        );
        let key = (policy, settings, uses);
        if !self.trials.contains_key(&key) {
            if self.trials.len() >= TRIALS {
                self.trials.clear();
            }
            let trial = OneRule::new(&self.engine, rule)?;
            self.trials.insert(key.clone(), trial);
        }
        Ok(Asked::Again(key))
    }
}

/// Who answers in a replay.
enum Asked {
    /// A policy that was given, by its trial.
    Again((usize, Digest, String)),
    /// The record.
    AsRecorded,
    /// Nobody: the policy that was given does not judge this.
    NoMore,
}

/// An answer of either kind, as far as they differ in a replay.
trait Replayable: Answer + Clone + PartialEq {
    /// The order that a selector which binds leaves to those after it.
    fn left(evaluation: Option<&Evaluation<Self>>) -> Option<Arc<[u32]>>;
    /// The order of the whole judgement.
    fn order(judgement: &Judgement<Self>, candidates: usize) -> Option<Vec<u32>>;
    /// The decision in a word.
    fn word(&self) -> String;
}

impl Replayable for Verdict {
    fn left(_: Option<&Evaluation<Self>>) -> Option<Arc<[u32]>> {
        None
    }

    fn order(_: &Judgement<Self>, _: usize) -> Option<Vec<u32>> {
        None
    }

    fn word(&self) -> String {
        match self.decision {
            Decided::Accept { lifetime: None } => "accept".into(),
            Decided::Accept {
                lifetime: Some(seconds),
            } => format!("accept for {seconds} s"),
            Decided::Reject => "reject".into(),
            Decided::Abstain => "abstain".into(),
        }
    }
}

impl Replayable for Ranking {
    fn left(evaluation: Option<&Evaluation<Self>>) -> Option<Arc<[u32]>> {
        let binding = evaluation.filter(|evaluation| evaluation.mode == Mode::Enforce)?;
        let ranking = binding.result.as_ref().ok()?;
        Some(Arc::from(&*ranking.order))
    }

    fn order(judgement: &Judgement<Self>, candidates: usize) -> Option<Vec<u32>> {
        Some(judgement.order(candidates))
    }

    fn word(&self) -> String {
        format!("order {:?}", self.order)
    }
}

/// Why an evaluation would not end so again: it depended on the machine.
fn by_chance<A>(evaluation: &Evaluation<A>) -> Option<String> {
    let fault = evaluation.result.as_ref().err()?;
    let chance = matches!(
        fault.kind,
        FaultKind::Time | FaultKind::Overload | FaultKind::Host
    );
    let (policy, kind) = (&evaluation.policy, fault.kind.as_str());
    chance.then(|| format!("policy `{policy}` failed by `{kind}`, which depends on the machine,"))
}

/// How two answers of a policy differ. What it logs and has verified is no part of a decision, but the same file must do
/// the same in that too.
fn changed<A: Replayable>(
    before: Option<&Evaluation<A>>,
    after: Option<&Evaluation<A>>,
) -> Option<PolicyChange> {
    let either = before.or(after)?;
    let same_file = match (before, after) {
        (Some(before), Some(after)) => before.digest == after.digest,
        _ => false,
    };
    let same = match (before, after) {
        (Some(before), Some(after)) => {
            before.result == after.result
                && (!same_file
                    || (before.log == after.log && before.signatures == after.signatures))
        }
        _ => false,
    };
    if same {
        return None;
    }
    let findings = |evaluation: Option<&Evaluation<A>>| {
        let answer = evaluation.and_then(|evaluation| evaluation.result.as_ref().ok());
        answer.map_or_else(Vec::new, |answer| answer.findings().to_vec())
    };
    let word = |evaluation: Option<&Evaluation<A>>| {
        evaluation.map(|evaluation| match &evaluation.result {
            Ok(answer) => answer.word(),
            Err(fault) => format!("fault {}", fault.kind.as_str()),
        })
    };
    let (old, new) = (findings(before), findings(after));
    let without = |these: &[Finding], those: &[Finding]| {
        let only = these.iter().filter(|finding| !those.contains(finding));
        only.cloned().collect()
    };
    Some(PolicyChange {
        policy: either.policy.clone(),
        version_before: before.map(|evaluation| evaluation.version.clone()),
        version_after: after.map(|evaluation| evaluation.version.clone()),
        same_file,
        before: word(before),
        after: word(after),
        removed: without(&old, &new),
        added: without(&new, &old),
        fault: after.and_then(|evaluation| evaluation.result.as_ref().err().cloned()),
    })
}
