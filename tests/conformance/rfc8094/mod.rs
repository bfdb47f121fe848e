//! DNS over DTLS.

mod section_5;
