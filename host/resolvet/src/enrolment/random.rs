//! Random octets from the system.

use resolvet_proto::enrolment::mutual::Random;
use rustls::crypto::aws_lc_rs;

use super::EnrolError;

/// Fills these octets.
pub(super) fn fill(octets: &mut [u8]) -> Result<(), EnrolError> {
    aws_lc_rs::default_provider()
        .secure_random
        .fill(octets)
        .map_err(|_| EnrolError::Random)
}

/// A number.
pub(super) fn number() -> Result<u64, EnrolError> {
    let mut octets = [0; 8];
    fill(&mut octets)?;
    Ok(u64::from_be_bytes(octets))
}

/// What one message of HTTP Mutual authentication needs.
pub(super) fn mutual() -> Result<Random, EnrolError> {
    let mut octets = [0; Random::OCTETS];
    fill(&mut octets)?;
    Ok(Random::new(octets))
}
