//! The registrar against the pin of a voucher (RFC 8995 section 5.6.2).

use thiserror::Error;

use super::{Algorithms, PathError, path};
use crate::{certificate, judgement::Der};

/// How a registrar answers to a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinMatch {
    /// The pin is the registrar's own certificate, or another one of the same key.
    EndEntity,
    /// A path leads from the registrar's certificate to the pin.
    Anchor,
}

impl PinMatch {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndEntity => "end-entity",
            Self::Anchor => "anchor",
        }
    }
}

/// A registrar is not the one that the voucher names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PinError {
    /// The registrar presented nothing.
    #[error("the registrar presented no certificate (RFC 8995 5.1)")]
    NoCertificate,
    /// The pin is no certificate.
    #[error("the pinned-domain-cert is no certificate (RFC 8366 5.3)")]
    Malformed,
    /// Neither the same key nor a path.
    #[error(
        "the registrar's certificate does not lead to the voucher's pin: {reason} (RFC 8995 5.6.2)"
    )]
    Mismatch {
        /// Why there is no path.
        reason: PathError,
    },
}

/// Checks what the registrar presented on the provisional connection against the pin, which is the only anchor.
///
/// # Errors
/// There is neither the same key nor a path.
pub fn check_pin(
    pin: &[u8],
    presented: &[Der],
    time: u64,
    algorithms: Algorithms,
) -> Result<PinMatch, PinError> {
    let (registrar, others) = presented.split_first().ok_or(PinError::NoCertificate)?;
    let pinned = certificate::facts(pin).map_err(|_| PinError::Malformed)?;
    if certificate::facts(registrar).is_ok_and(|facts| facts.spki == pinned.spki) {
        return Ok(PinMatch::EndEntity);
    }
    path::check(registrar, others, &[pin.into()], time, algorithms)
        .map(|()| PinMatch::Anchor)
        .map_err(|reason| PinError::Mismatch { reason })
}
