//! Takes memory until there is none.

use std::hint::black_box;

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 1 << 20]);
        black_box(&kept);
    }
}

resolvet_guest::export_validator!(validate);
