use resolvet_engine::{Engine, Limits};
use resolvet_proto::judgement::FaultKind;
use serde_json::json;

use crate::sandbox::{faults, faults_of, guest, none, options, rule};

#[test]
fn verifications_end_at_their_budget() {
    let (kind, message) = faults("crypto_flood", none());
    assert_eq!(kind, FaultKind::Crypto);
    assert_eq!(
        message,
        "101 signatures verified, at most 100 are allowed (`limits.verifications`)"
    );
}

#[test]
fn digested_octets_end_at_their_budget() {
    let engine = Engine::new(options()).unwrap();
    let mut rule = rule(
        engine.admit(&guest("crypto_flood")).unwrap(),
        json!({"digest": true}),
    );
    rule.limits = Some(Limits {
        crypto_octets: 40_000,
        ..engine.options().limits
    });
    let ((kind, message), _) = faults_of(&engine, rule);
    assert_eq!(kind, FaultKind::Crypto);
    // The tenth time 4,096 octets.
    let expected =
        "40960 octets digested or verified, at most 40000 are allowed (`limits.crypto-octets`)";
    assert_eq!(message, expected);
}
