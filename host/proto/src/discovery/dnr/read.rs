//! Reading the three encodings.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    ADDRESSES, Carrier, DESIGNATIONS, DHCP_V4_CODE, Designation, DnrError, NetworkOption,
    ROUTER_ADVERTISEMENT_TYPE, Service,
};
use crate::discovery::{
    DomainName, name,
    parameters::dhcp_v4::collect,
    svcb::{Params, key},
};

/// Octets of a unit in which router advertisements count.
const UNIT: usize = 8;

/// The designations of an option by ascending priority, and for each that is discarded the reason.
#[must_use]
pub fn read(option: &NetworkOption) -> (Vec<Designation>, Vec<DnrError>) {
    let results = match option.carrier {
        Carrier::DhcpV4 => dhcp_v4(&option.data),
        Carrier::DhcpV6 => vec![dhcp_v6(&option.data)],
        Carrier::RouterAdvertisement => vec![router_advertisement(&option.data)],
    };
    let mut designations = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(designation) => designations.push(Designation {
                lifetime: designation.lifetime.or(option.lifetime),
                ..designation
            }),
            Err(error) => errors.push(error),
        }
    }
    designations.sort_by_key(|designation| designation.priority);
    (designations, errors)
}

/// The data of the option in a DHCPv4 message, its fragments joined (RFC 3396 section 5): from the options field, then, where
/// option 52 says so, from the fields `file` and `sname`. The driver hands over those that are used, in this order. `None`
/// when there is no such option, or an area cannot be read.
#[must_use]
pub fn from_dhcp_v4_areas(areas: &[&[u8]]) -> Option<Vec<u8>> {
    let mut found = BTreeMap::new();
    for area in areas {
        collect(area, &mut found)?;
    }
    found.remove(&DHCP_V4_CODE)
}

/// Takes from the front of some octets; what does not fit is an error that says where.
struct Cursor<'a> {
    rest: &'a [u8],
    section: &'static str,
}

impl<'a> Cursor<'a> {
    const fn new(rest: &'a [u8], section: &'static str) -> Self {
        Self { rest, section }
    }

    fn take(&mut self, length: usize, place: &'static str) -> Result<&'a [u8], DnrError> {
        let section = self.section;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DnrError::Length { place, section })?;
        self.rest = rest;
        Ok(taken)
    }

    fn octet(&mut self, place: &'static str) -> Result<usize, DnrError> {
        let octet = self.take(1, place)?.first().copied();
        Ok(usize::from(octet.unwrap_or_default()))
    }

    fn number(&mut self, place: &'static str) -> Result<u16, DnrError> {
        let octets = self.take(2, place)?.try_into().unwrap_or_default();
        Ok(u16::from_be_bytes(octets))
    }
}

/// Section 5.1: designations in a row, each with its length.
fn dhcp_v4(data: &[u8]) -> Vec<Result<Designation, DnrError>> {
    let mut cursor = Cursor::new(data, "5.1");
    let mut results = Vec::new();
    while !cursor.rest.is_empty() {
        if results.len() >= DESIGNATIONS {
            results.push(Err(DnrError::TooMany));
            break;
        }
        let length = cursor.number("instance's length");
        let instance = length.and_then(|length| cursor.take(length.into(), "instance"));
        match instance {
            Ok(instance) => results.push(dhcp_v4_instance(instance)),
            Err(error) => {
                // Where one begins is known by the length of the one before: the rest is lost.
                results.push(Err(error));
                break;
            }
        }
    }
    results
}

fn dhcp_v4_instance(instance: &[u8]) -> Result<Designation, DnrError> {
    let mut cursor = Cursor::new(instance, "5.1");
    let priority = cursor.number("service priority")?;
    let length = cursor.octet("name's length")?;
    let name = domain(cursor.take(length, "name")?)?;
    let service = if cursor.rest.is_empty() {
        None
    } else {
        let length = cursor.octet("addresses' length")?;
        let addresses = v4(cursor.take(length, "addresses")?)?;
        Some(service(&name, addresses, cursor.rest)?)
    };
    Ok(Designation {
        priority,
        name,
        lifetime: None,
        service,
    })
}

/// Section 4.1.
fn dhcp_v6(data: &[u8]) -> Result<Designation, DnrError> {
    let mut cursor = Cursor::new(data, "4.1");
    let priority = cursor.number("service priority")?;
    let length = cursor.number("name's length")?;
    let name = domain(cursor.take(length.into(), "name")?)?;
    let service = if cursor.rest.is_empty() {
        None
    } else {
        let length = cursor.number("addresses' length")?;
        let addresses = v6(cursor.take(length.into(), "addresses")?, "4.1")?;
        Some(service(&name, addresses, cursor.rest)?)
    };
    Ok(Designation {
        priority,
        name,
        lifetime: None,
        service,
    })
}

/// Section 6.1. Padding makes ADN-only mode look like addresses of length 0, which it stands for.
fn router_advertisement(option: &[u8]) -> Result<Designation, DnrError> {
    let mut cursor = Cursor::new(option, "6.1");
    let kind = cursor.octet("type")?;
    if kind != usize::from(ROUTER_ADVERTISEMENT_TYPE) {
        let came = u8::try_from(kind).unwrap_or(u8::MAX);
        return Err(DnrError::Type { came });
    }
    let units = cursor.octet("length")?;
    if units == 0 || units.checked_mul(UNIT) != Some(option.len()) {
        return Err(DnrError::Length {
            place: "option",
            section: "6.1",
        });
    }
    let priority = cursor.number("service priority")?;
    let [high, low] = [cursor.number("lifetime")?, cursor.number("lifetime")?];
    let lifetime = (u32::from(high) << 16) | u32::from(low);
    let length = cursor.number("name's length")?;
    let name = domain(cursor.take(length.into(), "name")?)?;
    let service = if cursor.rest.iter().all(|octet| *octet == 0) {
        None
    } else {
        let length = cursor.number("addresses' length")?;
        let addresses = v6(cursor.take(length.into(), "addresses")?, "6.1")?;
        let length = cursor.number("SvcParams' length")?;
        let params = cursor.take(length.into(), "SvcParams")?;
        Some(service(&name, addresses, params)?)
    };
    if service.is_some() && cursor.rest.iter().any(|octet| *octet != 0) {
        return Err(DnrError::Padding);
    }
    if cursor.rest.len() >= UNIT && service.is_some() {
        return Err(DnrError::Length {
            place: "padding",
            section: "6.1",
        });
    }
    Ok(Designation {
        priority,
        name,
        lifetime: Some(lifetime),
        service,
    })
}

/// One name, whole, without compression, and one that a certificate could have (RFC 8415 section 10).
fn domain(octets: &[u8]) -> Result<DomainName, DnrError> {
    let wrong = |problem| DnrError::Name { problem };
    if octets.is_empty() {
        return Err(wrong("is missing"));
    }
    let (name, rest) = name::from_wire(octets).ok_or_else(|| wrong("is no name"))?;
    if !rest.is_empty() {
        return Err(wrong("is not the only one"));
    }
    if !name.can_be_asked() {
        return Err(wrong("is no name of a domain"));
    }
    Ok(name)
}

fn v4(octets: &[u8]) -> Result<Vec<IpAddr>, DnrError> {
    let (addresses, rest) = octets.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(DnrError::Length {
            place: "addresses",
            section: "5.1",
        });
    }
    Ok(addresses
        .iter()
        .map(|octets| Ipv4Addr::from(*octets).into())
        .collect())
}

fn v6(octets: &[u8], section: &'static str) -> Result<Vec<IpAddr>, DnrError> {
    let (addresses, rest) = octets.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(DnrError::Length {
            place: "addresses",
            section,
        });
    }
    Ok(addresses
        .iter()
        .map(|octets| Ipv6Addr::from(*octets).into())
        .collect())
}

/// Addresses and SvcParams; multicast and loopback are left out in silence.
fn service(name: &DomainName, addresses: Vec<IpAddr>, params: &[u8]) -> Result<Service, DnrError> {
    let usable = |address: &IpAddr| {
        let mapped = matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_some());
        let broadcast = matches!(address, IpAddr::V4(four) if four.is_broadcast());
        let nobody = address.is_multicast() || address.is_loopback() || address.is_unspecified();
        !(mapped || broadcast || nobody)
    };
    let addresses: Vec<IpAddr> = addresses
        .into_iter()
        .filter(usable)
        .take(ADDRESSES)
        .collect();
    if addresses.is_empty() {
        return Err(DnrError::NoAddress { name: name.clone() });
    }
    let params = Params::parse(params).map_err(|problem| DnrError::Params {
        name: name.clone(),
        problem,
    })?;
    if params
        .get(key::IPV4HINT)
        .or(params.get(key::IPV6HINT))
        .is_some()
    {
        return Err(DnrError::Hints { name: name.clone() });
    }
    Ok(Service { addresses, params })
}
