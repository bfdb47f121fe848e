//! Writing the three encodings, for whoever publishes.

use alloc::vec::Vec;
use core::net::IpAddr;

use thiserror::Error;

use super::{DHCP_V4_CODE, Designation, ROUTER_ADVERTISEMENT_TYPE, Service};

/// Data of one DHCPv4 option: what is longer is split (RFC 3396 section 5).
const FRAGMENT: usize = 255;
/// Octets of a unit in which router advertisements count.
const UNIT: usize = 8;

/// A designation that an encoding has no room or no form for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Something is longer than its length can say.
    #[error("{what} of {octets} octets does not fit (RFC 9463 section {section})")]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it is.
        octets: usize,
        /// The section that has the encoding.
        section: &'static str,
    },
    /// An address of the family that the encoding does not carry.
    #[error("address {address} is of the other family (RFC 9463 section {section})")]
    Family {
        /// The address.
        address: IpAddr,
        /// The section that has the encoding.
        section: &'static str,
    },
    /// There are SvcParams and no address.
    #[error(
        "a service without an address cannot be written: leave the service out (RFC 9463 section 3.1.6)"
    )]
    NoAddress,
}

/// The data of the DHCPv4 option with these designations; [`dhcp_v4_fragments`] makes options of it.
///
/// # Errors
/// [`WriteError`].
pub fn write_dhcp_v4(designations: &[Designation]) -> Result<Vec<u8>, WriteError> {
    let section = "5.1";
    let mut data = Vec::new();
    for designation in designations {
        let mut instance = designation.priority.to_be_bytes().to_vec();
        let name = designation.name.to_wire();
        instance.push(octet(name.len(), "name", section)?);
        instance.extend_from_slice(&name);
        if let Some(service) = &designation.service {
            let addresses = addresses(service, true, section)?;
            instance.push(octet(addresses.len(), "list of addresses", section)?);
            instance.extend_from_slice(&addresses);
            instance.extend_from_slice(&params(service, section)?);
        }
        data.extend_from_slice(&number(instance.len(), "instance", section)?);
        data.extend_from_slice(&instance);
    }
    Ok(data)
}

/// The options of a DHCPv4 message that carry this data, with code and length.
#[must_use]
pub fn dhcp_v4_fragments(data: &[u8]) -> Vec<Vec<u8>> {
    let fragment = |data: &[u8]| {
        // A chunk has at most 255 octets.
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        [&[DHCP_V4_CODE, length], data].concat()
    };
    data.chunks(FRAGMENT).map(fragment).collect()
}

/// The data of a DHCPv6 option with this designation.
///
/// # Errors
/// [`WriteError`].
pub fn write_dhcp_v6(designation: &Designation) -> Result<Vec<u8>, WriteError> {
    let section = "4.1";
    let mut data = designation.priority.to_be_bytes().to_vec();
    named(&mut data, designation, section)?;
    if let Some(service) = &designation.service {
        let addresses = addresses(service, false, section)?;
        data.extend_from_slice(&number(addresses.len(), "list of addresses", section)?);
        data.extend_from_slice(&addresses);
        data.extend_from_slice(&params(service, section)?);
    }
    Ok(data)
}

/// The option of a router advertisement with this designation, whole, with type and length. A lifetime that the designation
/// does not say is without end.
///
/// # Errors
/// [`WriteError`].
pub fn write_router_advertisement(designation: &Designation) -> Result<Vec<u8>, WriteError> {
    let section = "6.1";
    let mut option = [ROUTER_ADVERTISEMENT_TYPE, 0].to_vec();
    option.extend_from_slice(&designation.priority.to_be_bytes());
    option.extend_from_slice(&designation.lifetime.unwrap_or(u32::MAX).to_be_bytes());
    named(&mut option, designation, section)?;
    if let Some(service) = &designation.service {
        let addresses = addresses(service, false, section)?;
        option.extend_from_slice(&number(addresses.len(), "list of addresses", section)?);
        option.extend_from_slice(&addresses);
        let params = params(service, section)?;
        option.extend_from_slice(&number(params.len(), "SvcParams", section)?);
        option.extend_from_slice(&params);
    }
    option.resize(option.len().next_multiple_of(UNIT), 0);
    let units = octet(
        option.len() / UNIT,
        "option, in units of 8 octets,",
        section,
    )?;
    if let Some(length) = option.get_mut(1) {
        *length = units;
    }
    Ok(option)
}

fn named(
    out: &mut Vec<u8>,
    designation: &Designation,
    section: &'static str,
) -> Result<(), WriteError> {
    let name = designation.name.to_wire();
    out.extend_from_slice(&number(name.len(), "name", section)?);
    out.extend_from_slice(&name);
    Ok(())
}

fn addresses(service: &Service, four: bool, section: &'static str) -> Result<Vec<u8>, WriteError> {
    if service.addresses.is_empty() {
        return Err(WriteError::NoAddress);
    }
    let mut octets = Vec::new();
    for &address in &service.addresses {
        match (address, four) {
            (IpAddr::V4(address), true) => octets.extend_from_slice(&address.octets()),
            (IpAddr::V6(address), false) => octets.extend_from_slice(&address.octets()),
            _ => return Err(WriteError::Family { address, section }),
        }
    }
    Ok(octets)
}

fn params(service: &Service, section: &'static str) -> Result<Vec<u8>, WriteError> {
    service.params.encode().map_err(|key| WriteError::TooLong {
        what: "value of a parameter",
        octets: service.params.get(key).unwrap_or_default().len(),
        section,
    })
}

fn octet(length: usize, what: &'static str, section: &'static str) -> Result<u8, WriteError> {
    u8::try_from(length).map_err(|_| too_long(length, what, section))
}

fn number(length: usize, what: &'static str, section: &'static str) -> Result<[u8; 2], WriteError> {
    let length = u16::try_from(length).map_err(|_| too_long(length, what, section))?;
    Ok(length.to_be_bytes())
}

const fn too_long(octets: usize, what: &'static str, section: &'static str) -> WriteError {
    WriteError::TooLong {
        what,
        octets,
        section,
    }
}
