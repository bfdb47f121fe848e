use resolvet_engine::{Engine, PolicySet, SetError};
use resolvet_proto::judgement::UsageProfile;

use crate::sandbox::{expect_accepted, friendly, guest, none, options, request, rule};

#[test]
fn facts_are_there_during_an_evaluation_only() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest("early_facts")).unwrap();
    let error =
        PolicySet::new(&engine, &UsageProfile::Strict, vec![rule(policy, none())]).unwrap_err();
    assert!(
        matches!(&error, SetError::Fault { kind: "trap", .. }),
        "{error}"
    );
    let expected = "policy `early-facts` failed while it checked its settings: trap: a fact was asked for outside an evaluation";
    assert!(error.to_string().starts_with(expected), "{error}");
    expect_accepted(&friendly(&engine).validate(&request()));
}
