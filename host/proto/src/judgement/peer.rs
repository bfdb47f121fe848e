//! What is known of the peer: where it is, what it presented, and what an enrolment conveyed of it.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Der, words::Transport};

/// Where a peer is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Server {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// DoH: the path of the URI template, with the variable `dns`: `/dns-query{?dns}`. The URI is `https`, with
    /// [`Request::peer`](super::Request::peer) as its host and this port (RFC 9461 section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Configurations with which the ClientHello is encrypted (RFC 9849), of which one can be used. The peer is not spoken to in
    /// any other way then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<Der>,
}

/// What a peer presented in its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Presented {
    /// DER, in the order in which they came: the end entity's first.
    pub certificates: Vec<Der>,
    /// The stapled OCSP response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp_response: Option<Der>,
}

/// What the enrolment conveyed about this network's DNS server (the draft's sections 4 and 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", deny_unknown_fields)]
pub enum Conveyed {
    /// There was no enrolment.
    #[default]
    NotEnrolled,
    /// The enrolment conveyed these end-entity certificates, DER.
    Certificates {
        /// At least one.
        certificates: Vec<Der>,
    },
    /// There was an enrolment and it conveyed no certificate of a DNS server.
    None {
        /// The enrolment's profile says that its trust anchors alone suffice.
        #[serde(default, rename = "anchors-suffice")]
        anchors_suffice: bool,
    },
}

impl Conveyed {
    /// The case as a word of the contract.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::NotEnrolled => "not-enrolled",
            Self::Certificates { .. } => "certificates",
            Self::None { .. } => "none",
        }
    }

    /// The certificates that were conveyed.
    #[must_use]
    pub fn certificates(&self) -> &[Der] {
        match self {
            Self::Certificates { certificates } => certificates,
            Self::NotEnrolled | Self::None { .. } => &[],
        }
    }

    /// Whether trust anchors alone suffice.
    #[must_use]
    pub const fn anchors_suffice(&self) -> bool {
        matches!(
            self,
            Self::None {
                anchors_suffice: true
            }
        )
    }
}
