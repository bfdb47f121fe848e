//! Where `resolvet bootstrap` looks for a server, and how it says so.

use std::net::SocketAddr;

use resolvet::{
    Recursive,
    enrolment::{Interfaces, Link, Search},
    leases,
};
use resolvet_proto::discovery::DomainName;

use crate::{args::Bootstrap, exit::UsageError, journey::LOOKUP};

/// Where a server is looked for.
pub(crate) struct Places {
    resolver: SocketAddr,
    search: Search,
    /// The interfaces of the link, in words.
    link: Option<String>,
    brski: bool,
}

/// Where the servers of an enrolment are looked for: a host of the link is asked for there alone.
pub(crate) fn known(recursive: Recursive) -> Search {
    Search::new(recursive).with_names_of_link(Link::when_needed(Interfaces::All))
}

impl Places {
    /// What the arguments say, and the domain, which a trusted network may say too; nothing is asked yet.
    pub(crate) fn of(
        arguments: &Bootstrap,
        domain: Option<&str>,
        resolver: SocketAddr,
    ) -> Result<Self, UsageError> {
        let mut search = known(Recursive::new(resolver, LOOKUP));
        search = match domain {
            Some(domain) => {
                let wrong = |problem| format!("domain `{}` {problem}", domain.escape_debug());
                let domain = DomainName::parse(domain).map_err(|error| UsageError(wrong(error)))?;
                search.in_domain(domain)
            }
            None => search.by_leases(&leases::read(&arguments.leases)),
        };
        let without = domain.is_none() || arguments.brski;
        let all = (without && arguments.registrar.is_none()).then(|| "all".to_owned());
        let link = arguments.link.clone().or(all);
        let (interfaces, link) = match link.as_deref() {
            None | Some("none") => (None, None),
            Some("all") => (Some(Interfaces::All), Some("all interfaces".to_owned())),
            Some(name) => (Some(Interfaces::Named(vec![name.into()])), link),
        };
        if let Some(interfaces) = interfaces {
            search = search.on_link(Link::when_needed(interfaces));
        }
        Ok(Self {
            resolver,
            search,
            link,
            brski: arguments.brski,
        })
    }

    pub(crate) fn search(&self) -> Search {
        self.search.clone()
    }

    pub(crate) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// What is asked for on the link.
    pub(crate) const fn names(&self) -> &'static str {
        match self.brski {
            true => "_brski-registrar._tcp.local, _brski-proxy._tcp.local",
            false => "_est._tcp.local",
        }
    }

    /// The lookups that are made.
    pub(crate) fn lookups(&self) -> Vec<String> {
        let service = self.service();
        let domains = self.search.domains().iter();
        let domains = domains.map(|domain| domain.without_dot());
        let mut lookups: Vec<String> = domains
            .map(|domain| format!("PTR of {service}.{domain}, or of b._dns-sd._udp.{domain}"))
            .collect();
        if !lookups.is_empty() {
            lookups.push("SRV of each instance, A and AAAA of the best one's host".into());
        }
        lookups
    }

    /// Each place in words.
    pub(crate) fn told(&self) -> Vec<String> {
        let what = match self.brski {
            true => "a registrar",
            false => "an EST server",
        };
        let (service, resolver) = (self.service(), self.resolver);
        let domains = self.search.domains().iter();
        let mut told: Vec<String> = domains
            .map(|domain| {
                let domain = domain.without_dot();
                format!("{what} at {service}.{domain} by {resolver}")
            })
            .collect();
        let link = self.link.iter();
        told.extend(link.map(|link| format!("{what} on {link} by multicast DNS")));
        told
    }

    const fn service(&self) -> &'static str {
        match self.brski {
            true => "_brski-registrar._tcp",
            false => "_est._tcp",
        }
    }
}
