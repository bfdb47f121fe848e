//! DNS over HTTPS.

mod section_4;
mod section_5_1;
