//! RFC 5280: certificates, certification paths, CRLs.

mod section_4_1;
mod section_4_2;
mod section_4_2_1_10;
mod section_6_1;
mod section_6_3;
