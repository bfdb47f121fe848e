//! RFC 8295: extensions of EST.

mod section_2;
mod section_3;
mod section_4;
