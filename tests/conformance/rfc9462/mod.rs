//! Discovery of designated resolvers.

mod section_4;
mod section_4_2;
mod section_5;
