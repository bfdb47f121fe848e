//! Panics.

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    let count = presented::count();
    panic!("expected a certificate, {count} came");
}

resolvet_guest::export_validator!(validate);
