//! Break-glass: an operator lifts restrictions for a time.
//!
//! It is a generation of its own, so what is in use is judged again when it begins and when it ends, and records tell of it. It ends by the
//! clock that is first, the wall's or the one that counts since the system started, and with the process: a daemon that starts anew has all
//! restrictions in force.

use std::sync::{Arc, MutexGuard, PoisonError};

use resolvet::Difference;
use resolvet_engine::{Lift, PolicySet, Reason};

use super::{
    Daemon,
    book::{By, Entry},
    changing::Asked,
    loading::Loading,
    protocol::{LiftReport, LiftStatus, VERSION},
    refusal::{OrRefuse as _, Refusal},
};
use crate::{
    commands::do_or_does,
    config,
    dates::{date_time, now, since_boot},
};

/// Seconds at most, if the configuration says nothing.
const LONGEST: u64 = 3_600;
/// Characters of a reason.
const REASON: usize = 300;

/// What is lifted now.
#[derive(Debug)]
pub(super) struct Lifted {
    lift: Lift,
    /// When it began, seconds since 1970.
    since: u64,
    /// When it ends, seconds since the system started.
    ends: u64,
    /// The set without it.
    base: Arc<PolicySet>,
    /// What was tried beside it: nothing is meanwhile, since every restriction would look like a difference.
    tried: Option<Arc<PolicySet>>,
    /// How many sets had been loaded when that was so.
    loads: u64,
}

/// What an operator asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) policies: Vec<String>,
    pub(super) reason: String,
    pub(super) seconds: u64,
}

impl Lifted {
    /// This set less what is lifted of it; `None` when that is nothing.
    pub(super) fn less(&self, set: &PolicySet) -> Option<PolicySet> {
        set.lifted(self.lift.clone())
    }

    /// Tries this set when it has ended, unless another was loaded since.
    pub(super) fn try_later(&mut self, tried: Option<PolicySet>, loads: u64) {
        self.tried = tried.map(Arc::new);
        self.loads = loads;
    }

    /// Whether something is tried again when it has ended.
    pub(super) const fn tries_later(&self) -> bool {
        self.tried.is_some()
    }

    /// Seconds that are left, by the clock that ends it first.
    fn left(&self) -> u64 {
        let wall = self.lift.until.saturating_sub(now());
        // A wall clock that was set back must not prolong it, one that was set forward may shorten it.
        wall.min(self.ends.saturating_sub(since_boot()))
    }
}

impl Wanted {
    /// Whether it may be, by what the configuration allows.
    fn check(&self, allowed: config::BreakGlass) -> Result<(), Refusal> {
        let refuse = |code, reason: String| Err(Refusal { code, reason });
        let length = self.reason.chars().count();
        let is_said = !self.reason.trim().is_empty() && !self.reason.contains(char::is_control);
        if !is_said || length > REASON {
            let text =
                format!("expected a reason of 1 to {REASON} printable characters, came {length}");
            return refuse(Reason::LiftWithoutReason, text);
        }
        let longest = allowed.longest_seconds.unwrap_or(LONGEST);
        let came = self.seconds;
        if came == 0 || came > longest {
            let text = format!(
                "expected 1 to {longest} seconds (`longest-seconds` in `[policies.break-glass]`), came {came}"
            );
            return refuse(Reason::LiftTooLong, text);
        }
        Ok(())
    }
}

impl Daemon {
    /// What is lifted now. Held while the active set is replaced, and never while the disk or another lock is waited for: a status and
    /// the end of what is lifted wait for it.
    pub(super) fn lifted(&self) -> MutexGuard<'_, Option<Lifted>> {
        self.lifted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active set as it is when nothing is lifted.
    pub(super) fn base(&self) -> Arc<PolicySet> {
        let lifted = self.lifted();
        let base = lifted.as_ref().map(|lifted| Arc::clone(&lifted.base));
        base.unwrap_or_else(|| self.policies.judge().set())
    }

    /// What a status tells of it.
    pub(super) fn lift_status(&self) -> Option<LiftStatus> {
        let lifted = self.lifted();
        lifted.as_ref().map(|lifted| LiftStatus {
            since: lifted.since,
            remaining: lifted.left(),
            lift: lifted.lift.clone(),
        })
    }

    /// Makes this set active: as it is `less` what is lifted of it, where something is. The number of its generation.
    pub(super) fn swap(
        &self,
        lifted: &mut Option<Lifted>,
        set: PolicySet,
        less: Option<PolicySet>,
    ) -> u64 {
        match (less, &mut *lifted) {
            (Some(less), Some(lifted)) => {
                lifted.base = Arc::new(set);
                self.policies.swap(less)
            }
            // Nothing of the new set is what was to be lifted.
            _ => {
                *lifted = None;
                self.policies.swap(set)
            }
        }
    }

    /// Lifts restrictions for a time.
    pub(super) async fn lift(
        self: &Arc<Self>,
        asked: Asked,
        wanted: Wanted,
    ) -> Result<LiftReport, Refusal> {
        let loading = Arc::clone(&self.loading).lock_owned().await;
        let lift =
            move |daemon: &Self, loading: &mut Loading| daemon.lift_now(loading, asked, wanted);
        let (_, report) = self.beside(loading, asked, lift).await?;
        Ok(report)
    }

    fn lift_now(
        &self,
        loading: &mut Loading,
        asked: Asked,
        wanted: Wanted,
    ) -> Result<LiftReport, Refusal> {
        wanted.check(self.terms().break_glass)?;
        // Nothing else begins to lift or loads another set as long as `loading` is held.
        if self.lifted().is_some() {
            return Err(Refusal {
                code: Reason::LiftedAlready,
                reason:
                    "restrictions are lifted already: end that first (`resolvet break-glass --end`)"
                        .into(),
            });
        }
        let base = self.policies.judge().set();
        let policies = base.liftable(&wanted.policies).map_err(|error| Refusal {
            code: error.reason(),
            reason: error.to_string(),
        })?;
        let lift = Lift {
            reason: wanted.reason,
            user: asked.user.unwrap_or_default(),
            until: now().saturating_add(wanted.seconds),
            policies,
        };
        let set = base.lifted(lift.clone()).ok_or(Refusal {
            code: Reason::NothingToLift,
            reason: "no policy binds as a restriction".into(),
        })?;
        let generation = self.policies.judge().generation().saturating_add(1);
        let difference = Difference::between(&base, &set);
        let text = format!("{}, until {}", lift.reason, date_time(lift.until));
        let entry = Entry {
            reason: text.clone(),
            ..Entry::done(asked.by, asked.user, generation, &difference)
        };
        loading
            .lift(generation, true, entry)
            .or_refuse(Reason::StateUnusable)?;
        // From here on nothing can be refused.
        let mut lifted = self.lifted();
        self.policies.swap(set);
        self.counting.goes_on_as(generation);
        let tried = self.shadow.set();
        self.shadow.try_nothing();
        let status = LiftStatus {
            since: now(),
            remaining: wanted.seconds,
            lift: lift.clone(),
        };
        self.output.warn(&format!(
            "break-glass by user {}: {} {} not bind until {}: {}; policy generation {generation}",
            lift.user,
            lift.policies.join(", "),
            do_or_does(&lift),
            date_time(lift.until),
            lift.reason
        ));
        *lifted = Some(Lifted {
            lift,
            since: now(),
            ends: since_boot().saturating_add(wanted.seconds),
            base,
            tried,
            loads: loading.loads(),
        });
        drop(lifted);
        self.note(loading);
        Ok(LiftReport {
            version: VERSION,
            generation,
            lift: Some(status),
        })
    }

    /// Whether what is lifted has come to its end.
    pub(super) fn is_lift_over(&self) -> bool {
        self.lifted()
            .as_ref()
            .is_some_and(|lifted| lifted.left() == 0)
    }

    /// Ends it: all restrictions bind at once, whatever else goes on; it is written down as soon as that is possible.
    pub(super) async fn end_lift(
        self: &Arc<Self>,
        user: Option<u32>,
    ) -> Result<LiftReport, Refusal> {
        let asked = Asked {
            by: By::BreakGlassEnd,
            user,
        };
        let (lifted, generation, difference) = {
            let mut lifted = self.lifted();
            let before = self.policies.judge().set();
            let Some(ended) = lifted.take() else {
                return Err(Refusal {
                    code: Reason::NotLifted,
                    reason: "no restriction is lifted".into(),
                });
            };
            let difference = Difference::between(&before, &ended.base);
            let generation = self.policies.swap((*ended.base).clone());
            self.counting.goes_on_as(generation);
            (ended, generation, difference)
        };
        let why = match user {
            Some(user) => format!("ended by user {user}"),
            None => "its time is over".to_owned(),
        };
        self.output.warn(&format!(
            "break-glass: {why}; all policies bind again, policy generation {generation}"
        ));
        let entry = Entry {
            reason: why,
            ..Entry::done(asked.by, user, generation, &difference)
        };
        let loading = Arc::clone(&self.loading).lock_owned().await;
        let note = move |daemon: &Self, loading: &mut Loading| {
            let noted = loading.lift(generation, false, entry);
            // Unless another is tried since then, or another set is active.
            let is_active = daemon.policies.judge().generation() == generation;
            let is_as_before = is_active && loading.loads() == lifted.loads;
            if let Some(tried) = lifted.tried.filter(|_| is_as_before) {
                daemon.try_beside(Some((*tried).clone()), true);
            }
            daemon.note(loading);
            noted.or_refuse(Reason::StateUnusable)
        };
        self.beside(loading, asked, note).await?;
        Ok(LiftReport {
            version: VERSION,
            generation,
            lift: None,
        })
    }
}
