//! Discovery of network-designated resolvers (RFC 9463): what DHCP and router advertisements say of encrypted resolvers.
//!
//! The three encodings carry the same: a service priority, an authentication domain name, and either nothing more (*ADN-only
//! mode*: the rest is looked up) or addresses and SvcParams. [`read`] takes any of them, [`write_dhcp_v4`],
//! [`write_dhcp_v6`] and [`write_router_advertisement`] make them for whoever publishes.
//!
//! A designation is no more to be trusted than the network that it came from: it proposes a server and the name that it is
//! to be authenticated by (section 3.3).

mod read;
mod write;

use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    DomainName,
    svcb::{Params, SvcbError},
};
use crate::judgement::Der;

pub use read::{from_dhcp_v4_areas, read};
pub use write::{
    WriteError, dhcp_v4_fragments, write_dhcp_v4, write_dhcp_v6, write_router_advertisement,
};

/// The DHCPv4 option's code (section 9.2).
pub const DHCP_V4_CODE: u8 = 162;
/// The DHCPv6 option's code (section 9.1).
pub const DHCP_V6_CODE: u16 = 144;
/// The type of the option in router advertisements (section 9.3).
pub const ROUTER_ADVERTISEMENT_TYPE: u8 = 144;
/// Designations that are read of one option. A network has a handful.
pub const DESIGNATIONS: usize = 16;
/// Addresses of one designation that are used.
pub const ADDRESSES: usize = 8;

/// What an option came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Carrier {
    /// DHCPv4: the option's data, all its fragments joined (RFC 3396); one option has several designations.
    DhcpV4,
    /// DHCPv6: the option's data; each designation is an option of its own.
    DhcpV6,
    /// Router advertisement: the whole option with its type and length; each designation is an option of its own.
    RouterAdvertisement,
}

impl Carrier {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DhcpV4 => "dhcp-v4",
            Self::DhcpV6 => "dhcp-v6",
            Self::RouterAdvertisement => "router-advertisement",
        }
    }
}

/// An option as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkOption {
    /// What it came in.
    pub carrier: Carrier,
    /// Its octets; [`Carrier`] says which.
    pub data: Der,
    /// For how many seconds what DHCP said holds, where that is known. A router advertisement says it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
}

/// A resolver that the network designates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designation {
    /// Smaller first.
    pub priority: u16,
    /// What it must be authenticated by.
    pub name: DomainName,
    /// For how many seconds it holds, where the option or the lease says; 0 means to use it no longer (section 6.1).
    pub lifetime: Option<u32>,
    /// Where it is; absent in ADN-only mode.
    pub service: Option<Service>,
}

/// Where a designated resolver is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its addresses, in the network's order, without those that no server has.
    pub addresses: Vec<IpAddr>,
    /// SvcParams without hints.
    pub params: Params,
}

/// A designation that is discarded (section 3.1.8 and those of each encoding).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DnrError {
    /// The octets end early, or a length says more or less than there is.
    #[error("length of the {place} does not fit (RFC 9463 section {section})")]
    Length {
        /// Where.
        place: &'static str,
        /// The section that has the encoding.
        section: &'static str,
    },
    /// The option is another.
    #[error("type of the option is {came}, expected 144 (RFC 9463 section 6.1)")]
    Type {
        /// What came.
        came: u8,
    },
    /// The name is no one domain's, or not the only one.
    #[error("authentication domain name {problem} (RFC 9463 section 3.1.5)")]
    Name {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no address that a server could have.
    #[error("no address of `{name}` can be a server's (RFC 9463 section 3.1.8)")]
    NoAddress {
        /// The name.
        name: DomainName,
    },
    /// SvcParams are malformed.
    #[error("SvcParams of `{name}`: {problem}")]
    Params {
        /// The name.
        name: DomainName,
        /// What is wrong with them.
        problem: SvcbError,
    },
    /// SvcParams have addresses of their own.
    #[error(
        "SvcParams of `{name}` have hints, expected none beside addresses (RFC 9463 section 3.1.8)"
    )]
    Hints {
        /// The name.
        name: DomainName,
    },
    /// Octets that should be padding are not zero.
    #[error("padding has octets other than zero (RFC 9463 section 6.1)")]
    Padding,
    /// More designations than are read.
    #[error("more than {DESIGNATIONS} designations, the rest is left out")]
    TooMany,
}
