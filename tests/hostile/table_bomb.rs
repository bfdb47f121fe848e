use resolvet_engine::Engine;
use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{component, faults_of, none, options, rule, text_guest};

#[test]
fn tables_end_at_their_budget() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&component(text_guest("table_bomb"))).unwrap();
    let ((kind, message), _) = faults_of(&engine, rule(policy, none()));
    assert_eq!(kind, FaultKind::Table);
    let expected = "elements of tables, at most 20000 are allowed (`limits.table-elements`)";
    assert!(message.ends_with(expected), "{message}");
}
