//! What a session knows before its first event.

use alloc::{string::String, sync::Arc, vec, vec::Vec};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::judgement::{
    AnchorSet, Clock, Conveyed, Der, NetworkIdentity, RequestError, Transport, UsageProfile,
};

/// How many servers one round of attempts tries. An attacker's list of dead servers costs a handshake's time each.
pub const ATTEMPTS: u32 = 16;

/// What a session knows before its first event. It is the head of a [`super::Transcript`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The authentication domain name, with or without a final dot. Another one is another session.
    pub authentication_domain_name: String,
    /// The usage profile; DoH is judged under strict whatever stands here (the draft's section 1).
    pub usage_profile: UsageProfile,
    /// How the time is known.
    pub clock: Clock,
    /// How the network's identity is known.
    pub network_identity: NetworkIdentity,
    /// The trust anchors that apply.
    pub anchors: Arc<AnchorSet>,
    /// What the enrolment conveyed.
    pub conveyed: Conveyed,
    /// Certificate revocation lists, DER, not verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<Der>,
    /// A random number, drawn anew for each session: SRV weights are decided by it.
    pub seed: u64,
    /// The transports that the driver can connect by. A candidate of another is told and passed over.
    pub transports: Vec<Transport>,
    /// The generation of the policy set that is active.
    pub generation: u64,
    /// How many servers a round of attempts tries, at most [`ATTEMPTS`].
    pub attempts: u32,
    /// How many sessions for this domain failed just before; a longer row waits longer ([`super::Failure::retry_after`]).
    #[serde(default)]
    pub previous_failures: u32,
}

impl Config {
    /// A session for this domain under the strict profile, over DoT alone, without trust anchors or enrolment.
    #[must_use]
    pub fn new(authentication_domain_name: impl Into<String>, seed: u64) -> Self {
        Self {
            authentication_domain_name: authentication_domain_name.into(),
            usage_profile: UsageProfile::Strict,
            clock: Clock::Synchronized,
            network_identity: NetworkIdentity::None,
            anchors: Arc::default(),
            conveyed: Conveyed::NotEnrolled,
            crls: Vec::new(),
            seed,
            transports: vec![Transport::Dot],
            generation: 0,
            attempts: ATTEMPTS,
            previous_failures: 0,
        }
    }
}

/// A configuration that no session can begin with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The domain is no name that a certificate could be checked against.
    #[error("authentication domain name `{name}` {problem} (RFC 8310 section 7)")]
    Name {
        /// What came, printable characters only.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The evidence is larger than what is judged.
    #[error(transparent)]
    TooLarge(#[from] RequestError),
    /// No server may be tried.
    #[error("`attempts` is 0, expected 1 to {ATTEMPTS}")]
    Attempts,
}
