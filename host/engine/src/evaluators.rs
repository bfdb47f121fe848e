//! How many evaluate at the same time, and how many may wait.

use std::{
    fmt,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A number of evaluators, and a bounded queue before them.
pub(crate) struct Evaluators {
    free: AtomicUsize,
    waiting: AtomicUsize,
    queue: usize,
    lock: Mutex<()>,
    freed: Condvar,
}

/// Why no evaluator was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So many wait already.
    Queue(usize),
    /// None came free in this time.
    Late(Duration),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(count) => {
                write!(
                    f,
                    "{count} judgements wait for an evaluator, more may not (`queue`, `evaluators`)"
                )
            }
            Self::Late(patience) => {
                let milliseconds = patience.as_millis();
                write!(
                    f,
                    "no evaluator came free within {milliseconds} ms (`queue-milliseconds`, `evaluators`)"
                )
            }
        }
    }
}

impl Evaluators {
    pub(crate) fn new(count: usize, queue: usize) -> Self {
        Self {
            free: AtomicUsize::new(count),
            waiting: AtomicUsize::new(0),
            queue,
            lock: Mutex::new(()),
            freed: Condvar::new(),
        }
    }

    /// An evaluator, at once or after at most `patience`. Without a wait there is no lock and no system call.
    pub(crate) fn acquire(&self, patience: Duration) -> Result<Permit<'_>, Refused> {
        if self.take() {
            return Ok(Permit(self));
        }
        let ahead = self.waiting.fetch_add(1, Ordering::SeqCst);
        let permit = if ahead < self.queue {
            self.wait(patience)
        } else {
            Err(Refused::Queue(ahead))
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        permit
    }

    fn wait(&self, patience: Duration) -> Result<Permit<'_>, Refused> {
        let begin = Instant::now();
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.take() {
                return Ok(Permit(self));
            }
            let Some(left) = patience.checked_sub(begin.elapsed()) else {
                return Err(Refused::Late(patience));
            };
            (guard, _) = self
                .freed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take(&self) -> bool {
        self.free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| {
                free.checked_sub(1)
            })
            .is_ok()
    }
}

/// An evaluator; it is free again when this is dropped.
pub(crate) struct Permit<'a>(&'a Evaluators);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::SeqCst);
        // One who waits has counted itself before it looked, so either it sees what is free or we see it.
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn beyond_the_queue_the_answer_comes_at_once() {
        let evaluators = Evaluators::new(1, 0);
        let permit = evaluators.acquire(LONG).unwrap();
        assert_eq!(evaluators.acquire(LONG).err(), Some(Refused::Queue(0)));
        drop(permit);
        assert!(evaluators.acquire(LONG).is_ok());
    }

    #[test]
    fn patience_ends() {
        let evaluators = Evaluators::new(1, 1);
        let _permit = evaluators.acquire(LONG).unwrap();
        let patience = Duration::from_millis(10);
        assert_eq!(
            evaluators.acquire(patience).err(),
            Some(Refused::Late(patience))
        );
        assert_eq!(evaluators.waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn everybody_who_waits_is_served() {
        let evaluators = Evaluators::new(2, 16);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        drop(evaluators.acquire(LONG).unwrap());
                    }
                });
            }
        });
        assert_eq!(evaluators.free.load(Ordering::SeqCst), 2);
    }
}
