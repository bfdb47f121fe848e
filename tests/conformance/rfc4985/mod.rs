//! RFC 4985: SRVName.

mod section_2;
mod section_4;
