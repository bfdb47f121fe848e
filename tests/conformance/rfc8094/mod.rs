//! DNS over DTLS.

mod section_3_1;
mod section_5;
