//! Exit codes, which are part of the program's interface.

use std::process::ExitCode;

use resolvet::{
    AttachError, QueryError,
    enrolment::{EnrolError, EnrolErrorKind, ReattachError},
};
use resolvet_proto::session::FailureKind;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: failed, by the network, a file or the system.
    Failed = 1,
    /// 2: used wrongly; arguments, configuration or settings must change.
    Usage = 2,
    /// 3: selection or privacy policies refused.
    Denied = 3,
    /// 4: nothing was discovered.
    NothingDiscovered = 4,
    /// 5: validation refused: no server was authenticated.
    NotAuthenticated = 5,
    /// 6: a policy failed, which wins over 3 and 5.
    PolicyFault = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<FailureKind> for Exit {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::NothingDiscovered | FailureKind::Downgrade => Self::NothingDiscovered,
            FailureKind::PrivacyRefused | FailureKind::SelectionRefused => Self::Denied,
            FailureKind::ValidationRefused => Self::NotAuthenticated,
            FailureKind::PolicyFault => Self::PolicyFault,
            _ => Self::Failed,
        }
    }
}

/// Something that the user wrote is wrong: ends with [`Exit::Usage`].
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A policy that is not taken, for a reason with a code that stays: ends with [`Exit::Usage`].
#[derive(Debug)]
pub(crate) struct NotAdmitted {
    /// Its name, file or address.
    pub(crate) policy: String,
    /// The reason in a word.
    pub(crate) code: &'static str,
    /// The reason in words.
    pub(crate) reason: String,
}

impl std::fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            policy,
            code,
            reason,
        } = self;
        write!(f, "policy `{policy}` is not admitted ({code}): {reason}")
    }
}

impl std::error::Error for NotAdmitted {}

impl Exit {
    /// What an error amounts to.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() || error.is::<NotAdmitted>() {
            return Self::Usage;
        }
        if let Some(error) = enrolment_error(error) {
            return match error.kind() {
                EnrolErrorKind::NotFound => Self::NothingDiscovered,
                EnrolErrorKind::NotAuthenticated => Self::NotAuthenticated,
                EnrolErrorKind::PolicyFault => Self::PolicyFault,
                _ => Self::Failed,
            };
        }
        let attach = error.downcast_ref::<AttachError>().or_else(|| {
            match error.downcast_ref::<QueryError>() {
                Some(QueryError::NotVetted(attach)) => Some(attach),
                _ => None,
            }
        });
        match attach {
            Some(AttachError::Failed(failure)) => failure.kind.into(),
            Some(AttachError::Config(_)) => Self::Usage,
            _ if matches!(error.downcast_ref(), Some(QueryError::Name { .. })) => Self::Usage,
            _ => Self::Failed,
        }
    }
}

/// The error of enrolling or of coming back to a network, where it is one.
pub(crate) fn enrolment_error(error: &anyhow::Error) -> Option<&EnrolError> {
    error
        .downcast_ref::<EnrolError>()
        .or_else(|| match error.downcast_ref::<ReattachError>() {
            Some(ReattachError::Enrolment(error)) => Some(error),
            _ => None,
        })
}
