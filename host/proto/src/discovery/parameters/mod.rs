//! What a host asks a network for without taking an address from it, and what the answers say: DHCPINFORM, the
//! Information-request of DHCPv6, and router solicitations. Only domains to look in and designated resolvers (RFC 9463) are
//! asked for; everything else in an answer is passed over.

pub(super) mod dhcp_v4;
mod dhcp_v6;
mod router;

use alloc::vec::Vec;

use super::{
    DomainName,
    dnr::{Carrier, NetworkOption},
};

pub use dhcp_v4::{acknowledgement, inform};
pub use dhcp_v6::{information_request, reply};
pub use router::{advertisement, solicitation};

/// Octets of a message that are read: what fits into one packet of a link without jumbo frames, and some.
pub const MESSAGE: usize = 2_048;
/// Options that one answer gives.
pub const OPTIONS: usize = 16;

/// What an answer says. Whoever runs a server or router on the link says it: a proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Domains, the one of the host itself first, at most [`super::limits::DOMAINS`] of each option.
    pub domains: Vec<DomainName>,
    /// Options that designate encrypted resolvers, at most [`OPTIONS`].
    pub options: Vec<NetworkOption>,
}

impl Parameters {
    fn add(&mut self, domain: DomainName) {
        if !self.domains.contains(&domain) {
            self.domains.push(domain);
        }
    }

    fn designate(&mut self, carrier: Carrier, data: &[u8]) {
        if self.options.len() < OPTIONS {
            self.options.push(NetworkOption {
                carrier,
                data: data.into(),
                lifetime: None,
            });
        }
    }

    /// Says for how long what DHCP said holds.
    fn hold(&mut self, lifetime: Option<&[u8]>) {
        let lifetime = lifetime.and_then(|data| data.try_into().ok());
        let lifetime = lifetime.map(u32::from_be_bytes);
        self.options
            .iter_mut()
            .for_each(|option| option.lifetime = lifetime);
    }
}
