//! RFC 8995: Bootstrapping Remote Secure Key Infrastructure.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one reads better as a list"
)]

mod appendix_c;
pub(crate) mod driver;
pub(crate) mod manufacturer;
mod restart;
mod section_3;
mod section_5_6;
mod section_5_7;
pub(crate) mod section_5_9;

use resolvet_proto::enrolment::brski::Algorithms;

/// What verifies signatures: aws-lc, really.
pub(crate) const ALGORITHMS: Algorithms = webpki::ALL_VERIFICATION_ALGS;
