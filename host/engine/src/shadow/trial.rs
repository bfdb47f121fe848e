//! What a tried set would have changed, counted.

use std::collections::{BTreeMap, VecDeque};

use resolvet_proto::judgement::{
    Answer, Digest, Evaluation, Judgement, Outcome, Ranking, Stage, Verdict,
};
use serde::{Deserialize, Serialize};

/// Differences that are kept, the newest.
const KEPT: usize = 16;
/// Codes of findings that are counted for a policy by themselves: a policy may invent any number.
const CODES: usize = 64;
/// The name under which the others are counted.
const OTHERS: &str = "other";

/// What a tried set would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Trial {
    /// Judgements of the active set that it made too.
    #[serde(flatten)]
    pub live: Counts,
    /// Judgements that it was not asked about, since too many waited.
    pub dropped: u64,
    /// The recorded questions that came before; `None` where there were none to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<RecordedTrial>,
    /// Each policy by its name, of the tried set and of the active one: recorded and live judgements.
    pub policies: BTreeMap<String, PolicyTrial>,
    /// The newest differences.
    pub differences: VecDeque<Departure>,
}

/// Judgements that were made by both sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Counts {
    /// All of them.
    pub judgements: u64,
    /// Those with another outcome, or another order.
    pub other_outcome: u64,
    /// Those with the same outcome for other findings.
    pub other_findings: u64,
    /// Those in which one of the tried policies failed.
    pub faults: u64,
}

/// What came of recorded questions, which both sets were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RecordedTrial {
    /// The judgements.
    #[serde(flatten)]
    pub counts: Counts,
    /// Whether all were asked that there are. False while it goes on, and when there was no time for all.
    pub is_complete: bool,
}

/// What one policy did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct PolicyTrial {
    /// How often it was asked, in the tried set.
    pub evaluations: u64,
    /// How often it failed there.
    pub faults: u64,
    /// Findings, and kinds of faults, that the tried set alone has, by code.
    pub come: BTreeMap<String, u64>,
    /// Those that the active set alone has.
    pub gone: BTreeMap<String, u64>,
}

/// A judgement in which a tried set departs from the active one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Departure {
    /// What was judged.
    pub stage: Stage,
    /// The request.
    pub request: Digest,
    /// The active set's outcome.
    pub active: Outcome,
    /// The tried set's.
    pub tried: Outcome,
    /// Codes of findings that the active set alone has.
    pub gone: Vec<String>,
    /// Codes of findings that the tried set alone has, and kinds of its faults.
    pub come: Vec<String>,
}

/// Where a question came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Live,
    Recorded,
}

/// What of a judgement is compared.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) stage: Stage,
    request: Digest,
    outcome: Outcome,
    order: Vec<u32>,
    answers: Vec<Answered>,
}

/// What of one policy's answer is compared.
#[derive(Debug, Clone)]
struct Answered {
    policy: String,
    codes: Vec<String>,
    is_fault: bool,
}

impl Trial {
    pub(super) fn count(&mut self, origin: Origin, active: &Said, tried: &Said) {
        let counts = match origin {
            Origin::Live => &mut self.live,
            Origin::Recorded => &mut self.recorded.get_or_insert_default().counts,
        };
        counts.judgements += 1;
        counts.faults += u64::from(tried.answers.iter().any(|answer| answer.is_fault));
        for answer in &tried.answers {
            let policy = self.policies.entry(answer.policy.clone()).or_default();
            policy.evaluations += 1;
            policy.faults += u64::from(answer.is_fault);
        }
        let is_same = active.outcome == tried.outcome && active.order == tried.order;
        if is_same && active.codes().eq(tried.codes()) {
            return;
        }
        match is_same {
            true => counts.other_findings += 1,
            false => counts.other_outcome += 1,
        }
        for (these, those, has_come) in [(tried, active, true), (active, tried, false)] {
            for (policy, code) in these.beyond(those) {
                let policy = self.policies.entry(policy.to_owned()).or_default();
                let codes = match has_come {
                    true => &mut policy.come,
                    false => &mut policy.gone,
                };
                let is_known = codes.contains_key(code) || codes.len() < CODES;
                let code = if is_known { code } else { OTHERS };
                *codes.entry(code.to_owned()).or_default() += 1;
            }
        }
        let codes = |these: &Said, those: &Said| {
            let beyond = these.beyond(those);
            beyond.map(|(_, code)| code.to_owned()).collect()
        };
        self.differences.push_back(Departure {
            stage: active.stage,
            request: active.request,
            active: active.outcome,
            tried: tried.outcome,
            gone: codes(active, tried),
            come: codes(tried, active),
        });
        if self.differences.len() > KEPT {
            self.differences.pop_front();
        }
    }
}

impl Said {
    pub(super) fn of_verdict(judgement: &Judgement<Verdict>) -> Self {
        Self::of(judgement, Vec::new())
    }

    pub(super) fn of_ranking(judgement: &Judgement<Ranking>) -> Self {
        let last = judgement.evaluations.iter().rev();
        let order = last.filter_map(|evaluation| evaluation.result.as_ref().ok());
        let order = order.map(|ranking| ranking.order.clone()).next();
        Self::of(judgement, order.unwrap_or_default())
    }

    fn of<A: Answer>(judgement: &Judgement<A>, order: Vec<u32>) -> Self {
        let answered = |evaluation: &Evaluation<A>| {
            let codes = match &evaluation.result {
                Ok(answer) => {
                    let findings = answer.findings().iter();
                    findings.map(|finding| finding.code.clone()).collect()
                }
                Err(fault) => vec![fault.kind.as_str().to_owned()],
            };
            Answered {
                policy: evaluation.policy.clone(),
                codes,
                is_fault: evaluation.result.is_err(),
            }
        };
        Self {
            stage: judgement.stage,
            request: judgement.request,
            outcome: judgement.outcome,
            order,
            answers: judgement.evaluations.iter().map(answered).collect(),
        }
    }

    fn codes(&self) -> impl Iterator<Item = &str> {
        self.by_policy().map(|(_, code)| code)
    }

    /// The codes, each with the policy that said it.
    fn by_policy(&self) -> impl Iterator<Item = (&str, &str)> {
        self.answers.iter().flat_map(|answer| {
            let codes = answer.codes.iter();
            codes.map(|code| (answer.policy.as_str(), code.as_str()))
        })
    }

    /// Those of whose codes the other has none.
    fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.by_policy()
            .filter(|(_, code)| other.codes().all(|its| its != *code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(outcome: Outcome, policy: &str, codes: &[&str]) -> Said {
        Said {
            stage: Stage::Validation,
            request: Digest::of(b""),
            outcome,
            order: Vec::new(),
            answers: vec![Answered {
                policy: policy.into(),
                codes: codes.iter().map(|&code| code.into()).collect(),
                is_fault: codes.contains(&"trap"),
            }],
        }
    }

    #[test]
    fn differences_are_counted_by_policy_and_finding() {
        let mut trial = Trial::default();
        let active = said(Outcome::Accepted, "rule", &["a", "b"]);
        let mut count = |origin, tried: &Said| trial.count(origin, &active, tried);
        count(Origin::Live, &active.clone());
        count(Origin::Live, &said(Outcome::Accepted, "rule", &["a", "c"]));
        count(Origin::Live, &said(Outcome::Faulted, "rule", &["trap"]));
        count(Origin::Recorded, &said(Outcome::Rejected, "rule", &["c"]));
        let Counts {
            judgements,
            other_outcome,
            other_findings,
            faults,
        } = trial.live;
        assert_eq!(
            (judgements, other_outcome, other_findings, faults),
            (3, 1, 1, 1)
        );
        let recorded = trial.recorded.unwrap();
        assert_eq!(
            (recorded.counts.judgements, recorded.counts.other_outcome),
            (1, 1)
        );
        let rule = &trial.policies["rule"];
        assert_eq!((rule.evaluations, rule.faults), (4, 1));
        assert_eq!((rule.come["c"], rule.come["trap"]), (2, 1));
        assert_eq!((rule.gone["a"], rule.gone["b"]), (2, 3));
    }

    #[test]
    fn whatever_a_policy_invents_the_counts_are_bounded() {
        let mut trial = Trial::default();
        let active = said(Outcome::Accepted, "rule", &[]);
        for number in 0..1_000 {
            let tried = said(Outcome::Rejected, "rule", &[&format!("code-{number}")]);
            trial.count(Origin::Live, &active, &tried);
        }
        let come = &trial.policies["rule"].come;
        assert_eq!(come.len(), CODES + 1);
        assert_eq!(come.values().sum::<u64>(), 1_000);
        assert_eq!(trial.differences.len(), KEPT);
    }
}
