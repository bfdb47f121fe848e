//! What a host asks a network for without taking an address from it, and what the answers say: DHCPINFORM, the
//! Information-request of DHCPv6, and router solicitations. Only domains to look in and designated resolvers (RFC 9463) are
//! asked for; everything else in an answer is passed over.

mod dhcp_v4;
mod dhcp_v6;
mod router;

use alloc::vec::Vec;

use super::DomainName;

pub use dhcp_v4::{acknowledgement, inform};
pub use dhcp_v6::{information_request, reply};
pub use router::{advertisement, solicitation};

/// Octets of a message that are read: what fits into one packet of a link without jumbo frames, and some.
pub const MESSAGE: usize = 2_048;
/// Designations of resolvers that one answer gives.
pub const DESIGNATIONS: usize = 16;

/// What an answer says. Whoever runs a server or router on the link says it: a proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Domains, the one of the host itself first, at most [`super::limits::DOMAINS`] and one.
    pub domains: Vec<DomainName>,
    /// Options that designate encrypted resolvers, as they came: of DHCPv4 the data of one option, its fragments joined; of
    /// DHCPv6 the data of each option; of a router advertisement each whole option. At most [`DESIGNATIONS`].
    pub designations: Vec<Vec<u8>>,
    /// For how many seconds it holds, where the answer says.
    pub lifetime: Option<u32>,
}

impl Parameters {
    fn add(&mut self, domain: DomainName) {
        if !self.domains.contains(&domain) {
            self.domains.push(domain);
        }
    }

    fn designate(&mut self, option: &[u8]) {
        if self.designations.len() < DESIGNATIONS {
            self.designations.push(option.to_vec());
        }
    }
}
