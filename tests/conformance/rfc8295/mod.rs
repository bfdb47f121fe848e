//! RFC 8295: extensions of EST.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one reads better as a list"
)]

mod byod;
mod in_handshake;
mod reattachment;
mod section_2;
mod section_2_places;
mod section_3;
mod section_4;
