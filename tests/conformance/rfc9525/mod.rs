//! RFC 9525: service identity in TLS.

mod section_6_1;
mod section_6_3;
mod section_6_4;
mod section_6_5;
