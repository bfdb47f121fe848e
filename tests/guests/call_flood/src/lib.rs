//! Asks for the same fact without end.

use resolvet_guest::prelude::*;

fn validate() -> Verdict {
    loop {
        // Counted by the octets that cross, long before time ends.
        let mut octets = 0;
        for _ in 0..1_000 {
            octets += presented::certificate(0).map_or(0, |der| der.len());
        }
        if octets == usize::MAX {
            return Verdict::abstain();
        }
    }
}

resolvet_guest::export_validator!(validate);
