//! What a lab offers to those who enrol: an EST server, or a registrar with a manufacturer, both announced by DNS-SD.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{PTR, SRV, TXT};
use rustls_pki_types::CertificateDer;
use serde::Serialize;

use super::Site;
use super::ca::{Authority, pem};
use super::dns::{Zone, absolute};
use super::est::{Est, EstOptions};
use super::masa::{Masa, MasaOptions};
use super::registrar::Registrar;

/// TTL of announcements, seconds.
const TTL: u32 = 300;
/// The device of a [`BrskiDescription`].
const SERIAL_NUMBER: &str = "00-D0-E5-F2-00-02";

/// An EST server and whom it knows.
#[derive(Debug)]
pub(super) struct EstSite {
    pub(super) options: EstOptions,
    pub(super) server: Est,
}

/// A registrar and a manufacturer.
#[derive(Debug)]
pub(super) struct BrskiSite {
    pub(super) domain: String,
    pub(super) registrar: Registrar,
    pub(super) masa: Masa,
}

/// The EST server of a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EstDescription {
    /// Its URL.
    pub url: String,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The domain whose DNS servers it conveys; its own name is `est.` and this.
    pub domain: String,
    /// A user.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// The registrar and the manufacturer of a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrskiDescription {
    /// The registrar's URL.
    pub registrar: String,
    /// Where the registrar listens.
    pub addresses: Vec<SocketAddr>,
    /// The domain whose DNS servers it conveys.
    pub domain: String,
    /// Where the MASA is, as it stands in devices' certificates.
    pub masa: String,
    /// PEM file of the manufacturer's anchor.
    pub manufacturer: PathBuf,
    /// PEM file of a device's certificates, IDevID first.
    pub device: PathBuf,
    /// PEM file of the device's key, PKCS #8.
    pub key: PathBuf,
    /// The device's serial number.
    pub serial_number: String,
}

impl EstSite {
    pub(super) fn start(
        options: EstOptions,
        authority: &Arc<Authority>,
        sites: &[Site],
    ) -> Result<Self> {
        let server = Est::start(authority, conveyed(&options.domain, sites), &options)?;
        Ok(Self { options, server })
    }

    /// Announces the server.
    pub(super) fn publish(&self, zone: &mut Zone) -> Result<()> {
        let domain = &self.options.domain;
        announce(zone, domain, "_est._tcp", "est", self.server.addresses())
    }

    pub(super) fn describe(&self) -> EstDescription {
        let (user, password) = self.options.users.first().cloned().unwrap_or_default();
        EstDescription {
            url: self.server.url(),
            addresses: self.server.addresses().to_vec(),
            domain: self.options.domain.clone(),
            user,
            password,
        }
    }
}

impl BrskiSite {
    pub(super) fn start(
        options: &EstOptions,
        masa: MasaOptions,
        authority: &Arc<Authority>,
        sites: &[Site],
    ) -> Result<Self> {
        let masa = Masa::start(masa)?;
        let conveyed = conveyed(&options.domain, sites);
        let registrar = Registrar::start(authority, conveyed, masa.anchor(), options)?;
        Ok(Self {
            domain: options.domain.clone(),
            registrar,
            masa,
        })
    }

    /// Announces the registrar (RFC 8995 section 4.3).
    pub(super) fn publish(&self, zone: &mut Zone) -> Result<()> {
        let service = "_brski-registrar._tcp";
        let addresses = self.registrar.addresses();
        announce(zone, &self.domain, service, "registrar", addresses)
    }

    /// Makes a device and writes what it is made with.
    pub(super) fn describe(&self, folder: &Path) -> io::Result<BrskiDescription> {
        let write = |name: &str, content: String| -> io::Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, content)?;
            Ok(path)
        };
        let device = self.masa.device(SERIAL_NUMBER).map_err(io::Error::other)?;
        let key = folder.join("device.key.pem");
        device.write_key(&key)?;
        Ok(BrskiDescription {
            registrar: self.registrar.url(),
            addresses: self.registrar.addresses().to_vec(),
            domain: self.domain.clone(),
            masa: self.masa.authority(),
            manufacturer: write("manufacturer.pem", pem("CERTIFICATE", self.masa.anchor()))?,
            device: write("device.pem", device.chain_pem())?,
            key,
            serial_number: SERIAL_NUMBER.to_owned(),
        })
    }
}

/// What an enrolment at a domain conveys: the certificates of its DNS servers.
fn conveyed(domain: &str, sites: &[Site]) -> Vec<CertificateDer<'static>> {
    let site = sites.iter().find(|site| site.domain == domain);
    let servers = site.map(|site| site.servers.as_slice()).unwrap_or_default();
    servers
        .iter()
        .map(|server| server.identity.conveyed().clone())
        .collect()
}

/// Announces a service by DNS-SD (RFC 6763); the instance's name has a dot and blanks, as names that people give have.
fn announce(
    zone: &mut Zone,
    domain: &str,
    service: &str,
    host: &str,
    addresses: &[SocketAddr],
) -> Result<()> {
    let name = absolute(&format!("{service}.{domain}"))?;
    let instance = name.prepend_label(b"Lab server v1.0".as_slice())?;
    let target = absolute(&format!("{host}.{domain}"))?;
    let port = addresses.first().map_or(0, SocketAddr::port);
    let text = RData::TXT(TXT::new(vec![String::new()]));
    zone.add(service, TTL, RData::PTR(PTR(instance.clone())))?;
    zone.add_at(
        instance.clone(),
        TTL,
        RData::SRV(SRV::new(0, 0, port, target)),
    );
    zone.add_at(instance, TTL, text);
    for address in addresses {
        zone.address(host, address.ip())?;
    }
    Ok(())
}
