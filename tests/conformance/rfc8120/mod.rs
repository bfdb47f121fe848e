//! Mutual Authentication Protocol for HTTP.

mod parties;
mod section_10;
mod section_11;
mod section_3;
mod section_4;
mod section_5;
mod section_7;

pub(crate) use parties::{Counter, Parties, Wire, random};
