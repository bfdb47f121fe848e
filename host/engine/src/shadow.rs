//! A set that is tried beside the active one: it judges the same requests, later and on a thread of its own, and binds nobody.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use resolvet_proto::judgement::{
    Answer, Digest, Evaluation, Judgement, Outcome, Ranking, Request, Stage, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::Engine,
    judge::Judge,
    observer::{Answered, Judged, Observer},
    set::PolicySet,
};

/// Judgements that wait to be tried; those beyond are dropped and counted.
const WAITING: usize = 64;
/// Differences that are kept, the newest.
const KEPT: usize = 16;

/// What a tried set would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Trial {
    /// Judgements that it made too.
    pub judgements: u64,
    /// Those with another outcome, or another order.
    pub other_outcome: u64,
    /// Those with the same outcome for other findings.
    pub other_findings: u64,
    /// Those in which one of its policies failed.
    pub faults: u64,
    /// Judgements that it was not asked about, since too many waited.
    pub dropped: u64,
    /// The newest differences.
    pub differences: VecDeque<Departure>,
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

/// What tries sets: an [`Observer`] of the active judge. A clone shares it.
#[derive(Clone)]
pub struct Shadow(Arc<Inner>);

struct Inner {
    engine: Engine,
    queue: SyncSender<Work>,
    tried: Mutex<Option<Tried>>,
    dropped: AtomicU64,
}

/// The set that is tried, and what came of it so far.
struct Tried {
    judge: Judge,
    trial: Trial,
}

/// A judgement of the active set that is to be made again.
struct Work {
    request: Arc<Request>,
    active: Said,
}

/// What of a judgement is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    stage: Stage,
    outcome: Outcome,
    order: Vec<u32>,
    codes: Vec<String>,
    is_faulted: bool,
}

impl Shadow {
    /// Starts the thread; it ends when the last clone is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(engine: &Engine) -> io::Result<Self> {
        let (queue, work) = sync_channel(WAITING);
        let inner = Arc::new(Inner {
            engine: engine.clone(),
            queue,
            tried: Mutex::new(None),
            dropped: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&inner);
        thread::Builder::new()
            .name("resolvet-shadow".to_owned())
            .spawn(move || {
                let work: Receiver<Work> = work;
                while let Ok(work) = work.recv() {
                    let Some(inner) = weak.upgrade() else { return };
                    inner.try_again(&work);
                }
            })?;
        Ok(Self(inner))
    }

    /// Tries this set from now on, with new counts; `None` tries nothing.
    pub fn try_set(&self, set: Option<PolicySet>) {
        let tried = set.map(|set| Tried {
            judge: Judge::new(&self.0.engine, set),
            trial: Trial::default(),
        });
        self.0.dropped.store(0, Ordering::Relaxed);
        *self.0.tried() = tried;
    }

    /// The set that is tried.
    #[must_use]
    pub fn set(&self) -> Option<Arc<PolicySet>> {
        self.0.tried().as_ref().map(|tried| tried.judge.set())
    }

    /// What came of it so far.
    #[must_use]
    pub fn trial(&self) -> Option<Trial> {
        let tried = self.0.tried();
        tried.as_ref().map(|tried| Trial {
            dropped: self.0.dropped.load(Ordering::Relaxed),
            ..tried.trial.clone()
        })
    }
}

impl Observer for Shadow {
    fn judged(&self, judged: &Judged<'_>) {
        let work = {
            if self.0.tried().is_none() {
                return;
            }
            let active = match judged.answered {
                Answered::Verdicts(judgement) => Said::of_verdict(judgement),
                Answered::Rankings(judgement) => Said::of_ranking(judgement),
            };
            Work {
                request: Arc::clone(judged.request),
                active,
            }
        };
        if self.0.queue.try_send(work).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inner {
    fn tried(&self) -> MutexGuard<'_, Option<Tried>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_again(&self, work: &Work) {
        let Some(judge) = self.tried().as_ref().map(|tried| tried.judge.clone()) else {
            return;
        };
        let request = &work.request;
        let said = match work.active.stage {
            Stage::Validation => Said::of_verdict(&judge.validate(request)),
            Stage::Privacy => Said::of_verdict(&judge.assess(request)),
            Stage::Selection => Said::of_ranking(&judge.select(request)),
        };
        let mut tried = self.tried();
        // Another set may be tried by now: what the one before said does not count for it.
        let current = tried
            .as_mut()
            .filter(|tried| Arc::ptr_eq(&tried.judge.set(), &judge.set()));
        if let Some(current) = current {
            current.trial.count(request.digest(), &work.active, &said);
        }
    }
}

impl Trial {
    fn count(&mut self, request: Digest, active: &Said, tried: &Said) {
        self.judgements += 1;
        self.faults += u64::from(tried.is_faulted);
        if active == tried {
            return;
        }
        if active.outcome != tried.outcome || active.order != tried.order {
            self.other_outcome += 1;
        } else {
            self.other_findings += 1;
        }
        let only = |of: &Said, not_of: &Said| {
            let codes = of.codes.iter().filter(|code| !not_of.codes.contains(code));
            codes.cloned().collect()
        };
        self.differences.push_back(Departure {
            stage: active.stage,
            request,
            active: active.outcome,
            tried: tried.outcome,
            gone: only(active, tried),
            come: only(tried, active),
        });
        if self.differences.len() > KEPT {
            self.differences.pop_front();
        }
    }
}

impl Said {
    fn of_verdict(judgement: &Judgement<Verdict>) -> Self {
        let findings = |verdict: &Verdict| {
            let codes = verdict.findings.iter().map(|finding| finding.code.clone());
            codes.collect()
        };
        Self::of(judgement, Vec::new(), findings)
    }

    fn of_ranking(judgement: &Judgement<Ranking>) -> Self {
        let findings = |ranking: &Ranking| {
            let codes = ranking.findings.iter().map(|finding| finding.code.clone());
            codes.collect()
        };
        let last = judgement.evaluations.iter().rev();
        let order = last.filter_map(|evaluation| evaluation.result.as_ref().ok());
        let order = order.map(|ranking| ranking.order.clone()).next();
        Self::of(judgement, order.unwrap_or_default(), findings)
    }

    fn of<A: Answer>(
        judgement: &Judgement<A>,
        order: Vec<u32>,
        findings: impl Fn(&A) -> Vec<String>,
    ) -> Self {
        let codes = |evaluation: &Evaluation<A>| match &evaluation.result {
            Ok(answer) => findings(answer),
            Err(fault) => vec![fault.kind.as_str().to_owned()],
        };
        let evaluations = &judgement.evaluations;
        Self {
            stage: judgement.stage,
            outcome: judgement.outcome,
            order,
            codes: evaluations.iter().flat_map(codes).collect(),
            is_faulted: evaluations
                .iter()
                .any(|evaluation| evaluation.result.is_err()),
        }
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("trial", &self.trial())
            .finish_non_exhaustive()
    }
}
