//! `resolvetd` as it runs: answers, control, reloads, ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod answers;
mod break_glass;
mod control;
mod delivered;
mod fleet;
mod killed;
mod life;
mod manager;
mod promotion;
mod pushed;
mod registry;
mod reload;
mod rollback;
mod running;
mod seen;
mod silent;
mod soak;
mod top;
mod tracer;
mod traces;
