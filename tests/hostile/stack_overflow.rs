use resolvet_proto::judgement::FaultKind;

use crate::sandbox::{faults, none};

#[test]
fn recursion_ends_with_the_stack() {
    let (kind, message) = faults("stack_overflow", none());
    assert_eq!(kind, FaultKind::Stack);
    assert_eq!(
        message,
        "the stack is used up (`stack-octets` of the engine)"
    );
}
