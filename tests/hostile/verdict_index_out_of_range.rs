use resolvet_proto::judgement::FaultKind;
use serde_json::{Value, json};

use crate::sandbox::faults;

fn message(settings: Value) -> String {
    let (kind, message) = faults("verdict_index_out_of_range", settings);
    assert_eq!(kind, FaultKind::Contract);
    message
}

#[test]
fn evidence_that_does_not_exist_breaks_the_contract() {
    assert_eq!(
        message(json!({"certificate": 1})),
        "the answer breaks the contract: certificate 1 does not exist: the request has 1"
    );
    assert_eq!(
        message(json!({"record": 0})),
        "the answer breaks the contract: record 0 does not exist: the request has 0"
    );
    assert_eq!(
        message(json!({"certificate": 0, "offset": 1_000})),
        "the answer breaks the contract: octets 1000+1 lie outside a certificate of 1000 octets"
    );
}
