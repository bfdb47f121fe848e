//! A whole network of servers that others wrote: authority, untrusted resolver, DNS over TLS server.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use resolvet_tests::lab::ca::{Authority, Leaf};
use resolvet_tests::lab::dns::{Endpoint, Zone};
use tempfile::TempDir;

use crate::nsd::Nsd;
use crate::process::{free_address, write};
use crate::unbound::Unbound;

/// The domain: what discovery begins with.
pub(crate) const DOMAIN: &str = "example.net";
/// A name that only the DNS over TLS server knows, so that an answer proves who gave it.
pub(crate) const ONLY_OVER_TLS: &str = "only-over-tls.example.net";
/// Its address.
pub(crate) const ONLY_OVER_TLS_ADDRESS: &str = "192.0.2.99";

/// NSD with Figure 2's zone, Unbound as the network's resolver, Unbound with the lab's certificate.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) nsd: Nsd,
    pub(crate) resolver: Unbound,
    pub(crate) dot: Unbound,
    pub(crate) trust_anchors: PathBuf,
    pub(crate) end_entity: PathBuf,
    /// A configuration of the program that connects over TLS alone: Figure 2 has DTLS too, which nobody speaks here.
    pub(crate) over_tls: PathBuf,
    tls_address: SocketAddr,
    _folder: TempDir,
}

impl Network {
    /// Starts everything; the DNS over TLS server presents what `leaf` says.
    pub(crate) fn start(leaf: &Leaf) -> Result<Self> {
        let authority = Authority::new()?;
        let identity = authority.issue(leaf)?;
        let record = format!("{ONLY_OVER_TLS}. 60 IN A {ONLY_OVER_TLS_ADDRESS}");
        // The zone holds the port of the server that in turn asks the zone's server: so the port is chosen first.
        let address = free_address()?;
        let nsd = Nsd::start(&[Zone::figure_2(DOMAIN, &[endpoint(address)])?])?;
        // What it designates (RFC 9462), and what it says about itself (RFC 9606): `qnamemin`.
        let port = address.port();
        let designates =
            format!("_dns.resolver.arpa. 60 IN SVCB 1 a.{DOMAIN}. alpn=dot port={port}");
        let says = r"resolver.arpa. 60 IN TYPE261 \# 9 08716e616d656d696e";
        let own = [record.as_str(), &designates, says];
        let dot = Unbound::dot(DOMAIN, nsd.address(), address, &identity, &own)?;
        let resolver = Unbound::recursive(DOMAIN, nsd.address())?;
        let folder = tempfile::tempdir()?;
        Ok(Self {
            nsd,
            resolver,
            dot,
            trust_anchors: write(folder.path(), "anchors.pem", authority.root_pem())?,
            end_entity: write(folder.path(), "end-entity.pem", identity.conveyed_pem())?,
            over_tls: write(
                folder.path(),
                "over-tls.toml",
                "version = \"v1\"\n[network]\ntransports = [\"dot\"]\n",
            )?,
            tls_address: address,
            _folder: folder,
        })
    }

    /// Where the DNS over TLS server listens.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.tls_address
    }

    /// Names that discovery may ask for in clear text: those of Figure 2, and those that other ways begin at.
    pub(crate) fn names_of_discovery() -> [&'static str; 11] {
        [
            "_dns.example.net.",
            "_dns.resolver.arpa.",
            "_dprive._tcp.example.net.",
            "_dprive._udp.example.net.",
            "_doh._tcp.example.net.",
            "example.net.",
            "dns1.example.net.",
            "dns2.example.net.",
            "_domain-s._tcp.example.net.",
            "_domain-s._udp.example.net.",
            "a.example.net.",
        ]
    }
}

/// The host `a` of Figure 2 at an address.
fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        host: "a".to_owned(),
        addresses: vec![address.ip()],
        port: address.port(),
    }
}

/// A port on loopback where nobody listens.
pub(crate) fn nobody() -> Result<SocketAddr> {
    free_address()
}
