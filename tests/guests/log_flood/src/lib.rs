//! Logs without end.

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    loop {
        log::info("a line that says nothing, again and again");
    }
}

resolvet_guest::export_validator!(validate);
