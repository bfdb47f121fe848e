//! Policies that are replaced judge again what is in use.

use std::time::Duration;

use resolvet_proto::judgement::UsageProfile;
use resolvet_proto::session::Step;
use resolvet_tests::lab::{Lab, Options};
use serde_json::json;

use crate::journey::{Journey, defaults, rule, set, with_settings};

/// A certificate's pin that no key of the lab has.
const STRANGE_PIN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[tokio::test]
async fn a_server_that_the_new_set_refuses_is_withdrawn() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    let dot = &lab.site().servers()[0].dot;
    assert_eq!(dot.journal().len(), 1);
    let mut rules = defaults();
    rules[0] = with_settings(rule("pkix"), json!({ "spki-pins": [STRANGE_PIN] }));
    let before = outcome.policies.judge().generation();
    assert!(outcome.policies.swap(set(&UsageProfile::Strict, rules)) > before);
    // The old set's word ends with the swap: at the latest two seconds later nothing is sent to that server any more.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert!(outcome.attachment.vetted_now().is_none());
    assert!(outcome.ask().await.is_err());
    assert_eq!(dot.journal().len(), 1, "nothing more was asked");
    let story = outcome.attachment.story().await.unwrap();
    assert!(
        story
            .iter()
            .any(|entry| matches!(entry.step, Step::Withdrawn { .. })),
        "{story:#?}"
    );
}

#[tokio::test]
async fn a_server_that_the_new_set_accepts_goes_on_without_a_new_handshake() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    outcome
        .policies
        .swap(set(&UsageProfile::Strict, defaults()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    outcome.ask().await.unwrap();
    assert_eq!(lab.site().servers()[0].dot.statistics().handshakes, 1);
    let story = outcome.attachment.story().await.unwrap();
    assert!(
        story
            .iter()
            .any(|entry| matches!(entry.step, Step::Rejudging { .. })),
        "it was judged again"
    );
}
