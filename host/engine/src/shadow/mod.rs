//! A set that is tried beside the active one: it judges the same requests, later and on a thread of its own, and binds nobody.

mod trial;

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use resolvet_proto::judgement::{Request, Stage};

use crate::{
    engine::Engine,
    judge::Judge,
    observer::{Answered, Judged, Observer},
    set::PolicySet,
};
pub use trial::{Counts, Departure, PolicyTrial, RecordedTrial, Trial};
use trial::{Origin, Said};

/// Judgements that wait to be tried; those beyond are dropped and counted.
const WAITING: usize = 64;
/// How long recorded questions are asked: live ones wait meanwhile.
const RECORDED: Duration = Duration::from_secs(30);

/// Questions of a log, the oldest first.
pub type RecordedQuestions = Box<dyn Iterator<Item = (Stage, Arc<Request>)> + Send>;

/// What tries sets: an [`Observer`] of the active judge. A clone shares it.
///
/// It has an evaluator of its own, so whatever the tried policies do, those that bind never wait for them.
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
    /// What it is compared with: what another set judged, before or after, says nothing of this trial.
    active: Arc<PolicySet>,
    trial: Trial,
    /// What is asked before anything else.
    recorded: Option<RecordedQuestions>,
}

/// What the thread does.
enum Work {
    /// Look whether there are recorded questions.
    Begin,
    /// Make a judgement again.
    Again(Waiting),
}

/// A judgement that waits to be made again, and the set that made it.
struct Waiting {
    request: Arc<Request>,
    set: Arc<PolicySet>,
    said: Said,
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
                    inner.ask_recorded();
                    if let Work::Again(waiting) = work {
                        inner.try_again(&waiting);
                    }
                }
            })?;
        Ok(Self(inner))
    }

    /// Tries nothing from now on.
    pub fn try_nothing(&self) {
        self.0.try_it(None);
    }

    /// Tries this set from now on, with new counts, on what this active set judges and no other.
    pub fn try_set(&self, set: PolicySet, active: Arc<PolicySet>) {
        self.0.try_it(Some(Tried {
            judge: Judge::beside(&self.0.engine, Arc::new(set)),
            active,
            trial: Trial::default(),
            recorded: None,
        }));
    }

    /// As [`Self::try_set`], and asks both sets these questions first, for at most half a minute.
    pub fn try_recorded(
        &self,
        set: PolicySet,
        active: Arc<PolicySet>,
        questions: RecordedQuestions,
    ) {
        self.0.try_it(Some(Tried {
            judge: Judge::beside(&self.0.engine, Arc::new(set)),
            active,
            // From the first moment on there is something to be asked, or promotion would not wait for it.
            trial: Trial {
                recorded: Some(RecordedTrial::default()),
                ..Trial::default()
            },
            recorded: Some(questions),
        }));
        // Where there is no place in the queue, the thread has work and looks before it.
        let _woken = self.0.queue.try_send(Work::Begin);
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
        if self.0.judge(judged.set).is_none() {
            return;
        }
        let waiting = Waiting {
            request: Arc::clone(judged.request),
            set: Arc::clone(judged.set),
            said: match judged.answered {
                Answered::Verdicts(judgement) => Said::of_verdict(judgement),
                Answered::Rankings(judgement) => Said::of_ranking(judgement),
            },
        };
        if self.0.queue.try_send(Work::Again(waiting)).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inner {
    fn tried(&self) -> MutexGuard<'_, Option<Tried>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_it(&self, tried: Option<Tried>) {
        self.dropped.store(0, Ordering::Relaxed);
        *self.tried() = tried;
    }

    /// What is tried beside this set, if anything.
    fn judge(&self, active: &Arc<PolicySet>) -> Option<Judge> {
        let tried = self.tried();
        let tried = tried.as_ref();
        let tried = tried.filter(|tried| Arc::ptr_eq(&tried.active, active));
        tried.map(|tried| tried.judge.clone())
    }

    fn try_again(&self, waiting: &Waiting) {
        // Another set may be active by now.
        let Some(judge) = self.judge(&waiting.set) else {
            return;
        };
        let active = &waiting.said;
        let tried = said(&judge, active.stage, &waiting.request);
        self.count(&judge, |trial| {
            trial.count(Origin::Live, active, &tried);
        });
    }

    fn ask_recorded(&self) {
        let recorded = self.tried().as_mut().and_then(|tried| {
            let questions = tried.recorded.take()?;
            Some((tried.judge.clone(), Arc::clone(&tried.active), questions))
        });
        let Some((judge, active, questions)) = recorded else {
            return;
        };
        let active = Judge::beside(&self.engine, active);
        let began = Instant::now();
        for (stage, request) in questions {
            if began.elapsed() > RECORDED {
                return;
            }
            let active = said(&active, stage, &request);
            let tried = said(&judge, stage, &request);
            let is_current = self.count(&judge, |trial| {
                trial.count(Origin::Recorded, &active, &tried);
            });
            if !is_current {
                return;
            }
        }
        self.count(&judge, |trial| {
            trial.recorded.get_or_insert_default().is_complete = true;
        });
    }

    /// Counts for the set that was asked. Another may be tried by now: what the one before said does not count for it.
    fn count(&self, asked: &Judge, count: impl FnOnce(&mut Trial)) -> bool {
        let mut tried = self.tried();
        let current = tried
            .as_mut()
            .filter(|tried| Arc::ptr_eq(&tried.judge.set(), &asked.set()));
        let is_current = current.is_some();
        if let Some(current) = current {
            count(&mut current.trial);
        }
        is_current
    }
}

fn said(judge: &Judge, stage: Stage, request: &Arc<Request>) -> Said {
    match stage {
        Stage::Validation => Said::of_verdict(&judge.validate(request)),
        Stage::Privacy => Said::of_verdict(&judge.assess(request)),
        Stage::Selection => Said::of_ranking(&judge.select(request)),
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("trial", &self.trial())
            .finish_non_exhaustive()
    }
}
