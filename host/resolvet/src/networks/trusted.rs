//! The user's consent to enrol in a network, as it is kept.

use resolvet_proto::discovery::DomainName;
use serde::{Deserialize, Serialize};

use super::AuthenticationServer;

/// The version of the stored form that this code writes and reads.
const VERSION: u32 = 1;

/// By what a network is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "by",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[non_exhaustive]
pub enum Recognition {
    /// By the user alone, who names it.
    ByName,
    /// By NetworkManager's connection that is active.
    Connection {
        /// What tells the connection.
        uuid: String,
    },
    /// By the server that authenticated it by 802.1X.
    AuthenticationServer(AuthenticationServer),
}

/// A network that the user trusts to enrol in. In JSON it carries the number of its form, and another number is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrustedNetwork {
    version: u32,
    /// The domain that it may enrol this device for, without a final dot; absent where any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// By what it is recognised.
    pub recognition: Recognition,
    /// When the user said so, seconds since 1970.
    pub since: u64,
}

impl TrustedNetwork {
    /// A network that is trusted from this moment on, seconds since 1970.
    #[must_use]
    pub fn new(domain: Option<&DomainName>, recognition: Recognition, since: u64) -> Self {
        Self {
            version: VERSION,
            domain: domain.map(|domain| domain.without_dot().to_owned()),
            recognition,
            since,
        }
    }

    /// Whether its form is one that this code knows.
    pub(crate) fn check(self) -> Result<Self, String> {
        if self.version == VERSION {
            return Ok(self);
        }
        Err(format!("`version` is {}, expected {VERSION}", self.version))
    }
}
