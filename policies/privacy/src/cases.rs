//! The cases, run natively.

use resolvet_guest::native::{CaseError, run_cases};

#[test]
fn all_cases_hold() -> Result<(), CaseError> {
    run_cases(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"), super::assess)
}
