//! Guests that misbehave, one for each test. Each ends as a fault or a refused admission with a message that a person can
//! act on, while a well-behaved policy goes on evaluating on the same engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod sandbox;

mod call_flood;
mod configured;
mod core_module;
mod crypto_flood;
mod early_facts;
mod endless_loop;
mod foreign_import;
mod garbage_strings;
mod huge_output;
mod log_flood;
mod memory_bomb;
mod null;
mod own_limits;
mod replayed;
mod shadowed;
mod slow_compile;
mod stack_overflow;
mod table_bomb;
mod trap;
mod truncated_file;
mod verdict_index_out_of_range;
mod well_behaved;
