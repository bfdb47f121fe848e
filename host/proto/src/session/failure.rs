//! How a session ends without a server.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::judgement::DecisionId;

/// The most telling reason why there is no server. Several things may have gone wrong: the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// Discovery yielded nothing, since nobody answered any of its lookups: another resolver may.
    Unanswered,
    /// Discovery yielded nothing.
    NothingDiscovered,
    /// Discovery yielded nothing, in a network whose enrolment conveyed a DNS server's certificate (the draft's section
    /// 11): the answers may be forged.
    Downgrade,
    /// No server could be connected to.
    ConnectionFailed,
    /// The privacy assessors refused.
    PrivacyRefused,
    /// The selectors left nothing.
    SelectionRefused,
    /// The validators refused: no server was authenticated.
    ValidationRefused,
    /// A policy failed, or a judgement belonged to another request.
    PolicyFault,
}

impl FailureKind {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::NothingDiscovered => "nothing-discovered",
            Self::Downgrade => "downgrade",
            Self::ConnectionFailed => "connection-failed",
            Self::PrivacyRefused => "privacy-refused",
            Self::SelectionRefused => "selection-refused",
            Self::ValidationRefused => "validation-refused",
            Self::PolicyFault => "policy-fault",
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Failure {
    /// The most telling reason.
    pub kind: FailureKind,
    /// One sentence for a person.
    pub message: String,
    /// The decision that it rests on, by which a log of decisions has all of it; none where no policy decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The paragraph of the standard; empty where none asks for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Seconds to wait before another session for this domain, as the error asks for (the draft's section 6). What
    /// changes the outcome sooner, another network or other policies, need not wait.
    pub retry_after: u64,
}
