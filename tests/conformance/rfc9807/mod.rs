//! The OPAQUE augmented PAKE protocol.

mod appendix_c;
mod parties;
mod section_10_7;
mod section_10_9;
mod section_4_1_3;
mod section_6_4;
mod section_9_1;
mod section_9_2;

pub(crate) use parties::{PASSWORD, Parties, REALM, USER, binding, random, secrets, user};
