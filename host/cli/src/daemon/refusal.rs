//! Why the daemon did not do what was asked.

use resolvet_engine::Reason;

use crate::exit::{self, NotAdmitted, NotDone, UsageError};

/// Why nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Reason,
    /// In words.
    pub(super) reason: String,
}

impl Refusal {
    /// What an error amounts to; where it has no code of its own, this one.
    pub(super) fn of(error: &anyhow::Error, otherwise: Reason) -> Self {
        let usage = error.is::<UsageError>().then_some(Reason::Configuration);
        let code = exit::reason(error).or(usage).unwrap_or(otherwise);
        // Their codes are said beside them.
        let reason = if let Some(not_done) = error.downcast_ref::<NotDone>() {
            not_done.reason.clone()
        } else if let Some(NotAdmitted { policy, reason, .. }) = error.downcast_ref() {
            format!("policy `{policy}` is not admitted: {reason}")
        } else {
            crate::output::told(error)
        };
        Self { code, reason }
    }
}

/// As [`Refusal::of`], for what went wrong while something was done.
pub(super) trait OrRefuse<T> {
    fn or_refuse(self, otherwise: Reason) -> Result<T, Refusal>;
}

impl<T> OrRefuse<T> for anyhow::Result<T> {
    fn or_refuse(self, otherwise: Reason) -> Result<T, Refusal> {
        self.map_err(|error| Refusal::of(&error, otherwise))
    }
}
