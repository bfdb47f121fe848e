//! Where an EST server is: DNS-SD (RFC 6763) at a resolver that is not trusted. What it says is a proposal; who stands
//! there is proved later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::{
    op::Message,
    rr::{Name, RData, RecordType},
};
use resolvet_proto::{
    discovery::{
        DomainName, Srv,
        srv::{Dice, order},
    },
    enrolment::est::{CaLabel, Endpoint},
};

use super::EnrolError;
use crate::Recursive;

/// Instances of the service that are looked at.
const INSTANCES: usize = 16;
/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;

/// An EST server to be asked.
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

/// The EST servers that a domain announces at `_est._tcp`, the one to try first at first: by priority, and by weight among
/// equals.
pub(super) async fn browse(
    recursive: Recursive,
    domain: &str,
    seed: u64,
) -> Result<Vec<EstLocation>, EnrolError> {
    let nothing = || EnrolError::NotFound {
        domain: domain.to_owned(),
    };
    let service = format!("_est._tcp.{}.", domain.trim_end_matches('.'));
    let service = Name::from_ascii(&service).map_err(|_| nothing())?;
    let instances: Vec<Name> = answers(recursive, &service, RecordType::PTR)
        .await?
        .into_iter()
        .filter_map(|data| match data {
            RData::PTR(instance) => Some(instance.0),
            _ => None,
        })
        // An instance of another service is nobody's business here.
        .filter(|instance| instance.num_labels() == service.num_labels() + 1)
        .filter(|instance| service.zone_of(instance))
        .take(INSTANCES)
        .collect();
    let mut found: Vec<Srv> = Vec::new();
    for instance in &instances {
        let records = answers(recursive, instance, RecordType::SRV).await?;
        found.extend(records.into_iter().filter_map(|data| match data {
            // The root as target says that the service is not there (RFC 2782).
            RData::SRV(srv) if !srv.target.is_root() && srv.port != 0 => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: DomainName::parse(&srv.target.to_ascii()).ok()?,
            }),
            _ => None,
        }));
    }
    found.truncate(INSTANCES);
    let records: Vec<&Srv> = found.iter().collect();
    let ordered = order(&records, &mut Dice::new(seed, &service.to_ascii()));
    let locations: Vec<EstLocation> = ordered
        .into_iter()
        .filter_map(|position| records.get(position))
        .filter_map(|srv| Endpoint::new(srv.target.without_dot(), srv.port).ok())
        .map(|endpoint| EstLocation {
            endpoint,
            label: None,
        })
        .collect();
    if locations.is_empty() {
        return Err(nothing());
    }
    Ok(locations)
}

/// The addresses of a server.
pub(super) async fn addresses(
    recursive: Recursive,
    endpoint: &Endpoint,
) -> Result<Vec<SocketAddr>, EnrolError> {
    let at = |address| SocketAddr::new(address, endpoint.port());
    if let Ok(address) = endpoint.host().parse::<IpAddr>() {
        return Ok(vec![at(address)]);
    }
    // Never asked of a resolver (RFC 6761 section 6.3).
    if endpoint.host() == "localhost" || endpoint.host().ends_with(".localhost") {
        return Ok(vec![
            at(Ipv4Addr::LOCALHOST.into()),
            at(Ipv6Addr::LOCALHOST.into()),
        ]);
    }
    let nothing = || EnrolError::NoAddress {
        host: endpoint.host().to_owned(),
    };
    let host = Name::from_ascii(format!("{}.", endpoint.host())).map_err(|_| nothing())?;
    let mut found = Vec::new();
    for rtype in [RecordType::AAAA, RecordType::A] {
        let records = answers(recursive, &host, rtype).await?;
        found.extend(records.into_iter().filter_map(|data| match data {
            RData::A(address) => Some(at(IpAddr::V4(address.0))),
            RData::AAAA(address) => Some(at(IpAddr::V6(address.0))),
            _ => None,
        }));
    }
    found.truncate(ADDRESSES);
    if found.is_empty() {
        return Err(nothing());
    }
    Ok(found)
}

/// The data of the records of this type in the answer, whatever their owner: a resolver that may lie may lie about that too.
async fn answers(
    recursive: Recursive,
    name: &Name,
    rtype: RecordType,
) -> Result<Vec<RData>, EnrolError> {
    let octets = recursive.lookup_name(name.clone(), rtype).await?;
    let Ok(message) = Message::from_vec(&octets) else {
        return Ok(Vec::new());
    };
    let records = message.answers.into_iter();
    Ok(records
        .filter(|record| record.record_type() == rtype)
        .map(|record| record.data)
        .collect())
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
