//! A server that went through every stage.

use alloc::{string::String, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    discovery::{DomainName, Timestamp},
    judgement::{Judgement, Request, Verdict},
};

/// What ends a verdict first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifetimeBound {
    /// The policies' own lifetime.
    Policy,
    /// The earliest end of validity in the presented chain.
    Certificate,
    /// The time to live of the records that the choice of server rests on.
    Discovery,
}

/// Something that went through every stage. Only a session makes one, and only as its last step: what takes a `Vetted` by
/// type cannot be reached without judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vetted<T> {
    pub(super) attempt: u32,
    pub(super) server: T,
    pub(super) target: String,
    pub(super) since: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) bound: LifetimeBound,
    pub(super) authenticated: bool,
    pub(super) generation: u64,
    pub(super) request: Arc<Request>,
    pub(super) validation: Judgement<Verdict>,
    pub(super) privacy: Judgement<Verdict>,
}

/// Something that a validator with authority accepted, and whose privacy was not assessed: it may be asked what it says about
/// itself, and nothing else. Only a session makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Authenticated<T> {
    pub(super) server: T,
    pub(super) name: DomainName,
}

impl<T> Authenticated<T> {
    /// What was authenticated.
    #[must_use]
    pub const fn server(&self) -> &T {
        &self.server
    }

    /// The name of its RESINFO record (RFC 9606 section 3): the one that it was authenticated by, or `resolver.arpa` where that
    /// was an address.
    #[must_use]
    pub const fn name(&self) -> &DomainName {
        &self.name
    }
}

impl<T> Vetted<T> {
    /// The attempt that it came of.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What was vetted.
    #[must_use]
    pub const fn server(&self) -> &T {
        &self.server
    }

    /// The host name that its address belongs to. No certificate was checked against it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// When it was judged.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// When the verdict ends: from then on nothing may be sent.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What ends it first.
    #[must_use]
    pub const fn bound(&self) -> LifetimeBound {
        self.bound
    }

    /// Whether a validator with authority accepted. False only under the opportunistic profile.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The generation that judged.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The request that was judged, with what the peer presented.
    #[must_use]
    pub const fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// The validation.
    #[must_use]
    pub const fn validation(&self) -> &Judgement<Verdict> {
        &self.validation
    }

    /// The privacy assessment.
    #[must_use]
    pub const fn privacy(&self) -> &Judgement<Verdict> {
        &self.privacy
    }
}
