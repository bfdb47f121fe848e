//! Never answers.

use std::hint::black_box;

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    loop {
        black_box(());
    }
}

resolvet_guest::export_validator!(validate);
