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

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};

    use super::*;

    fn texts(option: &[u8]) -> Vec<String> {
        let found = parse(option).unwrap().into_iter();
        found.map(|domain| domain.to_string()).collect()
    }

    /// Two names that share their end, as the RFC's section 2 has them.
    #[test]
    fn names_are_compressed_within_the_option() {
        let option = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
        assert_eq!(texts(option), ["eng.apple.com.", "marketing.apple.com."]);
        assert_eq!(texts(b""), [""; 0]);
        assert_eq!(texts(b"\x03CoM\0\xc0\x00"), ["com."]);
    }

    #[test]
    fn what_nobody_can_ask_about_is_left_out() {
        assert_eq!(texts(b"\0\x03a b\0\x03net\0"), ["net."]);
        let many: Vec<u8> = (b'a'..=b'z').flat_map(|letter| [1, letter, 0]).collect();
        assert_eq!(parse(&many).unwrap().len(), DOMAINS);
    }

    #[test]
    fn malformed_options_are_refused() {
        for option in [
            b"\x03com".as_slice(),
            b"\xc0\x00",
            b"\x01a\xc0\x00",
            b"\xc0\x02\x01a\0",
            b"\x01a\xc0",
            b"\x40a\0",
            b"\x05net\0",
        ] {
            assert_eq!(
                parse(option),
                Err(SearchListError::Malformed),
                "{option:x?}"
            );
        }
        let long = [0; 511];
        assert_eq!(parse(&long), Err(SearchListError::TooLong { octets: 511 }));
    }
}
