//! The domains of a DHCP search list (RFC 3397, DHCPv6: RFC 3646 section 4).

use alloc::vec::Vec;

use hickory_proto::{
    rr::Name,
    serialize::binary::{BinDecodable as _, BinDecoder},
};
use thiserror::Error;

use super::{DomainName, limits::DOMAINS};

/// Octets of a search list that are read: what two options of DHCP hold, and more than [`DOMAINS`] names need.
const OCTETS: usize = 510;

/// The option cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SearchListError {
    /// A name in it ends early, or points forward or at itself.
    #[error("domain search list is malformed (RFC 3397 2)")]
    Malformed,
    /// It is longer than any search list.
    #[error("domain search list of {octets} octets, at most {OCTETS} are read (RFC 3397 2)")]
    TooLong {
        /// How many came.
        octets: usize,
    },
}

/// Reads option 119 of DHCP or option 24 of DHCPv6, the parts of a split one joined: names that may be compressed by pointers
/// into the option itself. What cannot be the name of a domain is left out, and so is what comes after [`DOMAINS`] names.
///
/// # Errors
/// The option is malformed, so that nothing in it is believed, or too long.
pub fn parse(option: &[u8]) -> Result<Vec<DomainName>, SearchListError> {
    if option.len() > OCTETS {
        let octets = option.len();
        return Err(SearchListError::TooLong { octets });
    }
    let mut decoder = BinDecoder::new(option);
    let mut domains = Vec::new();
    while !decoder.is_empty() {
        let name = Name::read(&mut decoder).map_err(|_| SearchListError::Malformed)?;
        let domain = DomainName::of(&name);
        if domain.can_be_asked() && !domains.contains(&domain) && domains.len() < DOMAINS {
            domains.push(domain);
        }
    }
    Ok(domains)
}
