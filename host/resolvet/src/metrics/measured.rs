//! The counters as values, for whoever shows them: what each policy did since the metrics began.

use std::collections::BTreeMap;

use resolvet_proto::judgement::{FaultKind, Stage};
use serde::{Deserialize, Serialize};

use super::{
    EvaluationLabels, FaultLabels, MODES, Metrics, OTHER, PolicyLabels, VERDICTS,
    durations::Histogram,
};

/// What was counted since the metrics began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Measured {
    /// By policy's name, in the alphabet's order.
    pub policies: Vec<MeasuredPolicy>,
}

/// What one policy did, at all stages and in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct MeasuredPolicy {
    /// Its name.
    pub policy: String,
    /// Evaluations by verdict: `accept`, `reject`, `abstain`, `order`, `fault`. What never came is absent.
    pub verdicts: BTreeMap<String, u64>,
    /// Faults by kind. What never came is absent.
    pub faults: BTreeMap<String, u64>,
    /// How long its evaluations took.
    pub durations: Histogram,
}

impl Metrics {
    /// The counters as they stand.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let mut names = self.0.policies.words();
        names.insert(OTHER.to_owned());
        let policies = names.into_iter().map(|name| self.measured_policy(name));
        Measured {
            policies: policies
                .filter(|policy| policy.durations.count() > 0)
                .collect(),
        }
    }

    fn measured_policy(&self, policy: String) -> MeasuredPolicy {
        let inner = &*self.0;
        let mut verdicts = BTreeMap::new();
        for stage in [Stage::Selection, Stage::Validation, Stage::Privacy] {
            for mode in MODES {
                for verdict in VERDICTS {
                    let labels = EvaluationLabels {
                        policy: policy.clone(),
                        stage: stage.as_str(),
                        mode,
                        verdict,
                    };
                    if let Some(counter) = inner.evaluations.get(&labels) {
                        *verdicts.entry(verdict.to_owned()).or_default() += counter.get();
                    }
                }
            }
        }
        let kind = |kind: FaultKind| {
            let labels = FaultLabels {
                policy: policy.clone(),
                kind: kind.as_str(),
            };
            let counter = inner.faults.get(&labels)?;
            Some((kind.as_str().to_owned(), counter.get()))
        };
        let faults = FaultKind::ALL.into_iter().filter_map(kind).collect();
        let labels = PolicyLabels {
            policy: policy.clone(),
        };
        let durations = inner.evaluation_seconds.get(&labels);
        let durations = durations.map(|durations| durations.histogram());
        MeasuredPolicy {
            policy,
            verdicts,
            faults,
            durations: durations.unwrap_or_default(),
        }
    }
}
