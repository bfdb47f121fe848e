//! Natively: a request put in place for a thread, so that a policy is tested with plain `cargo test`.
//!
//! ```
//! use resolvet_guest::{native, prelude::*};
//! use resolvet_proto::judgement::{Purpose, Request};
//!
//! let request = Request::new(Purpose::DnsServer, 1_800_000_000);
//! let years = native::evaluate(&request, "{}", || context::now() / (365 * 86_400));
//! assert_eq!(years, 57);
//! ```
//!
//! A crate's test of all its `cases/*.json`:
//!
//! ```ignore
//! #[test]
//! fn cases() -> Result<(), resolvet_guest::native::CaseError> {
//!     resolvet_guest::native::run_cases(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"), super::validate)
//! }
//! ```

mod cases;
pub(crate) mod crypto;
pub(crate) mod host;

use std::cell::{OnceCell, RefCell};

use resolvet_proto::judgement::{LogLine, Request};
use serde::de::DeserializeOwned;

pub use cases::{Answer, Case, CaseError, Expect, run_cases};

/// What the host's functions answer from.
struct Evaluation {
    /// Absent while settings are checked.
    request: Option<Request>,
    settings: String,
    log: Vec<LogLine>,
}

thread_local! {
    static CURRENT: RefCell<Option<Evaluation>> = const { RefCell::new(None) };
}

/// Puts the evaluation that was there before back, whatever happens.
struct Restore(Option<Evaluation>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Runs a policy's code with this request and these settings in place, for this thread and this call.
pub fn evaluate<R>(request: &Request, settings: &str, policy: impl FnOnce() -> R) -> R {
    within(Some(request.clone()), settings, policy)
}

/// Reads and checks settings as the host does when it loads a policy: no fact of a request can be asked for.
///
/// # Errors
/// One sentence that names the setting, what was expected and what came.
pub fn check_settings<S: DeserializeOwned>(
    settings: &str,
    check: fn(&S) -> Result<(), String>,
) -> Result<(), String> {
    within(None, settings, || {
        crate::export::check_settings(&OnceCell::new(), crate::export::read::<S>, check)
    })
}

/// What was logged so far in the evaluation under way; nothing outside one.
#[must_use]
pub fn log() -> Vec<LogLine> {
    CURRENT
        .with_borrow(|current| current.as_ref().map(|current| current.log.clone()))
        .unwrap_or_default()
}

fn within<R>(request: Option<Request>, settings: &str, policy: impl FnOnce() -> R) -> R {
    let evaluation = Evaluation {
        request,
        settings: settings.to_owned(),
        log: Vec::new(),
    };
    let _restore = Restore(CURRENT.replace(Some(evaluation)));
    policy()
}

#[cfg(test)]
mod tests {
    use resolvet_proto::judgement::Purpose;

    use super::*;
    use crate::{context, log as guest_log, settings};

    fn request(now: u64) -> Request {
        Request::new(Purpose::DnsServer, now)
    }

    #[test]
    fn an_evaluation_within_another_gives_the_outer_one_back() {
        evaluate(&request(1), "{}", || {
            guest_log::info("outer");
            assert_eq!(
                evaluate(&request(2), "[]", || (context::now(), settings::json())),
                (2, "[]".into())
            );
            assert_eq!((context::now(), log().len()), (1, 1));
        });
        assert!(log().is_empty());
    }

    #[test]
    #[should_panic(expected = "outside an evaluation")]
    fn a_fact_outside_an_evaluation_ends_the_policy() {
        let _unreached = context::now();
    }

    #[test]
    #[should_panic(expected = "outside an evaluation")]
    fn a_fact_while_settings_are_checked_ends_the_policy() {
        let _unreached = check_settings::<std::collections::BTreeMap<String, String>>("{}", |_| {
            let _unreached = context::now();
            Ok(())
        });
    }
}
