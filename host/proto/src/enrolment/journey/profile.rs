//! What a journey knows beforehand, whichever it is.

use alloc::{string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits;
use crate::{
    enrolment::est::CaLabel,
    judgement::{
        AnchorDatabase, AnchorSet, Clock, NetworkIdentity, Presented, Purpose, ReferenceId,
        Request, Server, ServerAuthentication,
    },
};

/// Which trust anchor databases may be used (RFC 7030 section 1.1). A database that is not named is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorChoice {
    /// The system's anchors alone, as the draft's section 4 has it: `/cacerts` is not asked.
    Implicit(Arc<AnchorSet>),
    /// What an authenticated `/cacerts` gives, and nothing else.
    Explicit,
    /// What an authenticated `/cacerts` gives; where it gives nothing, the system's anchors.
    Either(Arc<AnchorSet>),
}

impl AnchorChoice {
    /// Whether `/cacerts` is asked.
    #[must_use]
    pub const fn asks(&self) -> bool {
        matches!(self, Self::Explicit | Self::Either(_))
    }

    /// The Implicit anchors, where they are not disabled.
    #[must_use]
    pub const fn implicit(&self) -> Option<&Arc<AnchorSet>> {
        match self {
            Self::Implicit(set) | Self::Either(set) => Some(set),
            Self::Explicit => None,
        }
    }
}

/// What a journey knows beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// Which anchors may be used.
    pub anchors: AnchorChoice,
    /// The domain of the DNS server, where the user said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Whether an enrolment that conveys no certificate of a DNS server is one.
    #[serde(default)]
    pub anchors_suffice: bool,
    /// Whether `/crls` is asked.
    #[serde(default)]
    pub crls: bool,
    /// Whether `/pal` is asked, which says where certificates and revocation lists are (RFC 8295 section 2).
    #[serde(default)]
    pub pal: bool,
    /// The label of the certification authority, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<CaLabel>,
    /// How the time is known.
    pub clock: Clock,
    /// How the network's identity is known.
    pub network_identity: NetworkIdentity,
    /// The generation of the policy set that is active.
    pub generation: u64,
    /// How many journeys in this network failed just before.
    #[serde(default)]
    pub previous_failures: u32,
    /// The longest that a certification request may be pending, seconds; never longer than [`limits::PENDING_SECONDS`].
    #[serde(default = "pending_seconds")]
    pub pending_seconds: u64,
}

const fn pending_seconds() -> u64 {
    limits::PENDING_SECONDS
}

/// A journey must not begin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The user did not name the network as one to enrol in.
    #[error(
        "the network is not one that the user trusts to enrol in (draft-reddy-dprive-bootstrap-dns-server-04 11)"
    )]
    UntrustedNetwork,
    /// The enrolment cannot be renewed.
    #[error(
        "the enrolment knows no reference identifier of its EST server (draft-reddy-dprive-bootstrap-dns-server-04 9)"
    )]
    NoReferenceId,
}

impl Profile {
    /// Anchors and network; everything else as it most often is.
    #[must_use]
    pub const fn new(anchors: AnchorChoice, network_identity: NetworkIdentity) -> Self {
        Self {
            anchors,
            domain: None,
            anchors_suffice: false,
            crls: false,
            pal: false,
            label: None,
            clock: Clock::Synchronized,
            network_identity,
            generation: 0,
            previous_failures: 0,
            pending_seconds: pending_seconds(),
        }
    }

    pub(super) fn check(&self) -> Result<(), ProfileError> {
        match self.network_identity {
            NetworkIdentity::Named | NetworkIdentity::Authenticated => Ok(()),
            _ => Err(ProfileError::UntrustedNetwork),
        }
    }

    /// A question to the policies.
    pub(super) fn request(&self, purpose: Purpose, facts: Facts<'_>, now: u64) -> Request {
        Request {
            clock: self.clock.clone(),
            network_identity: self.network_identity.clone(),
            est_server_authentication: Some(facts.known.authentication.clone()),
            domain_cert_revocation_checks: facts.known.revocation_checks,
            authentication_domain_name: facts.domain.map(Into::into),
            reference_ids: facts.reference_ids,
            server: facts.server.cloned(),
            presented: facts.presented,
            anchors: Arc::clone(facts.anchors),
            crls: facts.crls.to_vec(),
            ..Request::new(purpose, now)
        }
    }
}

/// How the server is known that a journey is at.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) authentication: ServerAuthentication,
    /// What a voucher says of revocation checks in its domain.
    pub(super) revocation_checks: Option<bool>,
    /// What its certificate must answer to.
    pub(super) reference_ids: Vec<ReferenceId>,
}

/// What differs between the questions of one journey.
pub(super) struct Facts<'a> {
    pub(super) known: &'a Known,
    pub(super) domain: Option<&'a str>,
    pub(super) reference_ids: Vec<ReferenceId>,
    pub(super) server: Option<&'a Server>,
    pub(super) presented: Presented,
    pub(super) anchors: &'a Arc<AnchorSet>,
    pub(super) crls: &'a [crate::judgement::Der],
}

/// Explicit anchors of these certificates.
pub(super) fn explicit(certificates: Vec<crate::judgement::Der>) -> Arc<AnchorSet> {
    Arc::new(AnchorSet::new(AnchorDatabase::Explicit, certificates))
}
