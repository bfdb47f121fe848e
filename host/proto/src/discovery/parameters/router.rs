//! Router solicitations and advertisements (RFC 4861), and the domains in them (RFC 8106).

use super::{MESSAGE, Parameters};
use crate::discovery::{
    dnr::{Carrier, ROUTER_ADVERTISEMENT_TYPE},
    search_list,
};

const SOLICITATION: u8 = 133;
const ADVERTISEMENT: u8 = 134;
/// Octets of an advertisement before its options, and of the unit in which options count.
const FIXED: usize = 16;
const UNIT: usize = 8;

const SEARCH_LIST: u8 = 31;

/// A router solicitation (section 4.1) without a link-layer address. The system fills the checksum in.
#[must_use]
pub const fn solicitation() -> [u8; 8] {
    [SOLICITATION, 0, 0, 0, 0, 0, 0, 0]
}

/// What an ICMPv6 message says, if it is a router advertisement (section 4.2); `None` otherwise, and when it cannot be read
/// (section 6.1.2). Who sent it, and over how many hops, is the driver's to check.
#[must_use]
pub fn advertisement(message: &[u8]) -> Option<Parameters> {
    let (fixed, mut rest) = message.split_at_checked(FIXED)?;
    if !fixed.starts_with(&[ADVERTISEMENT, 0]) || message.len() > MESSAGE {
        return None;
    }
    let mut parameters = Parameters::default();
    while let [kind, units, ..] = rest {
        let length = usize::from(*units) * UNIT;
        if length == 0 {
            return None;
        }
        let (option, after) = rest.split_at_checked(length)?;
        match *kind {
            SEARCH_LIST => {
                // Two reserved octets and a lifetime come before the names, zeros after them (RFC 8106 section 5.2).
                let domains = option.get(8..).map(search_list::parse);
                let domains = domains.and_then(Result::ok).unwrap_or_default();
                domains
                    .into_iter()
                    .for_each(|domain| parameters.add(domain));
            }
            ROUTER_ADVERTISEMENT_TYPE => parameters.designate(Carrier::RouterAdvertisement, option),
            _ => {}
        }
        rest = after;
    }
    rest.is_empty().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn message(options: &[&[u8]]) -> Vec<u8> {
        let mut message = Vec::from([ADVERTISEMENT, 0]);
        message.resize(FIXED, 0);
        message.extend(options.concat());
        message
    }

    #[test]
    fn options_are_given_whole() {
        let search = [[31, 2, 0, 0, 0, 0, 2, 88].as_slice(), b"\x01a\0\x01b\0\0\0"].concat();
        let resolver = [144, 1, 0, 1, 0, 0, 14, 16];
        let found = message(&[&search, &[5, 1, 0, 0, 0, 0, 5, 220], &resolver, &resolver]);
        let parameters = advertisement(&found).unwrap();
        let options = parameters.options.iter();
        let options: Vec<_> = options.map(|option| &*option.data).collect();
        assert_eq!(options, [resolver, resolver]);
        let domains: Vec<_> = parameters.domains.iter().map(|d| d.as_str()).collect();
        assert_eq!(domains, ["a.", "b."]);
    }

    #[test]
    fn what_is_no_advertisement_says_nothing() {
        assert_eq!(advertisement(&message(&[])), Some(Parameters::default()));
        assert_eq!(advertisement(&solicitation()), None);
        for option in [
            [144, 0, 0, 0, 0, 0, 0, 0].as_slice(),
            &[144, 2, 0, 0, 0, 0, 0, 0],
            &[144],
            &[0],
        ] {
            assert_eq!(advertisement(&message(&[option])), None, "{option:?}");
        }
        let mut other = message(&[]);
        other[1] = 1;
        assert_eq!(advertisement(&other), None);
    }
}
