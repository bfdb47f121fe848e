//! What happens by itself: a version that was tried long enough is promoted, a generation that fails makes way.

use std::{sync::Arc, time::Duration};

use resolvet_engine::{PolicySet, Trial};
use tokio::time::interval;

use super::{Daemon, book::By, changing::Asked};
use crate::config::Promotion;

/// How often is looked whether a version was tried long enough, and whether what is lifted has come to its end.
const LOOK: Duration = Duration::from_millis(500);

/// Goes on until the daemon ends. What was done or refused stands in log and history.
pub(super) async fn run(daemon: Arc<Daemon>) {
    let mut looking = interval(LOOK);
    let mut refused: Option<Arc<PolicySet>> = None;
    loop {
        tokio::select! {
            (generation, why) = daemon.counting.exceeded() => {
                let _told = daemon.return_from(generation, why).await;
            }
            _ = looking.tick() => {
                let promotion = daemon.terms().promotion;
                if promotion.judgements.is_none() {
                    continue;
                }
                let Some(tried) = daemon.shadow.set() else { continue };
                let was_refused = refused.as_ref().is_some_and(|set| Arc::ptr_eq(set, &tried));
                let trial = daemon.shadow.trial();
                if was_refused || !trial.is_some_and(|trial| is_due(&promotion, &trial)) {
                    continue;
                }
                let asked = Asked::by(By::AutomaticPromotion);
                let promoted = daemon.promote(asked, None, Some(Arc::clone(&tried))).await;
                // Once is enough: what prevents it is mended by a person, who reloads.
                refused = promoted.is_err().then_some(tried);
            }
        }
    }
}

/// Ends what is lifted when its time is over, until the daemon ends. Nothing else is waited for here: whatever keeps a change from
/// being loaded must not keep restrictions from binding again.
pub(super) async fn run_lifts(daemon: Arc<Daemon>) {
    let mut looking = interval(LOOK);
    loop {
        looking.tick().await;
        if daemon.is_lift_over() {
            let _told = daemon.end_lift(None).await;
        }
    }
}

/// Whether a version was tried long enough, and departs no more than is allowed.
fn is_due(promotion: &Promotion, trial: &Trial) -> bool {
    let recorded = trial.recorded.unwrap_or_default();
    let is_asked = trial.recorded.is_none_or(|recorded| recorded.is_complete);
    let (live, recorded) = (trial.live, recorded.counts);
    let outcomes = live.other_outcome.saturating_add(recorded.other_outcome);
    let findings = live.other_findings.saturating_add(recorded.other_findings);
    promotion
        .judgements
        .is_some_and(|wanted| live.judgements >= wanted.max(1))
        && is_asked
        && live.faults + recorded.faults == 0
        && outcomes <= promotion.other_outcomes
        && findings <= promotion.other_findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(judgements: u64, outcomes: u64, findings: u64, faults: u64) -> Trial {
        let mut trial = Trial::default();
        trial.live.judgements = judgements;
        trial.live.other_outcome = outcomes;
        trial.live.other_findings = findings;
        trial.live.faults = faults;
        trial
    }

    #[test]
    fn it_is_due_after_so_many_and_with_no_more_differences_than_allowed() {
        let never = Promotion::default();
        let after = Promotion {
            judgements: Some(10),
            other_outcomes: 1,
            other_findings: 2,
            ..never
        };
        assert!(!is_due(&never, &trial(1_000, 0, 0, 0)));
        assert!(!is_due(&after, &trial(9, 0, 0, 0)));
        assert!(is_due(&after, &trial(10, 1, 2, 0)));
        assert!(!is_due(&after, &trial(10, 2, 0, 0)));
        assert!(!is_due(&after, &trial(10, 0, 3, 0)));
        assert!(!is_due(&after, &trial(10, 0, 0, 1)));
    }

    #[test]
    fn recorded_questions_must_have_been_asked_and_count_too() {
        let after = Promotion {
            judgements: Some(1),
            ..Promotion::default()
        };
        let mut trial = trial(1, 0, 0, 0);
        trial.recorded = Some(Default::default());
        assert!(!is_due(&after, &trial), "not all were asked");
        trial.recorded.get_or_insert_default().is_complete = true;
        assert!(is_due(&after, &trial));
        trial.recorded.get_or_insert_default().counts.other_outcome = 1;
        assert!(!is_due(&after, &trial));
    }
}
