//! Where an EST server or a registrar is: DNS-SD (RFC 6763) at a resolver that is not trusted, and multicast DNS (RFC 6762)
//! on the link. What they say is a proposal; who stands there is proved later.

mod link;
mod one_shot;
mod unicast;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use resolvet_proto::{
    discovery::{
        DomainName,
        dns_sd::{self, Instance},
        limits::{DOMAINS, INSTANCES},
    },
    enrolment::{
        est::{CaLabel, Endpoint},
        journey::Service,
    },
};
use tokio::sync::oneshot;

use super::{EnrolError, random};
use crate::{
    DnssecAnchors, Recursive,
    leases::{self, Lease},
    lookups::Lookups,
};

pub use link::{Interfaces, Link, LinkError};

/// Places that an error tells of.
const TOLD: usize = 12;

/// An EST server or a registrar to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstLocation {
    /// Host and port.
    pub endpoint: Endpoint,
    /// The label of the certification authority.
    pub label: Option<CaLabel>,
}

impl EstLocation {
    /// Reads `https://host[:port]`, also with the path `/.well-known/est` and a label after it.
    ///
    /// # Errors
    /// The text is no such URI; what is wrong, for a person.
    pub fn parse(uri: &str) -> Result<Self, String> {
        let (endpoint, path) = Endpoint::parse(uri).map_err(|error| error.to_string())?;
        let path = path.trim_end_matches('/');
        let label = match path.strip_prefix("/.well-known/est") {
            None if path.is_empty() => None,
            Some("") => None,
            Some(label) if label.starts_with('/') => {
                let label = CaLabel::new(label.trim_start_matches('/'));
                Some(label.map_err(|error| error.to_string())?)
            }
            _ => {
                return Err(format!(
                    "path `{}`, expected none or `/.well-known/est` with a label (RFC 7030 3.2.2)",
                    path.escape_debug()
                ));
            }
        };
        Ok(Self { endpoint, label })
    }
}

/// Where servers are looked for: a resolver that is not trusted, domains, and the link.
#[derive(Debug, Clone)]
pub struct Search {
    lookups: Lookups,
    domains: Vec<DomainName>,
    networks: Vec<(Ipv4Addr, u8)>,
    link: Option<Link>,
    /// Whether servers are looked for there, or only addresses.
    browses: bool,
}

impl Search {
    /// Asks this resolver, and knows no domain yet.
    #[must_use]
    pub const fn new(recursive: Recursive) -> Self {
        Self {
            lookups: Lookups::new(recursive),
            domains: Vec::new(),
            networks: Vec::new(),
            link: None,
            browses: false,
        }
    }

    /// Validates what the resolver answers from these trust anchors (DNSSEC): what should be signed and is not is refused.
    #[must_use]
    pub fn with_dnssec(mut self, anchors: DnssecAnchors) -> Self {
        self.lookups = self.lookups.with_dnssec(anchors);
        self
    }

    /// Looks in this domain, which the user or the configuration named, and in those that it lists.
    #[must_use]
    pub fn in_domain(mut self, domain: DomainName) -> Self {
        self.domains = vec![domain];
        self.networks.clear();
        self
    }

    /// Looks in the domains that leases propose, unless one was named, and in those that these and the leases' networks list
    /// (RFC 6763 section 11).
    #[must_use]
    pub fn by_leases(mut self, leases: &[Lease]) -> Self {
        if self.domains.is_empty() {
            self.domains = leases::domains(leases);
            let networks = leases.iter().filter_map(|lease| lease.address);
            self.networks = networks.take(DOMAINS).collect();
        }
        self
    }

    /// Looks for servers on the link as well, and for the addresses of its hosts (`local`, RFC 6762).
    #[must_use]
    pub fn on_link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self.browses = true;
        self
    }

    /// Looks on the link for the addresses of its hosts alone, where a name is known from before.
    #[must_use]
    pub fn with_names_of_link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self.browses = false;
        self
    }

    /// The domains that are looked in.
    #[must_use]
    pub fn domains(&self) -> &[DomainName] {
        &self.domains
    }

    /// The servers of a service, the most wanted first, at most 32: those that the resolver knows, each domain's by priority
    /// and weight, then those of the link. When the resolver knows one, the link is not waited for.
    ///
    /// # Errors
    /// There is none, or the resolver does not answer and the link has none.
    pub async fn find(&self, service: Service) -> Result<Vec<EstLocation>, EnrolError> {
        let seed = random::number()?;
        let (enough, mut wait) = oneshot::channel();
        let names = Names::of(service);
        let asking = async {
            let places = (self.domains.as_slice(), self.networks.as_slice());
            let asked = unicast::find(&self.lookups, names.unicast, places, seed).await;
            if asked.instances.is_empty() {
                return (asked, Some(enough));
            }
            let _ended = enough.send(());
            (asked, None)
        };
        let browsed = self.link.as_ref().filter(|_| self.browses);
        let listening = async {
            match browsed {
                Some(link) => link.browse(names.multicast, seed, &mut wait).await,
                None => Vec::new(),
            }
        };
        let ((mut asked, _enough), heard) = tokio::join!(asking, listening);
        let mut locations: Vec<EstLocation> = Vec::new();
        for Instance { srv, .. } in asked.instances.into_iter().chain(heard).take(2 * INSTANCES) {
            if let Ok(endpoint) = Endpoint::new(srv.target.without_dot(), srv.port)
                && locations.iter().all(|known| known.endpoint != endpoint)
            {
                let label = None;
                locations.push(EstLocation { endpoint, label });
            }
        }
        if !locations.is_empty() {
            return Ok(locations);
        }
        if let Some(error) = asked.failure {
            return Err(error.into());
        }
        if browsed.is_some() {
            let names = names.multicast.join("`, `");
            asked
                .told
                .push(format!("nobody on the link says that he is `{names}`"));
        }
        if asked.told.is_empty() {
            asked.told.push("no domain to look in is known".into());
        }
        asked.told.truncate(TOLD);
        Err(EnrolError::NothingFound {
            service: names.person,
            told: asked.told,
        })
    }

    /// The addresses of a server, those of IPv6 first, at most 8 of each family.
    ///
    /// # Errors
    /// It has none, or the resolver does not answer.
    pub async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, EnrolError> {
        let host = endpoint.host();
        let at = |address| SocketAddr::new(address, endpoint.port());
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![at(address)]);
        }
        // Never asked of a resolver (RFC 6761 section 6.3).
        if host == "localhost" || host.ends_with(".localhost") {
            return Ok(vec![
                at(Ipv4Addr::LOCALHOST.into()),
                at(Ipv6Addr::LOCALHOST.into()),
            ]);
        }
        let nothing = || EnrolError::NoAddress {
            host: host.to_owned(),
        };
        let name = DomainName::parse(host).map_err(|_| nothing())?;
        // Nor are those of the link (RFC 6762 section 22.1).
        let found = match (&self.link, dns_sd::is_local(&name)) {
            (Some(link), true) => link.addresses(&name, endpoint.port()).await,
            (None, true) => Vec::new(),
            (_, false) => self.lookups.addresses(&name, endpoint.port()).await?,
        };
        if found.is_empty() {
            return Err(nothing());
        }
        Ok(found)
    }
}

impl From<Recursive> for Search {
    fn from(recursive: Recursive) -> Self {
        Self::new(recursive)
    }
}

/// What a service is called.
struct Names {
    unicast: &'static [&'static str],
    multicast: &'static [&'static str],
    person: &'static str,
}

impl Names {
    /// The draft's section 8; RFC 8995 section 4.1, where a proxy is heard on the link alone.
    const fn of(service: Service) -> Self {
        match service {
            Service::Est => Self {
                unicast: &["_est._tcp"],
                multicast: &["_est._tcp"],
                person: "EST server",
            },
            Service::Brski => Self {
                unicast: &["_brski-registrar._tcp"],
                multicast: &["_brski-registrar._tcp", "_brski-proxy._tcp"],
                person: "registrar",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read() {
        for (uri, label) in [
            ("https://est.example.net:8443", None),
            ("https://est.example.net:8443/", None),
            ("https://est.example.net:8443/.well-known/est", None),
            (
                "https://est.example.net:8443/.well-known/est/dns/",
                Some("dns"),
            ),
        ] {
            let location = EstLocation::parse(uri).unwrap();
            assert_eq!(
                location.endpoint.to_string(),
                "https://est.example.net:8443"
            );
            assert_eq!(location.label.as_ref().map(CaLabel::as_str), label);
        }
        for uri in [
            "http://est.example.net",
            "https://est.example.net/est",
            "https://est.example.net/.well-known/established",
            "https://est.example.net/.well-known/est/cacerts",
        ] {
            assert!(EstLocation::parse(uri).is_err(), "{uri}");
        }
    }
}
