//! The cases, run natively: every signature in them is verified.

use resolvet_guest::native::{CaseError, run_cases};

#[test]
fn all_cases_hold() -> Result<(), CaseError> {
    run_cases(
        concat!(env!("CARGO_MANIFEST_DIR"), "/cases"),
        super::validate,
    )
}
