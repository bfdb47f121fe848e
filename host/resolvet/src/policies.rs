//! The active policy set, watched by every attachment.

use std::sync::Arc;

use resolvet_engine::{Engine, Judge, Observer, PolicySet};
use tokio::sync::watch;

/// The active policy set. A clone shares it.
#[derive(Clone)]
pub struct Policies {
    judge: Judge,
    generation: Arc<watch::Sender<u64>>,
}

impl Policies {
    /// Makes this set the first generation.
    #[must_use]
    pub fn new(engine: &Engine, set: PolicySet) -> Self {
        Self::observed(engine, set, Vec::new())
    }

    /// As [`Policies::new`]; each of these is told of every judgement.
    #[must_use]
    pub fn observed(engine: &Engine, set: PolicySet, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self::resumed(engine, set, 1, observers)
    }

    /// As [`Policies::observed`]; the first generation has this number.
    #[must_use]
    pub fn resumed(
        engine: &Engine,
        set: PolicySet,
        generation: u64,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Self {
        let judge = Judge::resumed(engine, set, generation, observers);
        let (generation, _) = watch::channel(judge.generation());
        Self {
            judge,
            generation: Arc::new(generation),
        }
    }

    /// Makes this set the active one and says its generation. Every attachment judges its server again by it; what is not
    /// accepted within two seconds is withdrawn.
    pub fn swap(&self, set: PolicySet) -> u64 {
        let generation = self.judge.swap(set);
        self.generation.send_replace(generation);
        generation
    }

    /// What evaluates the active set.
    #[must_use]
    pub const fn judge(&self) -> &Judge {
        &self.judge
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}
