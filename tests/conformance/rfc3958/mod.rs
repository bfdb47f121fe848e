//! Domain-based application service location using SRV and S-NAPTR.

mod bounds;
mod section_2_2_1;
mod section_2_2_2;
mod section_2_2_3;
mod section_2_2_4;
mod section_2_2_5;
mod section_6;
