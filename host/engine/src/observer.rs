//! The one place through which the record of every judgement passes.

use std::sync::Arc;

use resolvet_proto::judgement::{Judgement, Ranking, Request, Verdict};

/// Is told of every judgement, on the thread that made it and before it counts: what takes time belongs elsewhere.
pub trait Observer: Send + Sync {
    /// This was judged.
    fn judged(&self, record: Record<'_>);
}

/// A request and what was said of it, each policy's evaluation included.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Record<'a> {
    /// Of credentials or of privacy.
    Verdict(&'a Arc<Request>, &'a Judgement<Verdict>),
    /// Of candidates.
    Ranking(&'a Arc<Request>, &'a Judgement<Ranking>),
}
