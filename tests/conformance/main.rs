//! What standards demand, each test at the path of the section that it comes from, and suites by others.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may fail loudly, and tables are printed"
)]

mod forge;
mod pkix_cases;
mod suites;
mod world;
