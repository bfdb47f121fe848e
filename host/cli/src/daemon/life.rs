//! How far each policy is on its way, and what happened before.

use std::{collections::BTreeSet, sync::PoisonError};

use resolvet_engine::{PolicySet, Rule, Trial};
use resolvet_proto::judgement::Digest;

use super::{
    Daemon,
    book::{Came, Standing},
    changing::Known,
    counting::Count,
    protocol::{HistoryReport, LifeReport, PolicyLife, RolledBack, VERSION},
};
use crate::lives::{Step, Taken};

impl Daemon {
    fn known(&self) -> std::sync::Arc<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        std::sync::Arc::clone(&known)
    }

    /// What happened to the policy set.
    pub(super) fn history(&self) -> HistoryReport {
        let book = &self.known().book;
        HistoryReport {
            version: VERSION,
            generation: self.policies.judge().generation(),
            kept: book.generations.iter().map(|kept| kept.number).collect(),
            entries: book.history.iter().cloned().collect(),
        }
    }

    /// How far each policy is.
    pub(super) fn lives(&self) -> LifeReport {
        let known = self.known();
        let active = self.active();
        let judge = self.policies.judge();
        // Asked before the set, so that a swap in between shows as the older number.
        let generation = judge.generation();
        let set = judge.set();
        let watched = self.counting.watched();
        let of_watched = watched.as_ref().map(|(_, policies)| policies);
        let policies = set.rules().iter().map(|rule| {
            let count = self.counting.of(&rule.policy.digest());
            let mut life = life(rule, &known, count);
            if of_watched.is_some_and(|policies| policies.contains(&life.digest)) {
                life.reach(Taken::new(Step::Watched, active.at));
            }
            life
        });
        let trial = self.shadow.trial();
        let tried = self.shadow.set();
        let shadows = tried.zip(trial.as_ref()).map(|(tried, trial)| {
            let shadows = shadowed(&set, &tried, &known, trial);
            shadows
                .map(|mut life| {
                    life.reach(Taken::new(Step::Shadowed, active.tried_at));
                    life
                })
                .collect()
        });
        let standing = known.book.standing.clone();
        let promotion = self.terms().promotion.judgements;
        let break_glass = self.lift_status();
        let mut refused = known.book.history.iter().rev();
        LifeReport {
            version: VERSION,
            generation,
            since: active.at,
            source: active.source,
            policies: policies.collect(),
            shadows: shadows.unwrap_or_default(),
            promotion,
            trial,
            watch: watched.map(|(status, _)| status),
            break_glass,
            rolled_back: standing.map(rolled_back),
            refusal: refused
                .find(|entry| entry.outcome == Came::Refused)
                .cloned(),
        }
    }
}

/// Those of the tried policies that are not active.
fn shadowed(
    active: &PolicySet,
    tried: &PolicySet,
    known: &Known,
    trial: &Trial,
) -> impl Iterator<Item = PolicyLife> {
    let active: BTreeSet<Digest> = active.rules().iter().map(|r| r.policy.digest()).collect();
    let new = tried.rules().iter();
    let new = new.filter(move |rule| !active.contains(&rule.policy.digest()));
    new.map(|rule| {
        let counted = trial.policies.get(&rule.policy.manifest().name);
        let count = counted.map_or_else(Count::default, |counted| Count {
            evaluations: counted.evaluations,
            faults: counted.faults,
        });
        life(rule, known, count)
    })
}

fn life(rule: &Rule, known: &Known, count: Count) -> PolicyLife {
    let manifest = rule.policy.manifest();
    let digest = rule.policy.digest();
    let life = known.lives.get(&digest).cloned().unwrap_or_default();
    let last = life.steps.last().copied();
    let last = last.unwrap_or(Taken::new(Step::Compiled, 0));
    PolicyLife {
        policy: manifest.name.clone(),
        policy_version: manifest.version.clone(),
        digest,
        revision: life.revision,
        mode: rule.mode,
        role: rule.role,
        step: last.step,
        since: last.at,
        steps: life.steps,
        evaluations: count.evaluations,
        faults: count.faults,
    }
}

impl PolicyLife {
    fn reach(&mut self, taken: Taken) {
        self.steps.push(taken);
        self.step = taken.step;
        self.since = taken.at;
    }
}

fn rolled_back(standing: Standing) -> RolledBack {
    RolledBack {
        to: standing.generation,
        from: standing.left,
        at: standing.at,
        by: standing.by,
        policies: standing.policies,
    }
}
