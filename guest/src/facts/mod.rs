//! The facts of the request, one module for each interface of the contract.

pub mod anchors;
pub mod candidates;
pub mod context;
pub mod conveyed;
pub mod crypto;
pub mod log;
pub mod presented;
pub mod records;
pub mod revocation;
pub mod server;
pub mod settings;

use std::net::IpAddr;

/// An address of 4 or 16 octets; the contract has no other.
fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(octets).ok().map(Into::into)
}
