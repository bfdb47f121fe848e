use resolvet_engine::Engine;
use resolvet_proto::judgement::FaultKind;
use serde_json::json;

use crate::sandbox::{faults, guest, judge, options, request, rule};

#[test]
fn text_that_is_no_utf_8_breaks_the_contract() {
    let (kind, message) = faults("garbage_strings", json!({"where": "verdict"}));
    assert_eq!(kind, FaultKind::Contract);
    assert!(
        message.starts_with("the answer breaks the contract: invalid utf-8"),
        "{message}"
    );
    let (kind, message) = faults("garbage_strings", json!({"where": "log"}));
    assert_eq!(kind, FaultKind::Contract);
    assert_eq!(message, "`log.write` was given text that is no UTF-8");
}

#[test]
fn a_code_that_is_no_word_breaks_the_contract() {
    let (kind, message) = faults("garbage_strings", json!({"where": "code"}));
    assert_eq!(kind, FaultKind::Contract);
    assert!(
        message.contains("finding code `\u{fffd}[2J` is no kebab-case word"),
        "{message}"
    );
}

#[test]
fn no_text_reaches_a_terminal_as_a_command() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest("garbage_strings")).unwrap();
    let judge = judge(&engine, vec![rule(policy, json!({"where": "terminal"}))]);
    let judgement = judge.validate(&request());
    let evaluation = &judgement.evaluations[0];
    let finding = &evaluation.result.as_ref().unwrap().findings[0];
    assert_eq!(
        finding.message,
        "\u{fffd}[2J\u{fffd}[1;31maccepted\u{fffd}\u{fffd}\u{fffd}"
    );
    assert_eq!(
        evaluation.log[0].message,
        "\u{fffd}]0;title\u{fffd}\u{fffd}second line"
    );
}
