//! One call of one policy, on an instance of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use resolvet_proto::judgement::{
    Fault, FaultKind, LogLine, Ranking, Request, Stage, Verdict, VerifiedSignature,
};
use wasmtime::{Engine, Store};

use crate::{
    answer,
    bindings::{privacy::Privacy, selection::Selection, validation::Validation},
    fault,
    fault::Time,
    limits::Limits,
    policy::Policy,
    state::{Broken, Facts, State},
    ticker::TICK,
};

/// What an evaluation is made with.
pub(crate) struct Task<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) settings: &'a Arc<str>,
    pub(crate) limits: &'a Limits,
    /// When the whole judgement must be done, and the setting that says so.
    pub(crate) end: Option<(Instant, Time)>,
}

/// What came of it.
pub(crate) struct Done<A> {
    pub(crate) result: Result<A, Fault>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) signatures: Vec<VerifiedSignature>,
    pub(crate) nanoseconds: u64,
}

impl<A> Done<A> {
    /// Nothing was done.
    pub(crate) fn fault(fault: Fault) -> Self {
        Self {
            result: Err(fault),
            log: Vec::new(),
            signatures: Vec::new(),
            nanoseconds: 0,
        }
    }
}

impl Task<'_> {
    /// Asks a validator or a privacy assessor.
    pub(crate) fn judge(&self, stage: Stage, request: &Arc<Request>) -> Done<Verdict> {
        let facts = Facts {
            request: Arc::clone(request),
            offered: None,
        };
        self.run(|store| {
            let given = match stage {
                Stage::Validation => {
                    let guest = self.validation(store)?;
                    store.data_mut().open(facts);
                    guest
                        .resolvet_policy_validation()
                        .call_validate(&mut *store)?
                }
                Stage::Privacy => {
                    let guest = self.privacy(store)?;
                    store.data_mut().open(facts);
                    guest.resolvet_policy_privacy().call_assess(&mut *store)?
                }
                Stage::Selection => return Err(missing().into()),
            };
            Ok(answer::verdict(given, request, self.limits)?)
        })
    }

    /// Asks a selector about the candidates at these positions, or about all.
    pub(crate) fn select(
        &self,
        request: &Arc<Request>,
        offered: Option<&Arc<[u32]>>,
    ) -> Done<Ranking> {
        let facts = Facts {
            request: Arc::clone(request),
            offered: offered.cloned(),
        };
        self.run(|store| {
            let guest = self.selection(store)?;
            store.data_mut().open(facts);
            let given = guest.resolvet_policy_selection().call_select(&mut *store)?;
            Ok(answer::ranking(
                given,
                request,
                offered.map(|offered| &**offered),
                self.limits,
            )?)
        })
    }

    /// Asks whether the settings are usable at this stage.
    pub(crate) fn check_settings(&self, stage: Stage) -> Done<Result<(), String>> {
        self.run(|store| match stage {
            Stage::Validation => {
                let guest = self.validation(store)?;
                guest
                    .resolvet_policy_validation()
                    .call_check_settings(store)
            }
            Stage::Selection => {
                let guest = self.selection(store)?;
                guest.resolvet_policy_selection().call_check_settings(store)
            }
            Stage::Privacy => {
                let guest = self.privacy(store)?;
                guest.resolvet_policy_privacy().call_check_settings(store)
            }
        })
    }

    fn validation(&self, store: &mut Store<State>) -> wasmtime::Result<Validation> {
        let exports = self.policy.exports();
        let guest = exports.and_then(|exports| exports.validation.as_ref());
        guest.ok_or_else(missing)?.instantiate(store)
    }

    fn selection(&self, store: &mut Store<State>) -> wasmtime::Result<Selection> {
        let exports = self.policy.exports();
        let guest = exports.and_then(|exports| exports.selection.as_ref());
        guest.ok_or_else(missing)?.instantiate(store)
    }

    fn privacy(&self, store: &mut Store<State>) -> wasmtime::Result<Privacy> {
        let exports = self.policy.exports();
        let guest = exports.and_then(|exports| exports.privacy.as_ref());
        guest.ok_or_else(missing)?.instantiate(store)
    }

    fn run<A>(&self, call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<A>) -> Done<A> {
        let begin = Instant::now();
        let (left, time) = self.time(begin);
        if left.is_zero() {
            return Done::fault(time.overrun().into());
        }
        let mut store = store(self.policy.runtime(), self.settings, self.limits, left);
        let result = call(&mut store);
        let State {
            log, signatures, ..
        } = store.into_data();
        let result =
            result.map_err(|error| fault::classify(&error, time, self.limits, &log).into());
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Done {
            result,
            log,
            signatures,
            nanoseconds,
        }
    }

    /// The time that is left, and the setting that decides it.
    fn time(&self, now: Instant) -> (Duration, Time) {
        let milliseconds = self.limits.time_milliseconds;
        let own = Duration::from_millis(milliseconds.into());
        let own = (
            own,
            Time {
                milliseconds,
                setting: "limits.time-milliseconds",
            },
        );
        let whole = self
            .end
            .map(|(end, time)| (end.saturating_duration_since(now), time));
        match whole {
            Some(whole) if whole.0 < own.0 => whole,
            _ => own,
        }
    }
}

/// A store with every limit set. A store without a deadline would never end, or at once.
fn store(runtime: &Engine, settings: &Arc<str>, limits: &Limits, left: Duration) -> Store<State> {
    let mut store = Store::new(runtime, State::new(Arc::clone(settings), *limits));
    store.limiter(|state| state);
    store.set_hostcall_fuel(limits.passed());
    // The tick under way is over sooner than a whole one.
    let ticks = left.as_nanos().div_ceil(TICK.as_nanos());
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1);
    store
}

/// The policy set asks a policy only for what it exports.
fn missing() -> Broken {
    Broken {
        kind: FaultKind::Host,
        message: "the policy does not export this judgement".into(),
    }
}
