//! Evaluates the active policy set, and swaps it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use resolvet_proto::judgement::{
    Answer, Evaluation, Fault, FaultKind, Judgement, Mode, Ranking, Request, Stage, Verdict,
    combine,
};

use crate::{
    engine::Engine,
    error::StaleGeneration,
    evaluation::{Done, Task},
    fault::Time,
    observer::{Answered, Judged, Observer},
    set::{PolicySet, Prepared, Rule},
};

/// Evaluates the active policy set, and swaps it. A clone shares everything; any thread may call it, a TLS verifier too.
///
/// All policies of a stage share one budget of time (`set-milliseconds` of [`Options`](crate::Options)), waiting for
/// an evaluator included. Policies that monitor are evaluated after those that enforce, with the time that is left, so
/// that they delay but never change a judgement. Whatever fails is a fault in the judgement.
#[derive(Clone)]
pub struct Judge(Arc<Inner>);

struct Inner {
    engine: Engine,
    active: ArcSwap<Active>,
    /// Held while the active set is replaced, so that generations only grow.
    swap: Mutex<()>,
    /// Told of each judgement.
    observers: ArcSwap<Vec<Arc<dyn Observer>>>,
    /// Whether it has the evaluator of those that bind nobody.
    is_beside: bool,
}

struct Active {
    generation: u64,
    set: Arc<PolicySet>,
}

impl Judge {
    /// A judge whose first generation, 1, is this set.
    #[must_use]
    pub fn new(engine: &Engine, set: PolicySet) -> Self {
        Self::observed(engine, set, Vec::new())
    }

    /// As [`Judge::new`]; each of these is told of every judgement that was asked of a policy.
    #[must_use]
    pub fn observed(engine: &Engine, set: PolicySet, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self::resumed(engine, set, 1, observers)
    }

    /// As [`Judge::observed`]; the first generation has this number, for one that goes on counting where another process ended.
    #[must_use]
    pub fn resumed(
        engine: &Engine,
        set: PolicySet,
        generation: u64,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Self {
        Self::made(engine, Arc::new(set), generation, observers, false)
    }

    /// A judge that binds nobody: those that do never wait for it.
    pub(crate) fn beside(engine: &Engine, set: Arc<PolicySet>) -> Self {
        Self::made(engine, set, 1, Vec::new(), true)
    }

    fn made(
        engine: &Engine,
        set: Arc<PolicySet>,
        generation: u64,
        observers: Vec<Arc<dyn Observer>>,
        is_beside: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            engine: engine.clone(),
            active: ArcSwap::from_pointee(Active { generation, set }),
            swap: Mutex::new(()),
            observers: ArcSwap::from_pointee(observers),
            is_beside,
        }))
    }

    /// Makes this set the active one and says its generation. Judgements under way end with the set that they began with.
    pub fn swap(&self, set: PolicySet) -> u64 {
        let _one_at_a_time = self.0.swap.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.0.active.load().generation + 1;
        self.0.active.store(Arc::new(Active {
            generation,
            set: Arc::new(set),
        }));
        generation
    }

    /// Tells this one of every judgement from now on, besides those that are told already.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observers.rcu(|observers| {
            let mut observers = observers.to_vec();
            observers.push(Arc::clone(&observer));
            observers
        });
    }

    /// The generation of the active set.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.active.load().generation
    }

    /// The active set.
    #[must_use]
    pub fn set(&self) -> Arc<PolicySet> {
        Arc::clone(&self.0.active.load().set)
    }

    /// The engine that evaluates.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Are the peer's credentials acceptable? Asks the validators that judge the request's purpose.
    #[must_use]
    pub fn validate(&self, request: &Arc<Request>) -> Judgement<Verdict> {
        self.judge(&self.0.active.load(), Stage::Validation, request)
    }

    /// Which candidates, in which order? [`Judgement::order`] gives positions in the request's candidates.
    #[must_use]
    pub fn select(&self, request: &Arc<Request>) -> Judgement<Ranking> {
        self.pipeline(&self.0.active.load(), request)
    }

    /// Is what the server states about privacy good enough?
    #[must_use]
    pub fn assess(&self, request: &Arc<Request>) -> Judgement<Verdict> {
        self.judge(&self.0.active.load(), Stage::Privacy, request)
    }

    /// As [`Judge::validate`], by this generation and no other.
    ///
    /// # Errors
    /// When another generation is active.
    pub fn validate_by(
        &self,
        generation: u64,
        request: &Arc<Request>,
    ) -> Result<Judgement<Verdict>, StaleGeneration> {
        let active = self.active(generation)?;
        Ok(self.judge(&active, Stage::Validation, request))
    }

    /// As [`Judge::select`], by this generation and no other.
    ///
    /// # Errors
    /// When another generation is active.
    pub fn select_by(
        &self,
        generation: u64,
        request: &Arc<Request>,
    ) -> Result<Judgement<Ranking>, StaleGeneration> {
        let active = self.active(generation)?;
        Ok(self.pipeline(&active, request))
    }

    /// As [`Judge::assess`], by this generation and no other.
    ///
    /// # Errors
    /// When another generation is active.
    pub fn assess_by(
        &self,
        generation: u64,
        request: &Arc<Request>,
    ) -> Result<Judgement<Verdict>, StaleGeneration> {
        let active = self.active(generation)?;
        Ok(self.judge(&active, Stage::Privacy, request))
    }

    fn active(&self, expected: u64) -> Result<arc_swap::Guard<Arc<Active>>, StaleGeneration> {
        let active = self.0.active.load();
        if active.generation == expected {
            return Ok(active);
        }
        Err(StaleGeneration {
            expected,
            active: active.generation,
        })
    }

    fn judge(&self, active: &Active, stage: Stage, request: &Arc<Request>) -> Judgement<Verdict> {
        let begin = Instant::now();
        let asked = asked(&active.set, stage, request);
        let evaluations = self.evaluate(request, asked, |task, _| task.judge(stage, request));
        let judgement = judgement(stage, request, active, evaluations);
        self.tell(active, request, begin, Answered::Verdicts(&judgement));
        judgement
    }

    fn tell(
        &self,
        active: &Active,
        request: &Arc<Request>,
        begin: Instant,
        answered: Answered<'_>,
    ) {
        let judged = Judged {
            request,
            set: &active.set,
            answered,
            nanoseconds: u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
        };
        for observer in self.0.observers.load().iter() {
            observer.judged(&judged);
        }
    }

    /// Each selector is offered what the last one that binds left.
    fn pipeline(&self, active: &Active, request: &Arc<Request>) -> Judgement<Ranking> {
        let begin = Instant::now();
        let asked = asked(&active.set, Stage::Selection, request);
        // What was left before each position, so that one that monitors sees what it would have been offered.
        let mut left: Vec<Option<Arc<[u32]>>> = vec![None; asked.len() + 1];
        let evaluations = self.evaluate(request, asked, |task, position| {
            let offered = left.get(position).cloned().flatten();
            let done = task.select(request, offered.as_ref());
            if task.binds {
                let order = done
                    .result
                    .as_ref()
                    .ok()
                    .map(|ranking| Arc::from(&*ranking.order));
                let next = order.or(offered);
                left.iter_mut()
                    .skip(position + 1)
                    .for_each(|left| left.clone_from(&next));
            }
            done
        });
        let judgement = judgement(Stage::Selection, request, active, evaluations);
        self.tell(active, request, begin, Answered::Rankings(&judgement));
        judgement
    }

    /// Evaluates those that enforce in order, then those that monitor; the answers stand in the configured order.
    fn evaluate<A>(
        &self,
        request: &Request,
        asked: Vec<Asked<'_>>,
        mut call: impl FnMut(&BindingTask<'_>, usize) -> Done<A>,
    ) -> Vec<Evaluation<A>> {
        if asked.is_empty() {
            return Vec::new();
        }
        let options = self.0.engine.options();
        let milliseconds = options.set_milliseconds;
        let end = Instant::now() + Duration::from_millis(milliseconds.into());
        let time = Time {
            milliseconds,
            setting: "set-milliseconds",
        };
        let nothing = |kind, message: String| {
            let fault = Fault { kind, message };
            asked
                .iter()
                .map(|asked| asked.rule.evaluation(Done::fault(fault.clone())))
                .collect()
        };
        if let Err(error) = request.check() {
            return nothing(FaultKind::InputSize, error.to_string());
        }
        let patience = Duration::from_millis(options.queue_milliseconds.min(milliseconds).into());
        let evaluator = match self.0.is_beside {
            true => self.0.engine.evaluator_beside(patience),
            false => self.0.engine.evaluator(patience),
        };
        let _evaluator = match evaluator {
            Ok(evaluator) => evaluator,
            Err(refused) => return nothing(FaultKind::Overload, refused.to_string()),
        };
        let mut evaluations: Vec<_> = asked.iter().map(|_| None).collect();
        for mode in [Mode::Enforce, Mode::Monitor] {
            let of_mode = asked
                .iter()
                .enumerate()
                .filter(|(_, asked)| asked.rule.mode == mode);
            for (position, asked) in of_mode {
                let Prepared { settings, limits } = asked.prepared;
                let task = Task {
                    policy: &asked.rule.policy,
                    settings,
                    limits,
                    end: Some((end, time)),
                };
                let done = call(
                    &BindingTask {
                        task,
                        binds: mode == Mode::Enforce,
                    },
                    position,
                );
                if let Some(evaluation) = evaluations.get_mut(position) {
                    *evaluation = Some(asked.rule.evaluation(done));
                }
            }
        }
        evaluations.into_iter().flatten().collect()
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.0.active.load();
        f.debug_struct("Judge")
            .field("generation", &active.generation)
            .field("set", &active.set)
            .finish_non_exhaustive()
    }
}

/// A policy that is asked, and how.
struct Asked<'a> {
    rule: &'a Rule,
    prepared: &'a Prepared,
}

/// A task, and whether its answer binds.
struct BindingTask<'a> {
    task: Task<'a>,
    binds: bool,
}

impl<'a> std::ops::Deref for BindingTask<'a> {
    type Target = Task<'a>;

    fn deref(&self) -> &Task<'a> {
        &self.task
    }
}

/// The policies that are asked at this stage.
fn asked<'a>(set: &'a PolicySet, stage: Stage, request: &Request) -> Vec<Asked<'a>> {
    set.prepared()
        .filter(|(rule, _)| rule.is_asked(stage, &request.purpose))
        .map(|(rule, prepared)| Asked { rule, prepared })
        .collect()
}

fn judgement<A: Answer>(
    stage: Stage,
    request: &Request,
    active: &Active,
    evaluations: Vec<Evaluation<A>>,
) -> Judgement<A> {
    let (outcome, lifetime) = combine(stage, &request.usage_profile, &evaluations);
    let (request, generation) = (request.digest(), active.generation);
    Judgement {
        stage,
        request,
        generation,
        outcome,
        lifetime,
        evaluations,
    }
}
