//! Random octets from the system.

use resolvet_proto::enrolment::authentication::Random;
use rustls::crypto::aws_lc_rs;
use zeroize::Zeroizing;

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

/// What one message of a proof by password needs. The octets are wiped.
pub(super) fn proof() -> Result<Random, EnrolError> {
    let mut octets = Zeroizing::new([0; Random::OCTETS]);
    fill(octets.as_mut_slice())?;
    Ok(Random::new(&octets))
}
