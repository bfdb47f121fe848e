//! Everything that a journey needs, on loopback, in one process: an untrusted resolver, DNS over TLS servers, and the
//! authority that certified them.
//!
//! ```no_run
//! use resolvet_tests::lab::{Lab, Options, ca::Fault};
//!
//! # fn main() -> anyhow::Result<()> {
//! let lab = Lab::start(Options::new().site("example.net").faulty_site("example.com", Fault::Expired))?;
//! println!("ask {} about {}", lab.resolver(), lab.sites()[0].domain());
//! # Ok(())
//! # }
//! ```

pub mod ask;
pub mod ca;
pub mod dns;
pub mod doh;
pub mod dot;
pub mod dtls;
mod enrolment;
pub mod est;
pub mod far;
pub mod https;
pub mod masa;
pub mod mdns;
pub mod quic;
pub mod registrar;
mod running;
pub mod signed;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hickory_proto::rr::RecordType;
use resolvet_proto::judgement::Transport;
use rustls_pki_types::CertificateDer;
use serde::Serialize;

use ca::{Algorithm, Authority, Fault, Identity, Leaf};
use dns::{Dns, Endpoint, Responder, Zone};
use doh::Doh;
use dot::{Dot, DotOptions};
use dtls::Dtls;
use est::{Est, EstOptions};
use masa::{Masa, MasaOptions};
use quic::{Quic, QuicOptions};
use registrar::Registrar;

pub use enrolment::{BrskiDescription, EstDescription};

use enrolment::{BrskiSite, EstSite};

/// A zone with names to ask for that belong to no site.
const ELSEWHERE: &str = "example.org";

/// What a lab shall have.
#[derive(Clone, Debug, Default)]
pub struct Options {
    sites: Vec<(String, Vec<Leaf>)>,
    dot: DotOptions,
    quic: QuicOptions,
    transports: Vec<Transport>,
    algorithm: Algorithm,
    est: Option<EstOptions>,
    brski: Option<(EstOptions, MasaOptions)>,
}

impl Options {
    /// An empty lab; without any site, [`Lab::start`] makes one for `example.net`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a domain with one server without fault.
    #[must_use]
    pub fn site(self, domain: &str) -> Self {
        self.servers(domain, vec![Leaf::good(domain)])
    }

    /// Adds a domain with one server whose certificate has a fault.
    #[must_use]
    pub fn faulty_site(self, domain: &str, fault: Fault) -> Self {
        self.servers(domain, vec![Leaf::good(domain).with(fault)])
    }

    /// Adds a domain with these servers, best SRV priority first. Their hosts are called `a`, `b`, and so on.
    #[must_use]
    pub fn servers(mut self, domain: &str, leaves: Vec<Leaf>) -> Self {
        self.sites.push((domain.to_owned(), leaves));
        self
    }

    /// Sets every server up like this.
    #[must_use]
    pub fn dot(mut self, options: DotOptions) -> Self {
        self.dot = options;
        self
    }

    /// Lets every server speak these besides DNS over TLS. NAPTR records lead to DNS over HTTPS by HTTP/2 and over DTLS, SVCB
    /// records to HTTPS and QUIC.
    #[must_use]
    pub fn also(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports.extend(transports);
        self
    }

    /// Sets every server up like this for QUIC.
    #[must_use]
    pub fn quic(mut self, options: QuicOptions) -> Self {
        self.quic = options;
        self
    }

    /// The kind of the authority's keys.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Adds an EST server, which conveys the certificates of the site of its domain.
    #[must_use]
    pub fn est(mut self, options: EstOptions) -> Self {
        self.est = Some(options);
        self
    }

    /// Adds a registrar, which conveys the certificates of the site of its domain, and a manufacturer with its MASA.
    #[must_use]
    pub fn brski(mut self, registrar: EstOptions, masa: MasaOptions) -> Self {
        self.brski = Some((registrar, masa));
        self
    }
}

/// A running lab; dropping it stops its servers.
#[derive(Debug)]
pub struct Lab {
    authority: Arc<Authority>,
    dns: Dns,
    sites: Vec<Site>,
    est: Option<EstSite>,
    brski: Option<BrskiSite>,
}

/// A domain and its servers.
#[derive(Debug)]
pub struct Site {
    domain: String,
    servers: Vec<Server>,
}

/// One server of a site. What it knows, and what it was asked over any transport, is in its responder and journal.
#[derive(Debug)]
pub struct Server {
    /// Its host name: `a.example.net`.
    pub host: String,
    /// The fault of its certificate.
    pub fault: Option<Fault>,
    /// What it presents.
    pub identity: Identity,
    /// DNS over TLS.
    pub dot: Dot,
    doh: Option<Doh>,
    quic: Option<Quic>,
    dtls: Option<Dtls>,
}

impl Server {
    /// DNS over HTTPS by HTTP/2.
    ///
    /// # Panics
    /// When the lab was started without it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn doh(&self) -> &Doh {
        self.doh.as_ref().expect("the lab was started with DoH")
    }

    /// DNS over QUIC, and over HTTPS by HTTP/3.
    ///
    /// # Panics
    /// When the lab was started without it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn quic(&self) -> &Quic {
        self.quic.as_ref().expect("the lab was started with QUIC")
    }

    /// DNS over DTLS.
    ///
    /// # Panics
    /// When the lab was started without it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn dtls(&self) -> &Dtls {
        self.dtls.as_ref().expect("the lab was started with DTLS")
    }
}

impl Lab {
    /// Starts everything on free ports of loopback.
    ///
    /// # Errors
    /// When a domain is no domain name, or ports, threads, keys or certificates are not to be had.
    pub fn start(mut options: Options) -> Result<Self> {
        if options.sites.is_empty() {
            options = options.site("example.net");
        }
        let authority = Arc::new(Authority::with_algorithm(options.algorithm)?);
        let mut sites = Vec::new();
        let mut zones = vec![elsewhere()?];
        for (domain, leaves) in &options.sites {
            let site = Site::start(domain, leaves, &authority, &options)?;
            zones.push(site.zone()?);
            sites.push(site);
        }
        let est = options
            .est
            .map(|options| EstSite::start(options, &authority, &sites))
            .transpose()?;
        let brski = options
            .brski
            .map(|(registrar, masa)| BrskiSite::start(&registrar, masa, &authority, &sites))
            .transpose()?;
        if let Some(est) = &est {
            est.publish(zone_of(&est.options.domain, &sites, &mut zones)?)?;
        }
        if let Some(brski) = &brski {
            brski.publish(zone_of(&brski.domain, &sites, &mut zones)?)?;
        }
        // Servers are started before their zones can be known, since the zones hold their ports.
        for server in sites.iter().flat_map(|site| &site.servers) {
            zones
                .iter()
                .for_each(|zone| server.dot.responder().set_zone(zone.clone()));
        }
        Ok(Self {
            authority,
            dns: Dns::start(zones)?,
            sites,
            est,
            brski,
        })
    }

    /// The untrusted resolver in clear text.
    #[must_use]
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Where the untrusted resolver listens: what `--resolver` takes.
    #[must_use]
    pub fn resolver(&self) -> SocketAddr {
        self.dns.address()
    }

    /// The EST server.
    ///
    /// # Panics
    /// When the lab was started without one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn est(&self) -> &Est {
        let est = self.est.as_ref();
        &est.expect("the lab was started with an EST server").server
    }

    /// The registrar.
    ///
    /// # Panics
    /// When the lab was started without one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn registrar(&self) -> &Registrar {
        let brski = self.brski.as_ref();
        &brski
            .expect("the lab was started with a registrar")
            .registrar
    }

    /// The manufacturer.
    ///
    /// # Panics
    /// When the lab was started without one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for it has started it")]
    pub fn masa(&self) -> &Masa {
        let brski = self.brski.as_ref();
        &brski.expect("the lab was started with a registrar").masa
    }

    /// The authority of every server's certificate.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Leads discovery of the first site to another port of 127.0.0.1 for a transport, DNS over DTLS or over HTTPS.
    ///
    /// # Errors
    /// The transport is another.
    pub fn lead(&self, transport: Transport, port: u16) -> Result<()> {
        let service = match transport {
            Transport::Dtls => "_domain-s._udp",
            Transport::Doh => "_https._tcp",
            other => anyhow::bail!("`{other}` has no SRV record of its own"),
        };
        let origin = dns::absolute(self.site().domain())?;
        self.dns.responder().change_zone(&origin, |zone| {
            zone.remove(service, RecordType::SRV)?;
            zone.srv(service, 0, 0, port, "proxy")?;
            zone.address("proxy", Ipv4Addr::LOCALHOST.into())?;
            Ok(())
        })
    }

    /// The trust anchors: the authority's root.
    #[must_use]
    pub fn anchors(&self) -> Vec<CertificateDer<'static>> {
        vec![self.authority.root().clone()]
    }

    /// The sites, in the order in which they were asked for.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The first site: the only one, unless more were asked for.
    ///
    /// # Panics
    /// Never: a lab has at least one site.
    #[must_use]
    #[expect(clippy::expect_used, reason = "`start` sees to it that there is one")]
    pub fn site(&self) -> &Site {
        self.sites.first().expect("a lab has a site")
    }

    /// Writes what a program needs as files into a folder: `anchors.pem`, and for each site `<domain>.end-entity.pem` (the
    /// conveyed certificate of its first server), `<domain>.chain.pem` and `<domain>.key.pem`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_files(&self, folder: &Path) -> io::Result<Description> {
        let write = |name: String, content: String| -> io::Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, content)?;
            Ok(path)
        };
        let trust_anchors = write("anchors.pem".to_owned(), self.authority.root_pem())?;
        let mut sites = Vec::new();
        for site in &self.sites {
            let domain = &site.domain;
            let conveyed: String = site
                .servers
                .iter()
                .map(|server| server.identity.conveyed_pem())
                .collect();
            let identity = site.servers.first().map(|server| &server.identity);
            sites.push(SiteDescription {
                domain: domain.clone(),
                end_entity: write(format!("{domain}.end-entity.pem"), conveyed)?,
                chain: write(
                    format!("{domain}.chain.pem"),
                    identity.map(Identity::chain_pem).unwrap_or_default(),
                )?,
                key: write(
                    format!("{domain}.key.pem"),
                    identity.map(Identity::key_pem).unwrap_or_default(),
                )?,
                servers: site
                    .servers
                    .iter()
                    .map(|server| ServerDescription {
                        host: server.host.clone(),
                        addresses: server.dot.addresses().to_vec(),
                        fault: server.fault.map(Fault::as_str),
                    })
                    .collect(),
            });
        }
        Ok(Description {
            resolver: self.resolver(),
            trust_anchors,
            sites,
            est: self.est.as_ref().map(EstSite::describe),
            brski: self
                .brski
                .as_ref()
                .map(|brski| brski.describe(folder))
                .transpose()?,
        })
    }
}

impl Site {
    /// Starts the servers of a site; their zones come later.
    fn start(
        domain: &str,
        leaves: &[Leaf],
        authority: &Authority,
        options: &Options,
    ) -> Result<Self> {
        let speaks = |transport: &Transport| options.transports.contains(transport);
        let mut servers = Vec::new();
        for (letter, leaf) in ('a'..='z').zip(leaves) {
            let identity = authority.issue(leaf)?;
            let responder = Arc::new(Responder::new(Vec::new()));
            let shared = || Arc::clone(&responder);
            let doh = speaks(&Transport::Doh)
                .then(|| Doh::start(shared(), &identity))
                .transpose()?;
            let quic = (speaks(&Transport::Doq) || speaks(&Transport::Doh3))
                .then(|| Quic::start(shared(), &identity, &options.quic))
                .transpose()?;
            let dtls = speaks(&Transport::Dtls)
                .then(|| Dtls::start(shared(), &identity))
                .transpose()?;
            let dot = Dot::start(shared(), &identity, options.dot.clone())
                .with_context(|| format!("server `{letter}` of `{domain}` did not start"))?;
            servers.push(Server {
                host: format!("{letter}.{domain}"),
                fault: leaf.fault,
                identity,
                dot,
                doh,
                quic,
                dtls,
            });
        }
        Ok(Self {
            domain: domain.to_owned(),
            servers,
        })
    }

    /// The domain: what discovery begins with.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Its servers, best SRV priority first.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Figure 2's zone for these servers.
    ///
    /// # Errors
    /// When the domain is no domain name.
    pub fn zone(&self) -> Result<Zone> {
        let endpoints: Vec<_> = ('a'..='z')
            .zip(&self.servers)
            .map(|(letter, server)| Endpoint {
                host: letter.to_string(),
                addresses: server.dot.addresses().iter().map(SocketAddr::ip).collect(),
                port: server.dot.port(),
            })
            .collect();
        let mut zone = Zone::figure_2(&self.domain, &endpoints)?;
        let ranked = || (0..).step_by(10).zip('a'..='z').zip(&self.servers);
        if self.servers.iter().any(|server| server.dtls.is_some()) {
            zone.remove("_domain-s._udp", RecordType::SRV)?;
        }
        for ((priority, letter), server) in ranked() {
            let host = letter.to_string();
            if let Some(dtls) = &server.dtls {
                zone.srv("_domain-s._udp", priority, 0, dtls.port(), &host)?;
            }
            if let Some(doh) = &server.doh {
                zone.srv("_https._tcp", priority, 0, doh.port(), &host)?;
            }
        }
        for ((priority, letter), server) in ranked() {
            let host = letter.to_string();
            let path = Some(doh::TEMPLATE);
            if let Some(doh) = &server.doh {
                zone.svcb("_dns", priority + 1, &host, &["h2"], doh.port(), path)?;
            }
            if let Some(quic) = &server.quic {
                zone.svcb("_dns", priority + 2, &host, &["doq"], quic.port(), None)?;
                zone.svcb("_dns", priority + 3, &host, &["h3"], quic.port(), path)?;
            }
        }
        if self.servers.iter().any(|server| server.doh.is_some()) {
            zone.naptr("@", 300, 10, "", "DPRIVE:dns.https", "dns3")?;
            zone.naptr("dns3", 100, 10, "S", "DPRIVE:dns.https", "_https._tcp")?;
        }
        Ok(zone)
    }
}

/// The zone of a site among all zones, of which the first is no site's.
fn zone_of<'a>(domain: &str, sites: &[Site], zones: &'a mut [Zone]) -> Result<&'a mut Zone> {
    let position = sites.iter().position(|site| site.domain == domain);
    let zone = position.and_then(|position| zones.get_mut(position + 1));
    zone.with_context(|| format!("no site is called `{domain}`"))
}

/// Names to ask for that belong to no site.
fn elsewhere() -> Result<Zone> {
    let mut zone = Zone::new(ELSEWHERE)?;
    zone.address("www", IpAddr::V4(Ipv4Addr::new(198, 51, 100, 80)))?;
    zone.txt("www", "a text elsewhere")?;
    zone.cname("alias", "www")?;
    Ok(zone)
}

/// Where things are, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The untrusted resolver.
    pub resolver: SocketAddr,
    /// PEM file of the trust anchors.
    pub trust_anchors: PathBuf,
    /// The sites.
    pub sites: Vec<SiteDescription>,
    /// The EST server, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub est: Option<EstDescription>,
    /// The registrar and the manufacturer, if they are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brski: Option<BrskiDescription>,
}

/// One site of a [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteDescription {
    /// The domain.
    pub domain: String,
    /// PEM file of the end-entity certificates that an enrolment conveys: those of all servers.
    pub end_entity: PathBuf,
    /// PEM file of the first server's chain.
    pub chain: PathBuf,
    /// PEM file of the first server's key.
    pub key: PathBuf,
    /// The servers.
    pub servers: Vec<ServerDescription>,
}

/// One server of a [`SiteDescription`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerDescription {
    /// Its host name.
    pub host: String,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The fault of its certificate.
    pub fault: Option<&'static str>,
}
