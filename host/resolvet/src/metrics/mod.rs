//! Metrics in the text form of OpenMetrics 1.0, which Prometheus reads.
//!
//! [`Metrics`] is an [`Observer`] of a judge; [`Metrics::text`] is what a scrape gets, and [`serve`] answers scrapes on loopback.
//! Labels come from policies, and those may be hostile: how many different ones there are is bounded, and what is beyond
//! is counted under `other`. No label holds a name of the network, an address or a request.

mod durations;
mod measured;
mod serve;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};
use resolvet_engine::{Answered, Engine, Judged, Observer};
use resolvet_proto::judgement::{Answer, Evaluation, Mode, Stage};

use crate::{decisions::DecisionLog, spans::verdict, stub};

use durations::Durations;

pub use durations::Histogram;
pub use measured::{Measured, MeasuredPolicy};
pub use serve::{CONTENT_TYPE, ServeError, serve};

/// Different names of policies that have labels of their own.
const POLICIES: usize = 128;
/// Different codes of findings, with their policies, that have labels of their own.
const CODES: usize = 1_024;
/// The label of what is beyond.
const OTHER: &str = "other";
/// Labels of modes.
const MODES: [&str; 2] = ["enforce", "monitor"];
/// Labels of verdicts.
const VERDICTS: [&str; 5] = ["accept", "reject", "abstain", "order", "fault"];

/// Counters of judgements, and of what else is registered. A clone shares everything.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    judgements: Family<JudgementLabels, Counter>,
    judgement_seconds: Family<StageLabels, Durations>,
    evaluations: Family<EvaluationLabels, Counter>,
    evaluation_seconds: Family<PolicyLabels, Durations>,
    findings: Family<FindingLabels, Counter>,
    faults: Family<FaultLabels, Counter>,
    generation: Gauge,
    policies: Words,
    codes: Words,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JudgementLabels {
    stage: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvaluationLabels {
    policy: String,
    stage: &'static str,
    mode: &'static str,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    policy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    policy: String,
    code: String,
    severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    policy: String,
    kind: &'static str,
}

/// The words that have labels of their own: the first so many that came.
struct Words {
    known: Mutex<BTreeSet<String>>,
    most: usize,
}

impl Words {
    const fn new(most: usize) -> Self {
        Self {
            known: Mutex::new(BTreeSet::new()),
            most,
        }
    }

    /// Whether this word has a label of its own, from now on if there is room.
    fn knows(&self, word: &str) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(word) {
            return true;
        }
        let has_room = known.len() < self.most;
        if has_room {
            known.insert(word.to_owned());
        }
        has_room
    }

    /// Those that have.
    fn words(&self) -> BTreeSet<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

impl Metrics {
    /// Counters that stand at nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("resolvet");
        let inner = Inner {
            judgements: Family::default(),
            judgement_seconds: Family::default(),
            evaluations: Family::default(),
            evaluation_seconds: Family::default(),
            findings: Family::default(),
            faults: Family::default(),
            generation: Gauge::default(),
            policies: Words::new(POLICIES),
            codes: Words::new(CODES),
            registry: Mutex::default(),
        };
        registry.register(
            "judgements",
            "Judgements by stage and what followed",
            inner.judgements.clone(),
        );
        registry.register_with_unit(
            "judgement_duration",
            "Time of a judgement, waiting for an evaluator included",
            Unit::Seconds,
            inner.judgement_seconds.clone(),
        );
        registry.register(
            "evaluations",
            "Evaluations by policy, stage, mode and verdict",
            inner.evaluations.clone(),
        );
        registry.register_with_unit(
            "evaluation_duration",
            "Time of an evaluation",
            Unit::Seconds,
            inner.evaluation_seconds.clone(),
        );
        registry.register(
            "findings",
            "Findings by policy, code and severity",
            inner.findings.clone(),
        );
        registry.register("faults", "Faults by policy and kind", inner.faults.clone());
        registry.register(
            "policy_generation",
            "Generation of the policy set that judged last",
            inner.generation.clone(),
        );
        *inner
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = registry;
        Self(Arc::new(inner))
    }

    /// Tells of a decision log too: what was written and what was dropped.
    pub fn add_log(&self, log: DecisionLog) {
        self.add(Collected(move |values: &mut Values<'_>| {
            values.counter(
                "decisions_written",
                "Decisions that the log has",
                log.written(),
            )?;
            values.counter(
                "decisions_dropped",
                "Decisions that the log has not",
                log.dropped(),
            )
        }));
    }

    /// Tells of an engine's cache of compiled code too.
    pub fn add_engine(&self, engine: Engine) {
        self.add(Collected(move |values: &mut Values<'_>| {
            let statistics = engine.cache_statistics();
            let counters = [
                (
                    "compiled_cache_hits",
                    "Components whose compiled code was in the cache",
                    statistics.hits,
                ),
                (
                    "compiled_cache_misses",
                    "Components whose compiled code was not there",
                    statistics.misses,
                ),
                (
                    "compiled_cache_refusals",
                    "Components whose compiled code was there and not authentic",
                    statistics.refusals,
                ),
            ];
            for (name, help, value) in counters {
                values.counter(name, help, value)?;
            }
            Ok(())
        }));
    }

    /// Tells of a stub too: its queries and its cache.
    pub fn add_stub(&self, statistics: impl Fn() -> stub::Statistics + Send + Sync + 'static) {
        self.add(Collected(move |values: &mut Values<'_>| {
            let statistics = statistics();
            let counters = [
                ("stub_queries", "Messages that came", statistics.queries),
                ("stub_cache_hits", "Answers from the cache", statistics.hits),
                (
                    "stub_cache_misses",
                    "Questions to a vetted server",
                    statistics.misses,
                ),
                (
                    "stub_failures",
                    "Questions that got SERVFAIL",
                    statistics.failures,
                ),
                (
                    "stub_overloads",
                    "Questions that were turned away",
                    statistics.overloads,
                ),
            ];
            for (name, help, value) in counters {
                values.counter(name, help, value)?;
            }
            values.gauge(
                "stub_cache_entries",
                "Answers in the cache",
                statistics.cached,
            )?;
            let octets = statistics.cached_octets;
            values.gauge("stub_cache_octets", "Octets of the cache in use", octets)
        }));
    }

    fn add(&self, collector: impl Collector) {
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .register_collector(Box::new(collector));
    }

    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self
            .0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Writing to a string does not fail.
        let _written = encode(&mut text, &registry);
        text
    }

    fn evaluations<A: Answer>(&self, stage: Stage, evaluations: &[Evaluation<A>]) {
        for evaluation in evaluations {
            self.evaluation(stage, evaluation);
        }
    }

    fn evaluation<A: Answer>(&self, stage: Stage, evaluation: &Evaluation<A>) {
        let inner = &*self.0;
        let policy = match inner.policies.knows(&evaluation.policy) {
            true => evaluation.policy.clone(),
            false => OTHER.to_owned(),
        };
        let labels = EvaluationLabels {
            policy: policy.clone(),
            stage: stage.as_str(),
            mode: match evaluation.mode {
                Mode::Enforce => "enforce",
                Mode::Monitor => "monitor",
            },
            verdict: verdict(stage, evaluation),
        };
        inner.evaluations.get_or_create(&labels).inc();
        let labels = PolicyLabels {
            policy: policy.clone(),
        };
        inner
            .evaluation_seconds
            .get_or_create(&labels)
            .observe(evaluation.nanoseconds);
        match &evaluation.result {
            Ok(answer) => {
                for finding in answer.findings() {
                    let known = inner.codes.knows(&format!("{policy} {}", finding.code));
                    let labels = FindingLabels {
                        policy: policy.clone(),
                        code: if known {
                            finding.code.clone()
                        } else {
                            OTHER.into()
                        },
                        severity: finding.severity.as_str(),
                    };
                    inner.findings.get_or_create(&labels).inc();
                }
            }
            Err(fault) => {
                let kind = fault.kind.as_str();
                inner
                    .faults
                    .get_or_create(&FaultLabels { policy, kind })
                    .inc();
            }
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Metrics {
    fn judged(&self, judged: &Judged<'_>) {
        let stage = judged.answered.stage();
        let labels = JudgementLabels {
            stage: stage.as_str(),
            outcome: judged.answered.outcome().as_str(),
        };
        self.0.judgements.get_or_create(&labels).inc();
        let labels = StageLabels {
            stage: stage.as_str(),
        };
        self.0
            .judgement_seconds
            .get_or_create(&labels)
            .observe(judged.nanoseconds);
        let generation = i64::try_from(judged.answered.generation()).unwrap_or(i64::MAX);
        self.0.generation.set(generation);
        match judged.answered {
            Answered::Verdicts(judgement) => self.evaluations(stage, &judgement.evaluations),
            Answered::Rankings(judgement) => self.evaluations(stage, &judgement.evaluations),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Values that are asked for when they are scraped.
struct Collected<F>(F);

/// Where they go.
struct Values<'a>(DescriptorEncoder<'a>);

impl Values<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        let encoder = self
            .0
            .encode_descriptor(name, help, None, counter.metric_type())?;
        counter.encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let encoder = self
            .0
            .encode_descriptor(name, help, None, gauge.metric_type())?;
        gauge.encode(encoder)
    }
}

impl<F> Collector for Collected<F>
where
    F: Fn(&mut Values<'_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Values(encoder))
    }
}

impl<F> fmt::Debug for Collected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collected")
    }
}

#[cfg(test)]
mod tests {
    use resolvet_engine::{Engine, Options, PolicySet};
    use resolvet_proto::judgement::{
        Decision, Digest, Fault, FaultKind, Finding, Judgement, Outcome, Purpose, Request, Role,
        Severity, UsageProfile, Verdict,
    };

    use super::*;

    fn evaluation(policy: &str, result: Result<Verdict, Fault>) -> Evaluation<Verdict> {
        Evaluation {
            policy: policy.to_owned(),
            version: "0.1.0".to_owned(),
            digest: Digest::of(b""),
            mode: Mode::Enforce,
            role: Role::Restriction,
            result,
            log: Vec::new(),
            signatures: Vec::new(),
            nanoseconds: 30_000,
        }
    }

    fn finding(code: String) -> Finding {
        Finding {
            code,
            severity: Severity::Error,
            message: "secret.example.net".to_owned(),
            reference: String::new(),
            evidence: Vec::new(),
        }
    }

    fn judge(metrics: &Metrics, evaluations: Vec<Evaluation<Verdict>>) {
        let engine = Engine::new(Options::default()).unwrap();
        let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, Vec::new()).unwrap();
        let request = Request::new(Purpose::DnsServer, 1_800_000_000);
        let judgement = Judgement {
            stage: Stage::Validation,
            request: request.digest(),
            generation: 7,
            outcome: Outcome::Faulted,
            lifetime: None,
            evaluations,
        };
        metrics.judged(&Judged {
            request: &Arc::new(request),
            set: &Arc::new(set),
            answered: Answered::Verdicts(&judgement),
            nanoseconds: 80_000,
        });
    }

    #[test]
    fn judgements_are_counted_by_what_they_were() {
        let metrics = Metrics::new();
        let mut refusal = Verdict::new(Decision::Reject);
        refusal
            .findings
            .push(finding("validity-too-long".to_owned()));
        let fault = Fault {
            kind: FaultKind::Memory,
            message: "secret.example.net".to_owned(),
        };
        judge(
            &metrics,
            vec![evaluation("a", Ok(refusal)), evaluation("b", Err(fault))],
        );
        let text = metrics.text();
        for line in [
            "resolvet_judgements_total{stage=\"validation\",outcome=\"faulted\"} 1",
            "resolvet_evaluations_total{policy=\"a\",stage=\"validation\",mode=\"enforce\",verdict=\"reject\"} 1",
            "resolvet_evaluations_total{policy=\"b\",stage=\"validation\",mode=\"enforce\",verdict=\"fault\"} 1",
            "resolvet_findings_total{policy=\"a\",code=\"validity-too-long\",severity=\"error\"} 1",
            "resolvet_faults_total{policy=\"b\",kind=\"memory\"} 1",
            "resolvet_evaluation_duration_seconds_bucket{le=\"0.00005\",policy=\"a\"} 1",
            "resolvet_evaluation_duration_seconds_bucket{le=\"0.000025\",policy=\"a\"} 0",
            "resolvet_judgement_duration_seconds_count{stage=\"validation\"} 1",
            "resolvet_policy_generation 7",
        ] {
            assert!(
                text.lines().any(|is| is == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(!text.contains("secret"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_policy_that_invents_words_does_not_fill_the_memory() {
        let metrics = Metrics::new();
        for round in 0..40 {
            let mut verdict = Verdict::new(Decision::Abstain);
            verdict.findings = (0..64)
                .map(|i| finding(format!("code-{round}-{i}")))
                .collect();
            judge(&metrics, vec![evaluation("a", Ok(verdict))]);
        }
        let text = metrics.text();
        let codes = text
            .lines()
            .filter(|line| line.starts_with("resolvet_findings_total"));
        assert_eq!(codes.count(), CODES + 1);
        assert!(
            text.contains("code=\"other\",severity=\"error\"} 1536"),
            "{text}"
        );
    }

    #[test]
    fn a_stub_is_told_of_as_it_is_at_the_scrape() {
        let metrics = Metrics::new();
        metrics.add_stub(stub::Statistics::default);
        let text = metrics.text();
        assert!(text.contains("resolvet_stub_cache_hits_total 0"), "{text}");
        assert!(
            text.contains("# TYPE resolvet_stub_cache_octets gauge"),
            "{text}"
        );
    }

    #[test]
    fn the_counters_are_values_too() {
        let metrics = Metrics::new();
        let fault = Fault {
            kind: FaultKind::Time,
            message: String::new(),
        };
        let accept = || Ok(Verdict::new(Decision::Accept { lifetime: None }));
        judge(
            &metrics,
            vec![evaluation("b", accept()), evaluation("a", Err(fault))],
        );
        judge(&metrics, vec![evaluation("b", accept())]);
        let policies = metrics.measured().policies;
        let [a, b] = &*policies else {
            panic!("{policies:?}")
        };
        assert_eq!(
            (&*a.policy, a.verdicts["fault"], a.faults["time"]),
            ("a", 1, 1)
        );
        assert_eq!((&*b.policy, b.verdicts["accept"]), ("b", 2));
        assert!(b.faults.is_empty());
        assert_eq!(b.durations.count(), 2);
        assert_eq!(b.durations.nanoseconds, 60_000);
    }
}
