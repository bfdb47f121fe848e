//! Discovery of network-designated resolvers.

mod section_3;
mod section_4;
mod section_5;
mod section_6;
