//! What a pledge tells its registrar: voucher status and enrolment status (RFC 8995 sections 5.7 and 5.9.4).

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits;
use crate::enrolment::quoted;

/// A status cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// It is no JSON of this form.
    #[error("no status: {reason} (RFC 8995 5.7)")]
    Json {
        /// What the parser said.
        reason: String,
    },
    /// It is larger than what is read.
    #[error("status of {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Its version is another.
    #[error("status of version {presented}, expected 1 (RFC 8995 5.7)")]
    Version {
        /// The version.
        presented: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct Status {
    version: u64,
    status: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A status, JSON. The reason is for an administrator and must not help an attacker (RFC 8995 section 5.7): say in which
/// step it failed, not what was expected.
#[must_use]
pub fn status(ok: bool, reason: Option<&str>) -> Vec<u8> {
    let status = Status {
        version: 1,
        status: ok,
        reason: reason.map(Into::into),
    };
    // A number, a truth value and a text are always JSON.
    serde_json::to_vec(&status).unwrap_or_default()
}

/// Reads a status: whether it went well, and the reason. What is not known is ignored.
///
/// # Errors
/// It has another form or version.
pub fn parse_status(octets: &[u8]) -> Result<(bool, Option<String>), TelemetryError> {
    if octets.len() > limits::STATUS_OCTETS {
        return Err(TelemetryError::TooLarge {
            octets: octets.len(),
            limit: limits::STATUS_OCTETS,
        });
    }
    let found: Status = serde_json::from_slice(octets).map_err(|error| TelemetryError::Json {
        reason: quoted(&error.to_string(), 200),
    })?;
    if found.version != 1 {
        return Err(TelemetryError::Version {
            presented: found.version,
        });
    }
    Ok((
        found.status,
        found.reason.map(|reason| quoted(&reason, 500)),
    ))
}
