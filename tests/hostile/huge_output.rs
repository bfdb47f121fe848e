use resolvet_proto::judgement::FaultKind;
use serde_json::json;

use crate::sandbox::faults;

#[test]
fn an_answer_beyond_its_budget_is_a_fault() {
    let (kind, message) = faults("huge_output", json!({"octets": 1 << 20}));
    assert_eq!(kind, FaultKind::OutputSize);
    assert!(
        message.ends_with("octets, at most 262144 are allowed (`limits.output-octets`)"),
        "{message}"
    );
}

#[test]
fn an_answer_that_would_fill_the_host_is_not_even_read() {
    let (kind, message) = faults("huge_output", json!({"octets": 40 << 20}));
    assert_eq!(kind, FaultKind::OutputSize);
    let expected = "the answer has more than 16777216 octets, at most 262144 are allowed (`limits.output-octets`)";
    assert_eq!(message, expected);
}

#[test]
fn an_answer_within_its_budget_may_still_break_the_contract() {
    let (kind, message) = faults("huge_output", json!({"octets": 1_025}));
    assert_eq!(kind, FaultKind::Contract);
    let expected = "the answer breaks the contract: octets of a finding's message: 1025, at most 1024 are allowed";
    assert_eq!(message, expected);
}
