//! The thread that counts time for all evaluations.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::Engine;

/// How long a tick is: the precision with which an evaluation ends.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without an evaluation after which the thread rests, so that an idle device is not woken a thousand times a second.
const IDLE_TICKS: u32 = 500;

/// Counts epochs while anything is evaluated.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Evaluations under way.
    active: AtomicUsize,
    /// The thread rests or is about to.
    resting: AtomicBool,
    /// The engine is dropped.
    stop: AtomicBool,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("resolvet-ticker".into())
            .spawn({
                let (shared, engine) = (Arc::clone(&shared), engine.clone());
                move || run(&shared, &engine)
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Time is counted for as long as the guard lives. No system call unless the thread rested.
    pub(crate) fn count(&self) -> Counting<'_> {
        self.shared.active.fetch_add(1, Ordering::SeqCst);
        // Either we see that it rests, or it sees us before it does.
        if self.shared.resting.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Counting(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends within a tick; a panic there has nobody to hear it.
            drop(thread.join());
        }
    }
}

/// Keeps the ticker awake.
pub(crate) struct Counting<'a>(&'a Shared);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run(shared: &Shared, engine: &Engine) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        if shared.active.load(Ordering::SeqCst) > 0 {
            idle = 0;
            continue;
        }
        idle += 1;
        if idle < IDLE_TICKS {
            continue;
        }
        shared.resting.store(true, Ordering::SeqCst);
        if shared.active.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        shared.resting.store(false, Ordering::SeqCst);
        idle = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Waits for what another thread does, and says whether it came.
    fn comes(what: impl Fn() -> bool) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            if what() {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    #[test]
    fn the_thread_rests_when_nothing_is_evaluated_and_wakes_again() {
        let ticker = Ticker::start(&Engine::default()).unwrap();
        let resting = || ticker.shared.resting.load(Ordering::SeqCst);
        assert!(comes(resting));
        let counting = ticker.count();
        assert!(comes(|| !resting()));
        drop(counting);
        assert!(comes(resting));
    }
}
