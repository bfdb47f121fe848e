//! What a session knows before its first event.

use alloc::{string::String, sync::Arc, vec, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::{self, LONGEST_DELAY, SHORTEST_DELAY};
use crate::{
    discovery::{ConfiguredError, ConfiguredServer, Plan, Timestamp, dnr::NetworkOption},
    judgement::{
        AnchorSet, Clock, Conveyed, Der, NetworkIdentity, RequestError, Source, Transport,
        UsageProfile,
    },
};

/// How many servers one round of attempts tries. An attacker's list of dead servers costs a handshake's time each.
pub const ATTEMPTS: u32 = 16;

/// What a session knows before its first event. It is the head of a [`super::Transcript`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The authentication domain name, with or without a final dot. Another one is another session. Absent: the resolver is
    /// looked for that the network itself designates, and the network says what it is authenticated by (RFC 8310 section
    /// 7.3): the name of a DNR option, the address of the resolver that designates it.
    pub authentication_domain_name: Option<String>,
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
    /// The ways that discovery goes. S-NAPTR, SVCB and services are asked of the domain; DNR counts for the domain's own
    /// name, and for any name where there is no domain; DDR is gone only where there is no domain.
    #[serde(default = "every_method")]
    pub methods: Vec<Source>,
    /// The resolver that is asked in clear text: what it designates must answer to this address (RFC 9462 section 4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<IpAddr>,
    /// What DHCP and router advertisements said of encrypted resolvers so far (RFC 9463).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_options: Vec<NetworkOption>,
    /// Servers that an administrator wrote down, tried like those that are discovered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configured: Vec<ConfiguredServer>,
    /// Servers that are used when nothing else could be (the draft's section 7); each has a name of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<ConfiguredServer>,
    /// The trust anchors for servers of the fallback: an enrolment's say nothing about them.
    #[serde(default)]
    pub fallback_anchors: Arc<AnchorSet>,
    /// Whether an authenticated server is asked what it says about itself (RFC 9606) before its privacy is assessed. It
    /// costs a round trip for each connection.
    #[serde(default)]
    pub resolver_info: bool,
    /// Where an authenticated server may say that a privacy statement is that somebody signed (draft-reddy-add-server-policy-selection):
    /// it is fetched before its privacy is assessed, from the first that says so. None: nothing is fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privacy_token: Vec<TokenSource>,
    /// Whether TLSA records are looked up (RFC 7671), for policies that use them. They say something only where the driver
    /// validates signatures (DNSSEC). A server whose records cannot be had is not used.
    #[serde(default)]
    pub tlsa: bool,
    /// Whether the path of a DoH server's URI template, where no SVCB record says it, is asked for by the way that the draft names
    /// (draft-ietf-doh-resolver-associated-doh-03).
    #[serde(default)]
    pub associated_templates: bool,
    /// Whether it is asked for by a RESINFO record in JSON, too (draft-sah-resinfo-doh-00): a form from before RFC 9606.
    #[serde(default)]
    pub legacy_resolver_info: bool,
    /// How many servers a round of attempts tries, 1 to [`ATTEMPTS`].
    pub attempts: u32,
    /// What may be attempted at once.
    #[serde(default)]
    pub at_once: AtOnce,
    /// The Connection Attempt Delay of RFC 8305 section 5, milliseconds, from [`limits::SHORTEST_DELAY`] to
    /// [`limits::LONGEST_DELAY`]: how long an attempt is alone before the next one begins beside it, and how long a server
    /// that was vetted waits for those that are ranked before it.
    #[serde(default = "attempt_delay")]
    pub attempt_delay: u64,
    /// Servers that are not tried over a transport for a while, as sessions before found out ([`super::Session::avoided`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avoided: Vec<Avoided>,
    /// How many sessions for this domain failed just before; a longer row waits longer ([`super::Failure::retry_after`]).
    #[serde(default)]
    pub previous_failures: u32,
}

/// Where a server says that a signed privacy statement is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenSource {
    /// The key [`crate::privacy_token::RESOLVER_INFO_KEY`] of its RESINFO record, which [`Config::resolver_info`] has asked for.
    ResolverInfo,
    /// The URL of the policy in the privacy extension of its certificate, under this object identifier, dotted.
    Extension(String),
}

/// A server that could not be connected to over a transport without connections of its own (RFC 8094 section 3.1, RFC 9250 section
/// 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Avoided {
    /// The transport.
    pub transport: Transport,
    /// The server's address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Until when it is not tried.
    pub until: Timestamp,
}

/// What may be attempted at once, at most [`limits::ABREAST`] attempts. The order of the selectors stays: it says which attempt
/// begins first, and which of several vetted servers is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AtOnce {
    /// Any servers that the selectors left.
    #[default]
    Servers,
    /// Addresses of one server; another server is attempted when all of them failed.
    Addresses,
    /// One address: no other is attempted before it failed.
    One,
}

const fn attempt_delay() -> u64 {
    limits::ATTEMPT_DELAY
}

/// See [`Config::attempt_delay`].
pub(super) fn check_delay(milliseconds: u64) -> Result<(), ConfigError> {
    if (SHORTEST_DELAY..=LONGEST_DELAY).contains(&milliseconds) {
        Ok(())
    } else {
        Err(ConfigError::Delay(milliseconds))
    }
}

fn every_method() -> Vec<Source> {
    Plan::METHODS.into()
}

impl Config {
    /// A session for this domain under the strict profile, over DoT alone, without trust anchors or enrolment.
    #[must_use]
    pub fn new(authentication_domain_name: impl Into<String>, seed: u64) -> Self {
        Self {
            authentication_domain_name: Some(authentication_domain_name.into()),
            usage_profile: UsageProfile::Strict,
            clock: Clock::Synchronized,
            network_identity: NetworkIdentity::None,
            anchors: Arc::default(),
            conveyed: Conveyed::NotEnrolled,
            crls: Vec::new(),
            seed,
            transports: vec![Transport::Dot],
            generation: 0,
            methods: every_method(),
            resolver: None,
            network_options: Vec::new(),
            configured: Vec::new(),
            fallback: Vec::new(),
            fallback_anchors: Arc::default(),
            resolver_info: false,
            privacy_token: Vec::new(),
            tlsa: false,
            associated_templates: false,
            legacy_resolver_info: false,
            attempts: ATTEMPTS,
            at_once: AtOnce::default(),
            attempt_delay: limits::ATTEMPT_DELAY,
            avoided: Vec::new(),
            previous_failures: 0,
        }
    }

    /// A session for the resolver that the network designates, asked of the resolver at this address, like [`Self::new`]
    /// otherwise.
    #[must_use]
    pub fn of_network(resolver: IpAddr, seed: u64) -> Self {
        Self {
            authentication_domain_name: None,
            resolver: Some(resolver),
            ..Self::new("", seed)
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
    /// A server that was written down cannot be meant.
    #[error("server {position} of `configured`: {problem}")]
    Configured {
        /// Which of them, the first is 1.
        position: usize,
        /// What is wrong with it.
        problem: ConfiguredError,
    },
    /// A server of the fallback cannot be meant.
    #[error("server {position} of `fallback`: {problem}")]
    Fallback {
        /// Which of them, the first is 1.
        position: usize,
        /// What is wrong with it.
        problem: ConfiguredError,
    },
    /// No server may be tried, or too many.
    #[error("`attempts` is {0}, expected 1 to {ATTEMPTS}")]
    Attempts(u32),
    /// Attempts would follow each other too fast or too slowly.
    #[error("`attempt_delay` is {0} ms, expected {SHORTEST_DELAY} to {LONGEST_DELAY} (RFC 8305 8)")]
    Delay(u64),
}
