//! What standards demand, each test at the path of the section that it comes from, and suites by others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may fail loudly, and tables are printed"
)]

mod draft;
mod forge;
mod opaque_profile;
mod pkix_cases;
mod privacy_cases;
mod rfc1035;
mod rfc2782;
mod rfc3397;
mod rfc3958;
mod rfc4985;
mod rfc5280;
mod rfc6698;
mod rfc6763;
mod rfc7030;
mod rfc7512;
mod rfc7671;
mod rfc8094;
mod rfc8120;
mod rfc8121;
mod rfc8265;
mod rfc8295;
mod rfc8305;
mod rfc8310;
mod rfc8366;
mod rfc8484;
mod rfc8951;
mod rfc8995;
mod rfc9250;
mod rfc9460;
mod rfc9461;
mod rfc9462;
mod rfc9463;
mod rfc9525;
mod rfc9606;
mod rfc9807;
mod suites;
mod world;
mod zone;
