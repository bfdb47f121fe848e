//! Answers that are kept, bounded by octets; what several ask at once is fetched once.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache as Quick};
use resolvet_proto::stub::{Asked, Kept, Word};

use crate::clock;

/// Octets that an entry is expected to have, by which the table is laid out.
const EXPECTED: usize = 512;

/// Answers by question.
pub(super) struct Cache(Quick<Vec<u8>, Arc<Kept>, Octets>);

#[derive(Clone)]
struct Octets;

impl Weighter<Vec<u8>, Arc<Kept>> for Octets {
    fn weight(&self, key: &Vec<u8>, kept: &Arc<Kept>) -> u64 {
        u64::try_from(key.len() + kept.weight()).unwrap_or(u64::MAX)
    }
}

/// An answer, and whether it was there already.
pub(super) struct Found {
    pub(super) kept: Arc<Kept>,
    pub(super) is_hit: bool,
}

impl Cache {
    /// A cache of at most so many octets.
    pub(super) fn new(octets: usize) -> Self {
        let items = (octets / EXPECTED).max(1);
        Self(Quick::with_weighter(
            items,
            u64::try_from(octets).unwrap_or(u64::MAX),
            Octets,
        ))
    }

    /// Octets in use.
    pub(super) fn octets(&self) -> u64 {
        self.0.weight()
    }

    /// Answers that are kept.
    pub(super) fn entries(&self) -> usize {
        self.0.len()
    }

    /// The answer that is kept, or the one that is fetched now, for all who ask the same meanwhile.
    pub(super) async fn get_or_fetch<F>(
        &self,
        asked: &Asked<'_>,
        word: impl Fn() -> Word,
        fetch: impl FnOnce() -> F,
    ) -> Found
    where
        F: Future<Output = Kept>,
    {
        let key = asked.key();
        let arrived = clock::now().boot;
        loop {
            match self.0.get_value_or_guard_async(key.as_slice()).await {
                Ok(kept) if kept.serves(clock::now().boot, arrived, word()) => {
                    return Found { kept, is_hit: true };
                }
                Ok(_) => {
                    let ended = |kept: &Arc<Kept>| !kept.serves(clock::now().boot, arrived, word());
                    self.0.remove_if(key.as_slice(), ended);
                }
                Err(guard) => {
                    let kept = Arc::new(fetch().await);
                    // One that is larger than the cache is given and not kept.
                    let _too_large = guard.insert(Arc::clone(&kept));
                    return Found {
                        kept,
                        is_hit: false,
                    };
                }
            }
        }
    }
}
