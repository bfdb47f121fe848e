//! Why there is no answer, as clients are told it (RFC 8914).

use resolvet_proto::{session::FailureKind, stub::ExtendedError};

use crate::{AttachError, QueryError};

/// INFO-CODEs (RFC 8914 section 4).
const OTHER: u16 = 0;
const NOT_READY: u16 = 14;
const NO_REACHABLE_AUTHORITY: u16 = 22;
const NETWORK_ERROR: u16 = 23;

/// What the client is told of a query that was not answered.
pub(super) fn of_query(error: &QueryError) -> ExtendedError {
    match error {
        QueryError::NotVetted(error) => of_attachment(error),
        QueryError::NotConnected(_) => ExtendedError::new(NOT_READY, &error.to_string()),
        QueryError::Exchange { .. } => ExtendedError::new(NETWORK_ERROR, &error.to_string()),
        _ => ExtendedError::new(OTHER, &error.to_string()),
    }
}

/// What the client is told while no server is vetted.
pub(super) fn of_attachment(error: &AttachError) -> ExtendedError {
    // Before the sentence, which may be cut.
    let decision = match error {
        AttachError::Failed(failure) => failure.decision,
        _ => None,
    };
    let decision = decision.map_or_else(String::new, |id| format!(" (decision {id})"));
    let (code, word) = match error {
        AttachError::Failed(failure) => (
            match failure.kind {
                FailureKind::ConnectionFailed => NETWORK_ERROR,
                FailureKind::Unanswered
                | FailureKind::NothingDiscovered
                | FailureKind::Downgrade => NO_REACHABLE_AUTHORITY,
                _ => OTHER,
            },
            failure.kind.as_str(),
        ),
        AttachError::Ended => (NOT_READY, "stopping"),
        AttachError::Config(_) => (OTHER, "configuration"),
    };
    ExtendedError::new(
        code,
        &format!("no server is vetted: {word}{decision}: {error}"),
    )
}

/// What the client is told before there was a first attempt, or while there is nothing to attempt with.
pub(super) fn not_ready(why: &str) -> ExtendedError {
    ExtendedError::new(NOT_READY, &format!("no server is vetted: {why}"))
}

/// What the client is told when a vetted server's answer is none.
pub(super) fn unreadable() -> ExtendedError {
    ExtendedError::new(NETWORK_ERROR, "the vetted server's answer cannot be read")
}

/// What the client is told when more is asked than this stub takes.
pub(super) fn overload(limit: usize) -> ExtendedError {
    ExtendedError::new(
        OTHER,
        &format!("{limit} queries are under way, more may not"),
    )
}
