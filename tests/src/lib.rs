//! What the tests of resolvet stand on: a laboratory of loopback servers that behave well or badly on demand.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

pub mod lab;
