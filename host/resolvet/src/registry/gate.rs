//! Addresses that are never connected to, whoever names them: what a name resolves to, where a redirect leads, where tokens are
//! asked for.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;
use tokio::net::lookup_host;

use super::error::RegistryError;
use crate::addresses::forms;

/// Addresses of one host that are tried.
const ADDRESSES: usize = 16;

/// Why an address is not connected to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// It is of the link alone: where clouds keep their machines' credentials.
    #[error("it is link-local")]
    LinkLocal,
    /// It is nobody's, or many machines'.
    #[error("it is no address of one machine")]
    NoMachine,
    /// It is this machine, and the registry is not.
    #[error("it is this machine, and the registry is not")]
    Loopback,
    /// The configuration refuses it.
    #[error("`registry.refused` has {0}")]
    Configured(IpNet),
}

/// What is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    pub(super) refused: Vec<IpNet>,
}

impl Gate {
    /// The addresses of a host, all of which may be connected to. One that may not refuses the host: a name that leads inside as well
    /// as outside is made to deceive.
    pub(super) async fn addresses(
        &self,
        host: &str,
        port: u16,
        may_be_local: bool,
    ) -> Result<Vec<SocketAddr>, RegistryError> {
        let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
        let failed = |reason: String| RegistryError::Resolve {
            host: host.to_owned(),
            reason,
        };
        let found = lookup_host((unbracketed, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| failed(error.to_string()))?
            .take(ADDRESSES)
            .collect();
        if found.is_empty() {
            return Err(failed("it has no address".into()));
        }
        for address in &found {
            let checked = self.check(address.ip(), may_be_local);
            checked.map_err(|reason| RegistryError::Refused {
                host: host.to_owned(),
                address: address.ip(),
                reason,
            })?;
        }
        Ok(found)
    }

    fn check(&self, address: IpAddr, may_be_local: bool) -> Result<(), Forbidden> {
        for address in forms(address) {
            if is_link_local(address) {
                return Err(Forbidden::LinkLocal);
            }
            if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
                return Err(Forbidden::NoMachine);
            }
            if address.is_loopback() && !may_be_local {
                return Err(Forbidden::Loopback);
            }
            if let Some(range) = self.refused.iter().find(|range| range.contains(&address)) {
                return Err(Forbidden::Configured(*range));
            }
        }
        Ok(())
    }
}

const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The broadcast address, and the network that no machine has (RFC 791).
const fn is_broadcast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_broadcast() || address.octets()[0] == 0,
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(address: &str, refused: &[&str]) -> Option<Forbidden> {
        let refused = refused.iter().map(|range| range.parse().unwrap()).collect();
        let gate = Gate { refused };
        gate.check(address.parse().unwrap(), false).err()
    }

    #[test]
    fn link_local_and_loopback_are_refused_in_every_form() {
        for address in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(said(address, &[]), Some(Forbidden::LinkLocal), "{address}");
        }
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(said(address, &[]), Some(Forbidden::Loopback), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert_eq!(said(address, &[]), Some(Forbidden::NoMachine), "{address}");
        }
        for address in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"] {
            assert_eq!(said(address, &[]), None, "{address}");
        }
    }

    #[test]
    fn configured_ranges_are_refused() {
        let refused = ["10.0.0.0/8", "fd00:ec2::/32"];
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00:ec2::254"] {
            let said = said(address, &refused);
            assert!(matches!(said, Some(Forbidden::Configured(_))), "{address}");
        }
        assert_eq!(said("192.0.2.1", &refused), None);
    }

    #[test]
    fn a_registry_on_this_machine_is_the_operators_wish() {
        let gate = Gate::default();
        assert!(gate.check("127.0.0.1".parse().unwrap(), true).is_ok());
        assert!(gate.check("169.254.0.1".parse().unwrap(), true).is_err());
    }
}
