//! DANE: TLSA records.

mod section_4_1;
