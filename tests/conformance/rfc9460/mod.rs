//! Service bindings.

mod appendix_d;
mod section_2_2;
mod section_2_4;
mod section_7_3;
mod section_8;
