//! A target for each parser and state machine; as a test, a bounded smoke run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that panics has found something"
)]

mod certificates;
mod components;
mod decisions;
mod designated;
mod discovery;
mod enrolment;
mod finding;
mod mutual;
mod opaque;
mod registries;
mod stub;
mod transports;
