//! What policies did since they became active, and whether the newest ones failed too often.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use resolvet_engine::{Answered, Judged, Observer};
use resolvet_proto::judgement::{Digest, Evaluation, FaultKind, Mode};
use tokio::sync::Notify;

use super::protocol::WatchStatus;
use crate::{config, dates::now};

/// Seconds in which faults are counted, if the configuration names none.
const SECONDS: u64 = 600;

/// How often a policy was asked and failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) evaluations: u64,
    pub(super) faults: u64,
}

/// An [`Observer`] of the active judge. A clone shares it.
#[derive(Clone, Default)]
pub(super) struct Counting(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    exceeded: Notify,
}

#[derive(Default)]
struct State {
    policies: BTreeMap<Digest, Count>,
    watch: Option<Watched>,
}

/// A generation whose new policies are watched.
struct Watched {
    generation: u64,
    policies: BTreeSet<Digest>,
    /// By the clock that nobody sets.
    end: Instant,
    until: u64,
    bound: u32,
    faults: u32,
    /// The last fault, in words.
    last: String,
}

impl Counting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which policies are active now. The others are forgotten.
    pub(super) fn retain(&self, active: &BTreeSet<Digest>) {
        let mut state = self.state();
        state.policies.retain(|digest, _| active.contains(digest));
    }

    /// Watches these policies of this generation, which became active at `since`, seconds since 1970; where there are none, no bound
    /// or no time is left, nothing.
    pub(super) fn watch(
        &self,
        generation: u64,
        policies: BTreeSet<Digest>,
        since: u64,
        wish: config::Return,
    ) {
        let seconds = wish.seconds.unwrap_or(SECONDS);
        let now = now();
        // A clock that was set back meanwhile makes it no longer than it was.
        let left = seconds.saturating_sub(now.saturating_sub(since));
        let watched = wish.faults.filter(|_| left > 0 && !policies.is_empty());
        let watched = watched.and_then(|bound| {
            Some(Watched {
                generation,
                policies,
                end: Instant::now().checked_add(Duration::from_secs(left))?,
                until: now.saturating_add(left),
                bound: bound.max(1),
                faults: 0,
                last: String::new(),
            })
        });
        self.state().watch = watched;
    }

    /// Says that the same policies are active as a generation of another number: what is watched goes on.
    pub(super) fn goes_on_as(&self, generation: u64) {
        if let Some(watched) = &mut self.state().watch {
            watched.generation = generation;
        }
    }

    /// What is watched now.
    pub(super) fn watched(&self) -> Option<(WatchStatus, BTreeSet<Digest>)> {
        let state = self.state();
        let watched = state.watch.as_ref()?;
        let status = WatchStatus {
            until: watched.until,
            faults: watched.faults,
            bound: watched.bound,
        };
        let is_over = Instant::now() > watched.end;
        (!is_over).then(|| (status, watched.policies.clone()))
    }

    /// What this policy did.
    pub(super) fn of(&self, digest: &Digest) -> Count {
        let state = self.state();
        state.policies.get(digest).copied().unwrap_or_default()
    }

    /// Waits until the policies of a generation failed too often; then it is watched no longer. Says which, and how.
    pub(super) async fn exceeded(&self) -> (u64, String) {
        loop {
            let exceeded = self.0.exceeded.notified();
            {
                let mut state = self.state();
                let is_exceeded = |watched: &mut Watched| watched.faults >= watched.bound;
                if let Some(watched) = state.watch.take_if(is_exceeded) {
                    let Watched { faults, last, .. } = watched;
                    return (
                        watched.generation,
                        format!("{faults} faults, the last: {last}"),
                    );
                }
            }
            exceeded.await;
        }
    }

    /// `own` says how long a policy may take by itself, nanoseconds.
    fn count<A>(
        &self,
        generation: u64,
        evaluations: &[Evaluation<A>],
        own: impl Fn(&Digest) -> u64,
    ) {
        let mut state = self.state();
        let State { policies, watch } = &mut *state;
        for evaluation in evaluations {
            let count = policies.entry(evaluation.digest).or_default();
            count.evaluations += 1;
            let Err(fault) = &evaluation.result else {
                continue;
            };
            count.faults += 1;
            let is_own = match fault.kind {
                // Of these the machine is the cause, and whoever asks too much.
                FaultKind::Overload | FaultKind::Host => false,
                // Before its own time is over, those that were asked before it had used up what all have together.
                FaultKind::Time => evaluation.nanoseconds >= own(&evaluation.digest),
                _ => true,
            };
            let watch = watch.as_mut().filter(|watched| {
                is_own
                    && evaluation.mode == Mode::Enforce
                    && watched.generation == generation
                    && watched.policies.contains(&evaluation.digest)
                    && Instant::now() <= watched.end
            });
            if let Some(watched) = watch {
                watched.faults = watched.faults.saturating_add(1);
                watched.last = format!("policy `{}`: {}", evaluation.policy, fault.message);
                if watched.faults >= watched.bound {
                    self.0.exceeded.notify_one();
                }
            }
        }
    }
}

impl Observer for Counting {
    fn judged(&self, judged: &Judged<'_>) {
        let generation = judged.answered.generation();
        let own = |digest: &Digest| {
            let limits = judged.set.limits();
            let own = limits.filter(|(rule, _)| rule.policy.digest() == *digest);
            let milliseconds = own.map(|(_, limits)| limits.time_milliseconds).min();
            u64::from(milliseconds.unwrap_or_default()) * 1_000_000
        };
        match judged.answered {
            Answered::Verdicts(judgement) => self.count(generation, &judgement.evaluations, own),
            Answered::Rankings(judgement) => self.count(generation, &judgement.evaluations, own),
        }
    }
}

#[cfg(test)]
mod tests {
    use resolvet_proto::judgement::{Fault, Role, Verdict};

    use super::*;

    /// How long a policy may take by itself.
    const OWN: fn(&Digest) -> u64 = |_| 20_000_000;

    fn fault(kind: FaultKind, mode: Mode, component: &[u8]) -> Evaluation<Verdict> {
        Evaluation {
            policy: "rule".into(),
            version: "1".into(),
            digest: Digest::of(component),
            mode,
            role: Role::Restriction,
            result: Err(Fault {
                kind,
                message: "no".into(),
            }),
            log: vec![],
            signatures: vec![],
            nanoseconds: 0,
        }
    }

    #[tokio::test]
    async fn faults_of_new_policies_that_bind_count_and_no_others() {
        let counting = Counting::default();
        let policies = BTreeSet::from([Digest::of(b"new")]);
        let wish = config::Return {
            faults: Some(2),
            seconds: None,
        };
        counting.watch(7, policies, now(), wish);
        for (generation, kind, mode, component) in [
            (6, FaultKind::Trap, Mode::Enforce, b"new"),
            (7, FaultKind::Overload, Mode::Enforce, b"new"),
            // It was not even asked, since the time of all was over.
            (7, FaultKind::Time, Mode::Enforce, b"new"),
            (7, FaultKind::Trap, Mode::Monitor, b"new"),
            (7, FaultKind::Trap, Mode::Enforce, b"old"),
        ] {
            counting.count(generation, &[fault(kind, mode, component)], OWN);
        }
        assert_eq!(counting.watched().map(|(status, _)| status.faults), Some(0));
        assert_eq!(counting.of(&Digest::of(b"new")).faults, 4);
        let trap = fault(FaultKind::Trap, Mode::Enforce, b"new");
        let late = Evaluation {
            nanoseconds: OWN(&trap.digest),
            ..fault(FaultKind::Time, Mode::Enforce, b"new")
        };
        counting.count(7, &[trap, late], OWN);
        let (generation, reason) = counting.exceeded().await;
        assert_eq!(generation, 7);
        assert_eq!(reason, "2 faults, the last: policy `rule`: no");
        assert!(counting.watched().is_none());
    }

    #[test]
    fn nothing_is_watched_unless_it_is_wanted_and_only_for_a_time() {
        let counting = Counting::default();
        let policies = BTreeSet::from([Digest::of(b"new")]);
        counting.watch(7, policies.clone(), now(), config::Return::default());
        assert!(counting.watched().is_none());
        let wish = config::Return {
            faults: Some(1),
            seconds: Some(60),
        };
        counting.watch(7, policies.clone(), now() - 60, wish);
        counting.count(7, &[fault(FaultKind::Trap, Mode::Enforce, b"new")], OWN);
        assert!(counting.watched().is_none());
        counting.watch(7, policies.clone(), now() - 50, wish);
        let (status, watched) = counting.watched().unwrap();
        assert!(status.until <= now() + 10);
        assert_eq!(watched, policies);
    }
}
