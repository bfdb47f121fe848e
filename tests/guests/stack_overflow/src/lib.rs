//! Calls itself without end.

use std::hint::black_box;

use resolvet_guest::prelude::*;

/// Nothing of this needs the stack in memory, so it is the machine's own stack that ends.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    deeper(depth + 1).rotate_left(3) ^ depth
}

fn validate() -> Verdict {
    let end = deeper(black_box(0));
    if end == 0 { Verdict::abstain() } else { Verdict::accept() }
}

resolvet_guest::export_validator!(validate);
