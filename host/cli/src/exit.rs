//! Exit codes, which are part of the program's interface.

use std::{io, path::Path, process::ExitCode};

use resolvet::{
    AttachError, QueryError,
    enrolment::{EnrolError, EnrolErrorKind, ReattachError},
    registry::RegistryError,
};
use resolvet_engine::Reason;
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
            FailureKind::Unanswered | FailureKind::NothingDiscovered | FailureKind::Downgrade => {
                Self::NothingDiscovered
            }
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

/// A file that an argument names cannot be read: whoever named it must change something.
pub(crate) fn unreadable(what: &str, file: &Path, error: &io::Error) -> UsageError {
    UsageError(format!(
        "{what} `{}` cannot be read: {error}",
        file.display()
    ))
}

/// A policy that is not taken, for a reason with a code that stays: ends with [`Exit::Usage`].
#[derive(Debug)]
pub(crate) struct NotAdmitted {
    /// Its name, file or address.
    pub(crate) policy: String,
    /// The reason in a word.
    pub(crate) code: Reason,
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

/// Policies that cannot be used together or as they are configured: ends with [`Exit::Usage`].
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Reason,
    /// The reason in words.
    pub(crate) reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

/// What the daemon did not do: ends with [`Exit::Failed`].
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) code: Reason,
    /// The reason in words.
    pub(crate) reason: String,
}

impl std::fmt::Display for NotDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, reason } = self;
        write!(f, "{reason} ({code})")
    }
}

impl std::error::Error for NotDone {}

/// The code of a refusal, where the error is one.
pub(crate) fn reason(error: &anyhow::Error) -> Option<Reason> {
    let admission = error
        .downcast_ref::<NotAdmitted>()
        .map(|refused| refused.code);
    let set = || error.downcast_ref::<Refused>().map(|refused| refused.code);
    let daemon = || error.downcast_ref::<NotDone>().map(|refused| refused.code);
    let delivery = || error.downcast_ref().map(RegistryError::reason);
    admission.or_else(set).or_else(daemon).or_else(delivery)
}

impl Exit {
    /// What an error amounts to.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() || error.is::<NotAdmitted>() || error.is::<Refused>() {
            return Self::Usage;
        }
        if let Some(error) = error.downcast_ref::<RegistryError>() {
            return match error.is_out_of_reach() {
                true => Self::Failed,
                false => Self::Usage,
            };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The table of codes in the manual.
    const MANUAL: &str = include_str!("../../../docs/operators.md");

    #[test]
    fn the_manual_explains_every_reason_and_no_other() {
        let (_, section) = MANUAL.split_once("### Reasons\n").unwrap_or_default();
        let table = section
            .lines()
            .skip_while(|line| !line.starts_with("| code |"));
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        let firsts = rows.filter_map(|row| row.split('|').nth(1));
        let mut words: Vec<&str> = firsts
            .flat_map(|first| first.split('`').skip(1).step_by(2))
            .collect();
        let explained: BTreeSet<&str> = words.iter().copied().collect();
        let all = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(explained, all);
        words.dedup();
        assert_eq!(words.len(), explained.len(), "each stands there once");
    }
}
