//! The one way to another policy set: what was loaded is written down, then swapped in, then told.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::{Arc, MutexGuard, PoisonError},
};

use resolvet::{Difference, decisions::Detail};
use resolvet_engine::{PolicySet, Reason, Shadow};
use resolvet_proto::judgement::Digest;
use tokio::sync::OwnedMutexGuard;

use super::{
    Daemon,
    book::{Book, By, Entry},
    lifting::Lifted,
    loading::{Ask, BINDS_AGAIN, Loading, Sets, Source},
    protocol::{ChangeReport, VERSION},
    recorded,
    refusal::{OrRefuse as _, Refusal},
    wish,
};
use crate::{
    config::{self, Config},
    dates::now,
    delivery::{Answers, Asking},
    lives::Life,
};

/// Recorded decisions that are asked first, if the configuration says nothing.
const RECORDED: usize = 1_000;

/// Who or what wants a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) by: By,
    /// The user at the control socket.
    pub(super) user: Option<u32>,
}

impl Asked {
    /// Nobody at the control socket.
    pub(super) const fn by(by: By) -> Self {
        Self { by, user: None }
    }
}

/// What the configuration that was loaded last says about changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) promotion: config::Promotion,
    pub(super) back: config::Return,
    pub(super) break_glass: config::BreakGlass,
}

impl Terms {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            promotion: config.policies.promotion,
            back: config.policies.back,
            break_glass: config.policies.break_glass,
        }
    }
}

/// What a status tells, for while a change goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) book: Book,
    pub(super) lives: BTreeMap<Digest, Life>,
}

impl Known {
    pub(super) fn of(loading: &Loading, sets: &[Arc<PolicySet>]) -> Self {
        let digests = sets.iter().flat_map(|set| set.rules());
        let digests = digests.map(|rule| rule.policy.digest());
        let lives = digests.filter_map(|digest| {
            let life = loading.loader().lives().get(&digest)?;
            Some((digest, life.clone()))
        });
        Self {
            book: loading.book().clone(),
            lives: lives.collect(),
        }
    }
}

/// Tries a set beside this active one, with so many of the last recorded questions of the log that the daemon began with.
pub(super) fn begin_trial(
    shadow: &Shadow,
    (tried, active): (Option<PolicySet>, Arc<PolicySet>),
    first: &Config,
    count: Option<usize>,
) {
    let count = count.unwrap_or(RECORDED);
    let log = first.decisions.options();
    let log = log.filter(|log| log.record == Detail::Full);
    match (tried, log) {
        (Some(tried), Some(log)) if count > 0 => {
            let questions = recorded::last(log, count);
            shadow.try_recorded(tried, active, Box::new(questions));
        }
        (Some(tried), _) => shadow.try_set(tried, active),
        (None, _) => shadow.try_nothing(),
    }
}

impl Daemon {
    pub(super) fn terms(&self) -> MutexGuard<'_, Terms> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what takes its time beside the event loop, which answers meanwhile. What is refused is told and noted.
    pub(super) async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        mut loading: OwnedMutexGuard<Loading>,
        asked: Asked,
        work: impl FnOnce(&Self, &mut Loading) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(OwnedMutexGuard<Loading>, T), Refusal> {
        let daemon = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&daemon, &mut loading);
            if let Err(refusal) = &done {
                daemon.refused(&mut loading, asked, refusal);
            }
            (loading, done)
        });
        let (loading, done) = done.await.map_err(|error| Refusal {
            code: Reason::Failed,
            reason: error.to_string(),
        })?;
        Ok((loading, done?))
    }

    /// Tells and notes what was refused.
    pub(super) fn refused(&self, loading: &mut Loading, asked: Asked, refusal: &Refusal) {
        let generation = self.policies.judge().generation();
        let failed_at = loading.failed_at();
        let Asked { by, user } = asked;
        loading.refused((by, user), generation, refusal, failed_at, &self.output);
        self.note(loading);
        let Refusal { code, reason } = refusal;
        let by = asked.by.in_words();
        self.output.log(&format!(
            "{by} was refused ({code}), nothing changed: {reason}"
        ));
        if matches!(
            asked.by,
            By::Watch | By::Signal | By::Control | By::Registry
        ) {
            let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
            active.refusal = Some(refusal.clone());
        }
    }

    /// Makes a set active. It is on disk before: whatever happens in between, the next start has a complete set.
    pub(super) fn activate(
        &self,
        loading: &mut Loading,
        sets: Sets,
        difference: &Difference,
        asked: Asked,
        why: &str,
    ) -> Result<u64, Refusal> {
        let judge = self.policies.judge();
        let back = self.terms().back;
        let is_other = !difference.is_none();
        let noted = judge.generation() + u64::from(is_other);
        let Asked { by, user } = asked;
        let is_noted = is_other || loading.stands_otherwise(&sets);
        let entry = is_noted.then(|| Entry {
            reason: why.to_owned(),
            ..Entry::done(by, user, noted, difference)
        });
        let less = match &*self.lifted() {
            Some(lifted) if is_other => lifted.less(&sets.set),
            _ => None,
        };
        let is_lifted = less.is_some();
        let kept = loading.keep(&sets, noted, is_lifted, entry, &self.output);
        kept.or_refuse(Reason::StateUnusable)?;
        // From here on nothing can be refused.
        let Sets {
            set, tried, source, ..
        } = sets;
        let mut lifted = self.lifted();
        // What was lifted may have come to its end meanwhile, which is a generation of its own.
        let generation = match is_other {
            true => {
                let less = less.filter(|_| lifted.is_some());
                self.swap(&mut lifted, set, less)
            }
            false => judge.generation(),
        };
        if is_other {
            let watched = match source {
                Source::Configuration => difference.news().collect(),
                Source::Kept | Source::RolledBack => BTreeSet::new(),
            };
            self.counting.watch(generation, watched, now(), back);
        }
        // While something is lifted every restriction would look like a difference.
        let tried = match &mut *lifted {
            Some(lifted) => {
                lifted.try_later(tried, loading.loads());
                None
            }
            None => tried,
        };
        drop(lifted);
        if is_other && generation != noted {
            let entry = Entry {
                reason: BINDS_AGAIN.to_owned(),
                ..Entry::done(by, user, generation, &Difference::default())
            };
            if let Err(error) = loading.lift(generation, false, entry) {
                self.output.log(&format!(
                    "generation {generation} is not written down: {error:#}"
                ));
            }
        }
        self.try_beside(tried, is_other);
        loading.forget_others(&self.used());
        let active = judge.set();
        let digests = active.rules().iter().map(|rule| rule.policy.digest());
        self.counting.retain(&digests.collect());
        let ended = match source {
            Source::Configuration => loading.ended().to_vec(),
            Source::Kept | Source::RolledBack => Vec::new(),
        };
        let mut told = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever sees the generation of a reload sees no trouble of before.
        if matches!(by, By::Watch | By::Signal | By::Control | By::Registry) {
            told.refusal = None;
        }
        told.source = source;
        told.ended.clone_from(&ended);
        if is_other {
            told.at = now();
        }
        drop(told);
        self.note(loading);
        let by = asked.by.in_words();
        let why = match why {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        self.output.log(&format!(
            "loaded by {by}{why}: policy generation {generation}"
        ));
        for ended in ended {
            self.output.log(&ended);
        }
        Ok(generation)
    }

    /// The active set, and the one that is tried beside it.
    fn used(&self) -> Vec<Arc<PolicySet>> {
        let active = self.policies.judge().set();
        iter::once(active).chain(self.shadow.set()).collect()
    }

    /// Remembers what a status tells.
    pub(super) fn note(&self, loading: &Loading) {
        let known = Arc::new(Known::of(loading, &self.used()));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Tries this set beside the active one; what was counted goes on when neither changed.
    pub(super) fn try_beside(&self, tried: Option<PolicySet>, active_changed: bool) {
        let before = self.shadow.set();
        let is_same = match (&before, &tried) {
            (Some(before), Some(tried)) => Difference::between(before, tried).is_none(),
            (None, None) => true,
            _ => false,
        };
        if is_same && !active_changed {
            return;
        }
        let mut told = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        told.tried_at = now();
        drop(told);
        let active = self.policies.judge().set();
        let count = self.terms().promotion.recorded;
        // The log that is written: its section counts from the start on.
        begin_trial(&self.shadow, (tried, active), &self.first, count);
    }

    /// Has the version that is tried beside this policy, or all of them, take the place of what it is tried beside.
    pub(super) async fn promote(
        self: &Arc<Self>,
        asked: Asked,
        policy: Option<String>,
        tried: Option<Arc<PolicySet>>,
    ) -> Result<ChangeReport, Refusal> {
        let promote = move |daemon: &Self, loading: &mut Loading| {
            let now_tried = daemon.shadow.set();
            let is_another = tried.is_some_and(|tried| {
                now_tried.is_none_or(|now_tried| !Arc::ptr_eq(&tried, &now_tried))
            });
            if is_another {
                return Err(Refusal {
                    code: Reason::NothingShadowed,
                    reason: "another version is tried by now".into(),
                });
            }
            daemon.is_tried()?;
            let wish = wish(&daemon.arguments).or_refuse(Reason::Configuration)?;
            // What was tried is there; nobody is to wait for a registry that may have something else by now.
            let looked_at = (Ask::Promoted(policy.as_deref()), Asking::Nothing);
            let sets = loading.sets_with(&wish, looked_at, Answers::new(), &daemon.output);
            daemon.change(loading, sets.or_refuse(Reason::Failed)?, asked, "")
        };
        let loading = Arc::clone(&self.loading).lock_owned().await;
        let (_, report) = self.beside(loading, asked, promote).await?;
        Ok(report)
    }

    /// Whether there is a version that is tried beside what the configuration says. After a roll-back it was tried before.
    fn is_tried(&self) -> Result<(), Refusal> {
        let reason = match self.active().source {
            Source::RolledBack => return Ok(()),
            Source::Configuration => {
                let is_later = self.lifted().as_ref().is_some_and(Lifted::tries_later);
                if is_later || self.shadow.set().is_some() {
                    return Ok(());
                }
                "no version is tried beside a policy: name one that is not in use already as `shadow` in its `[[policy]]`"
            }
            Source::Kept => {
                "no version is tried while the last complete set judges: `resolvet policy reload` first"
            }
        };
        Err(Refusal {
            code: Reason::NothingShadowed,
            reason: reason.into(),
        })
    }

    /// Goes back to this generation, or to the one before.
    pub(super) async fn roll_back(
        self: &Arc<Self>,
        asked: Asked,
        to: Option<u64>,
    ) -> Result<ChangeReport, Refusal> {
        let loading = Arc::clone(&self.loading).lock_owned().await;
        self.roll_back_with(loading, asked, to, String::new()).await
    }

    /// Goes back to the generation before this one, if it is still active, for this reason.
    pub(super) async fn return_from(
        self: &Arc<Self>,
        generation: u64,
        why: String,
    ) -> Option<Result<ChangeReport, Refusal>> {
        let loading = Arc::clone(&self.loading).lock_owned().await;
        if self.policies.judge().generation() != generation {
            return None;
        }
        let asked = Asked::by(By::AutomaticReturn);
        Some(self.roll_back_with(loading, asked, None, why).await)
    }

    async fn roll_back_with(
        self: &Arc<Self>,
        loading: OwnedMutexGuard<Loading>,
        asked: Asked,
        to: Option<u64>,
        why: String,
    ) -> Result<ChangeReport, Refusal> {
        let roll_back = move |daemon: &Self, loading: &mut Loading| {
            // A configuration that cannot be read now must not prevent it.
            let wish = wish(&daemon.arguments).ok();
            let configured = wish.and_then(|wish| {
                let named = loading.configured(&wish, &daemon.output);
                named.ok()
            });
            let profile = daemon.active().profile;
            let base = daemon.base();
            let wanted = (asked.by, &profile);
            let sets = loading.generation(to, wanted, &base, configured, &daemon.output);
            daemon.change(loading, sets.or_refuse(Reason::Failed)?, asked, &why)
        };
        let (_, report) = self.beside(loading, asked, roll_back).await?;
        Ok(report)
    }

    fn change(
        &self,
        loading: &mut Loading,
        sets: Sets,
        asked: Asked,
        why: &str,
    ) -> Result<ChangeReport, Refusal> {
        let policies = Difference::between(&self.base(), &sets.set);
        let restores = sets.restores();
        let generation = self.activate(loading, sets, &policies, asked, why)?;
        Ok(ChangeReport {
            version: VERSION,
            generation,
            policies,
            restores,
        })
    }
}
