//! Says nothing: what an evaluation costs by itself.

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    Verdict::abstain()
}

resolvet_guest::export_validator!(validate);
