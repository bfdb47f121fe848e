//! Who is told of judgements: a decision log, metrics.

use std::sync::Arc;

use resolvet_proto::judgement::{DecisionId, Judgement, Outcome, Ranking, Request, Stage, Verdict};

use crate::set::PolicySet;

/// Is told of each judgement, by the thread that made it and before the judgement is used. It must not wait for anything.
pub trait Observer: Send + Sync {
    /// This was judged.
    fn judged(&self, judged: &Judged<'_>);
}

/// A judgement and what it was made of.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// What was asked.
    pub request: &'a Arc<Request>,
    /// Who was asked.
    pub set: &'a Arc<PolicySet>,
    /// What was answered.
    pub answered: Answered<'a>,
    /// How long the whole judgement took, waiting for an evaluator included.
    pub nanoseconds: u64,
}

/// A judgement of either kind.
#[derive(Debug, Clone, Copy)]
pub enum Answered<'a> {
    /// Of validation or privacy.
    Verdicts(&'a Judgement<Verdict>),
    /// Of selection.
    Rankings(&'a Judgement<Ranking>),
}

impl Answered<'_> {
    /// The decision's name.
    #[must_use]
    pub fn id(&self) -> DecisionId {
        match self {
            Self::Verdicts(judgement) => judgement.id(),
            Self::Rankings(judgement) => judgement.id(),
        }
    }

    /// At which stage.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Verdicts(judgement) => judgement.stage,
            Self::Rankings(judgement) => judgement.stage,
        }
    }

    /// By which generation.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        match self {
            Self::Verdicts(judgement) => judgement.generation,
            Self::Rankings(judgement) => judgement.generation,
        }
    }

    /// What followed.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Verdicts(judgement) => judgement.outcome,
            Self::Rankings(judgement) => judgement.outcome,
        }
    }
}
