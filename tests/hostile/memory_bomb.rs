use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{faults, none};

#[test]
fn memory_ends_at_its_budget() {
    let (kind, message) = faults("memory_bomb", none());
    assert_eq!(kind, FaultKind::Memory);
    let expected = "octets of memory, at most 67108864 are allowed (`limits.memory-octets`)";
    assert!(message.ends_with(expected), "{message}");
}
