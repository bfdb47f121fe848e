//! SVCB records (RFC 9460) and what they say of DNS servers (RFC 9461).
//!
//! The data is read here and not by the DNS library: its reader takes a compressed target, a port with octets behind it, an
//! empty list of hints, and a list of mandatory keys in any order, and each of these makes a set of records unusable.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::{DomainName, Template, TemplateError, ech, name};
use crate::judgement::Transport;

/// The keys that are understood (RFC 9460 section 14.3.2, RFC 9461 section 5).
pub mod key {
    /// Keys that a client must understand.
    pub const MANDATORY: u16 = 0;
    /// Protocols.
    pub const ALPN: u16 = 1;
    /// There is no protocol but those in `alpn`.
    pub const NO_DEFAULT_ALPN: u16 = 2;
    /// The port.
    pub const PORT: u16 = 3;
    /// IPv4 addresses.
    pub const IPV4HINT: u16 = 4;
    /// Configurations of Encrypted Client Hello.
    pub const ECH: u16 = 5;
    /// IPv6 addresses.
    pub const IPV6HINT: u16 = 6;
    /// The path of a DoH server's URI template.
    pub const DOHPATH: u16 = 7;
}

/// Ports that other protocols have, which an attacker could make a client speak to (Fetch, section *Port blocking*; RFC 9461
/// section 6). Port 53 is among them.
const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Whether no encrypted DNS server may be spoken to at this port.
#[must_use]
pub fn is_bad_port(port: u16) -> bool {
    BAD_PORTS.binary_search(&port).is_ok()
}

/// Data that breaks RFC 9460. One such record makes its whole set unusable (section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SvcbError {
    /// The data ends early.
    #[error("data ends within the {place} (RFC 9460 section 2.2)")]
    Truncated {
        /// Where.
        place: &'static str,
    },
    /// The target is no name without compression.
    #[error("target is no uncompressed name (RFC 9460 section 2.2)")]
    Target,
    /// Keys do not increase: they are out of order, or one comes twice.
    #[error(
        "key {key} follows key {before}, expected strictly increasing keys (RFC 9460 section 2.2)"
    )]
    Order {
        /// The key before.
        before: u16,
        /// The key.
        key: u16,
    },
    /// A value has not the form that its key asks for.
    #[error("value of key {key} {problem} (RFC 9460 section 7)")]
    Value {
        /// The key.
        key: u16,
        /// What is wrong.
        problem: &'static str,
    },
}

/// A record that is well-formed and cannot be used; others of its set can (RFC 9460 section 8, RFC 9461 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A mandatory key is not understood.
    #[error("key {key} is mandatory and not understood (RFC 9460 section 8)")]
    UnknownKey {
        /// The key.
        key: u16,
    },
    /// A mandatory key is not there.
    #[error("key {key} is mandatory and missing (RFC 9460 section 2.4.3)")]
    MissingKey {
        /// The key.
        key: u16,
    },
    /// There is `no-default-alpn` without `alpn`.
    #[error("`no-default-alpn` stands without `alpn` (RFC 9460 section 7.1.1)")]
    NoAlpn,
    /// No protocol for DNS is named; there is no default one.
    #[error("no protocol for DNS is in `alpn`, and there is no default (RFC 9461 section 4.1)")]
    NoProtocol,
    /// The port belongs to another protocol.
    #[error("port {port} belongs to another protocol (RFC 9461 section 6)")]
    BadPort {
        /// The port.
        port: u16,
    },
    /// HTTP is named, and not where.
    #[error("`alpn` names HTTP and there is no `dohpath` (RFC 9461 section 5)")]
    NoPath,
    /// HTTP is named, and where cannot be understood.
    #[error(transparent)]
    Path(#[from] TemplateError),
}

/// SvcParams: values by key, each checked against the form that its key asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<u16, Vec<u8>>);

/// One way to speak to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How.
    pub transport: Transport,
    /// The port, that of the transport where the record says none.
    pub port: u16,
    /// DoH: the path of the URI template.
    pub path: Option<Template>,
}

impl Params {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads SvcParams.
    ///
    /// # Errors
    /// [`SvcbError`].
    pub fn parse(octets: &[u8]) -> Result<Self, SvcbError> {
        let mut values = BTreeMap::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let key = number(&mut rest, "key of a parameter")?;
            let length = number(&mut rest, "length of a parameter")?;
            let (value, after) =
                rest.split_at_checked(usize::from(length))
                    .ok_or(SvcbError::Truncated {
                        place: "value of a parameter",
                    })?;
            if let Some((&before, _)) = values
                .last_key_value()
                .filter(|(before, _)| **before >= key)
            {
                return Err(SvcbError::Order { before, key });
            }
            if let Some(problem) = problem(key, value) {
                return Err(SvcbError::Value { key, problem });
            }
            values.insert(key, value.to_vec());
            rest = after;
        }
        Ok(Self(values))
    }

    /// The octets, keys in order.
    ///
    /// # Errors
    /// The key whose value is too long.
    pub fn encode(&self) -> Result<Vec<u8>, u16> {
        let mut octets = Vec::new();
        for (key, value) in &self.0 {
            let length = u16::try_from(value.len()).map_err(|_| *key)?;
            octets.extend_from_slice(&key.to_be_bytes());
            octets.extend_from_slice(&length.to_be_bytes());
            octets.extend_from_slice(value);
        }
        Ok(octets)
    }

    /// With these protocols, in this order. One of more than 255 octets is cut to them.
    #[must_use]
    pub fn with_alpn(mut self, protocols: &[&str]) -> Self {
        let value = protocols.iter().flat_map(|protocol| {
            let octets = protocol.bytes().take(255).collect::<Vec<_>>();
            [u8::try_from(octets.len()).unwrap_or(u8::MAX)]
                .into_iter()
                .chain(octets)
        });
        self.0.insert(key::ALPN, value.collect());
        self
    }

    /// With this port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.0.insert(key::PORT, port.to_be_bytes().to_vec());
        self
    }

    /// With this path of a URI template.
    #[must_use]
    pub fn with_path(mut self, path: &Template) -> Self {
        self.0
            .insert(key::DOHPATH, path.as_str().as_bytes().to_vec());
        self
    }

    /// With these configurations for an encrypted ClientHello.
    #[must_use]
    pub fn with_ech(mut self, list: &[u8]) -> Self {
        self.0.insert(key::ECH, list.to_vec());
        self
    }

    /// The value of a key, as it came.
    #[must_use]
    pub fn get(&self, key: u16) -> Option<&[u8]> {
        self.0.get(&key).map(Vec::as_slice)
    }

    /// The keys, increasing.
    pub fn keys(&self) -> impl Iterator<Item = u16> {
        self.0.keys().copied()
    }

    /// The protocols, in the server's order.
    #[must_use]
    pub fn alpn(&self) -> Vec<&[u8]> {
        let mut rest = self.get(key::ALPN).unwrap_or_default();
        let next = || {
            let (length, after) = rest.split_first()?;
            let (protocol, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(protocol)
        };
        core::iter::from_fn(next).collect()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let octets = self.get(key::PORT)?.try_into().ok()?;
        Some(u16::from_be_bytes(octets))
    }

    /// The addresses to use where none can be looked up, IPv6 first.
    #[must_use]
    pub fn hints(&self) -> Vec<IpAddr> {
        let (six, _) = self
            .get(key::IPV6HINT)
            .unwrap_or_default()
            .as_chunks::<16>();
        let (four, _) = self.get(key::IPV4HINT).unwrap_or_default().as_chunks::<4>();
        let six = six.iter().map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)));
        six.chain(
            four.iter()
                .map(|octets| IpAddr::V4(Ipv4Addr::from(*octets))),
        )
        .collect()
    }

    /// The configurations for an encrypted ClientHello, where this build can use one of them (RFC 9848 section 3).
    #[must_use]
    pub fn ech(&self) -> Option<&[u8]> {
        let list = self.get(key::ECH)?;
        ech::public_name(list).map(|_| list)
    }

    /// The ways to speak DNS that these parameters offer, in the server's order. A way that cannot be used is told beside
    /// them, so that one bad protocol does not hide a good one.
    ///
    /// # Errors
    /// None can be used.
    pub fn offers(&self) -> Result<(Vec<Offer>, Option<Unusable>), Unusable> {
        let mandatory = self.get(key::MANDATORY).unwrap_or_default();
        for wanted in mandatory.as_chunks::<2>().0 {
            let wanted = u16::from_be_bytes(*wanted);
            if !self.0.contains_key(&wanted) {
                return Err(Unusable::MissingKey { key: wanted });
            }
            let is_unusable = wanted == key::ECH && self.ech().is_none();
            if wanted > key::DOHPATH || is_unusable {
                return Err(Unusable::UnknownKey { key: wanted });
            }
        }
        let protocols = self.alpn();
        if protocols.is_empty() && self.0.contains_key(&key::NO_DEFAULT_ALPN) {
            return Err(Unusable::NoAlpn);
        }
        if let Some(port) = self.port().filter(|port| is_bad_port(*port)) {
            return Err(Unusable::BadPort { port });
        }
        let mut offers: Vec<Offer> = Vec::new();
        let mut left_out = None;
        for protocol in protocols {
            let (transport, port) = match protocol {
                b"dot" => (Transport::Dot, 853),
                b"doq" => (Transport::Doq, 853),
                b"h2" => (Transport::Doh, 443),
                b"h3" => (Transport::Doh3, 443),
                _ => continue,
            };
            if offers.iter().any(|offer| offer.transport == transport) {
                continue;
            }
            let path = match (&transport, self.get(key::DOHPATH)) {
                (Transport::Dot | Transport::Doq, _) => None,
                (_, None) => {
                    left_out = Some(Unusable::NoPath);
                    continue;
                }
                (_, Some(path)) => match Template::from_octets(path) {
                    Ok(template) => Some(template),
                    Err(error) => {
                        left_out = Some(error.into());
                        continue;
                    }
                },
            };
            let port = self.port().unwrap_or(port);
            offers.push(Offer {
                transport,
                port,
                path,
            });
        }
        if offers.is_empty() {
            return Err(left_out.unwrap_or(Unusable::NoProtocol));
        }
        Ok((offers, left_out))
    }
}

/// Why a value has not the form that its key asks for.
fn problem(key: u16, value: &[u8]) -> Option<&'static str> {
    match key {
        key::MANDATORY => {
            let (keys, rest) = value.as_chunks::<2>();
            let keys = keys.iter().map(|octets| u16::from_be_bytes(*octets));
            if value.is_empty() || !rest.is_empty() {
                return Some("is no list of keys");
            }
            if keys.clone().any(|key| key == key::MANDATORY) {
                return Some("lists itself");
            }
            (!keys.is_sorted_by(|a, b| a < b)).then_some("is not strictly increasing")
        }
        key::ALPN => {
            let mut rest = value;
            while let Some((length, after)) = rest.split_first() {
                match after.split_at_checked(usize::from(*length)) {
                    Some((protocol, after)) if !protocol.is_empty() => rest = after,
                    _ => return Some("is no list of protocols"),
                }
            }
            value.is_empty().then_some("is no list of protocols")
        }
        key::NO_DEFAULT_ALPN => (!value.is_empty()).then_some("is not empty"),
        key::PORT => (value.len() != 2).then_some("is no port"),
        key::IPV4HINT => is_no_list(value, 4).then_some("is no list of IPv4 addresses"),
        key::IPV6HINT => is_no_list(value, 16).then_some("is no list of IPv6 addresses"),
        key::ECH => (!ech::is_list(value)).then_some("is no list of ECH configurations"),
        key::DOHPATH => core::str::from_utf8(value)
            .is_err()
            .then_some("is no UTF-8"),
        _ => None,
    }
}

fn is_no_list(value: &[u8], octets: usize) -> bool {
    value.is_empty() || !value.len().is_multiple_of(octets)
}

/// The data of an SVCB record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svcb {
    /// Smaller first; 0 means an alias.
    pub priority: u16,
    /// The host, or for an alias the name where the records are; the root means the owner, or for an alias that there is no
    /// service.
    pub target: DomainName,
    /// What is said of the host; for an alias it is ignored (RFC 9460 section 2.4.2).
    pub params: Params,
}

impl Svcb {
    /// Reads the data of one record.
    ///
    /// # Errors
    /// [`SvcbError`]; the whole set is then unusable.
    pub fn parse(rdata: &[u8]) -> Result<Self, SvcbError> {
        let mut rest = rdata;
        let priority = number(&mut rest, "priority")?;
        let (target, after) = name::from_wire(rest).ok_or(SvcbError::Target)?;
        let params = Params::parse(after)?;
        Ok(Self {
            priority,
            target,
            params,
        })
    }

    /// Whether it only says where the records are (RFC 9460 section 2.4.2).
    #[must_use]
    pub const fn is_alias(&self) -> bool {
        self.priority == 0
    }
}

fn number(rest: &mut &[u8], place: &'static str) -> Result<u16, SvcbError> {
    let (octets, after) = rest
        .split_first_chunk::<2>()
        .ok_or(SvcbError::Truncated { place })?;
    *rest = after;
    Ok(u16::from_be_bytes(*octets))
}

/// The parameters in presentation form, for a person to read (RFC 9460 section 2.1).
#[must_use]
pub fn presentation(params: &Params) -> String {
    let mut words = vec![];
    for (key, value) in &params.0 {
        let text = |octets: &[u8]| octets.escape_ascii().to_string();
        words.push(match *key {
            key::MANDATORY => {
                let keys = value.as_chunks::<2>().0.iter();
                let keys: Vec<_> = keys.map(|key| name_of(u16::from_be_bytes(*key))).collect();
                alloc::format!("mandatory={}", keys.join(","))
            }
            key::ALPN => {
                let protocols: Vec<_> = params.alpn().into_iter().map(text).collect();
                alloc::format!("alpn={}", protocols.join(","))
            }
            key::NO_DEFAULT_ALPN => name_of(*key),
            key::PORT => alloc::format!("port={}", params.port().unwrap_or(0)),
            key::IPV4HINT | key::IPV6HINT => {
                let is_four = *key == key::IPV4HINT;
                let hints = params
                    .hints()
                    .into_iter()
                    .filter(|hint| hint.is_ipv4() == is_four);
                let hints: Vec<_> = hints.map(|hint| hint.to_string()).collect();
                alloc::format!("{}={}", name_of(*key), hints.join(","))
            }
            key::ECH => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                alloc::format!("ech={}", STANDARD.encode(value))
            }
            _ => alloc::format!("{}={}", name_of(*key), text(value)),
        });
    }
    words.join(" ")
}

fn name_of(key: u16) -> String {
    match key {
        key::MANDATORY => "mandatory".into(),
        key::ALPN => "alpn".into(),
        key::NO_DEFAULT_ALPN => "no-default-alpn".into(),
        key::PORT => "port".into(),
        key::IPV4HINT => "ipv4hint".into(),
        key::ECH => "ech".into(),
        key::IPV6HINT => "ipv6hint".into(),
        key::DOHPATH => "dohpath".into(),
        other => alloc::format!("key{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bad_ports_are_sorted() {
        assert!(BAD_PORTS.is_sorted_by(|a, b| a < b));
        assert!(is_bad_port(53) && is_bad_port(25) && is_bad_port(0));
        assert!(!is_bad_port(853) && !is_bad_port(443) && !is_bad_port(8443));
    }

    #[test]
    fn offers_in_the_order_of_the_server() {
        let path: Template = "/dns-query{?dns}".parse().unwrap();
        let params = Params::new()
            .with_alpn(&["h3", "dot", "x", "h2", "dot"])
            .with_path(&path);
        let (offers, left_out) = params.offers().unwrap();
        let told: Vec<_> = offers
            .iter()
            .map(|offer| (offer.transport.as_str(), offer.port))
            .collect();
        assert_eq!(told, [("doh3", 443), ("dot", 853), ("doh", 443)]);
        assert_eq!(left_out, None);
        let (offers, _) = params.with_port(8_443).offers().unwrap();
        assert!(offers.iter().all(|offer| offer.port == 8_443));
    }

    #[test]
    fn one_bad_protocol_does_not_hide_a_good_one() {
        let params = Params::new().with_alpn(&["h2", "doq"]);
        let (offers, left_out) = params.offers().unwrap();
        assert_eq!((offers.len(), left_out), (1, Some(Unusable::NoPath)));
        assert_eq!(
            Params::new().with_alpn(&["h2"]).offers(),
            Err(Unusable::NoPath)
        );
        assert_eq!(Params::new().offers(), Err(Unusable::NoProtocol));
        assert_eq!(
            Params::new().with_alpn(&["dot"]).with_port(25).offers(),
            Err(Unusable::BadPort { port: 25 })
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let params = Params::new().with_port(8_853).with_alpn(&["dot", "doq"]);
        let octets = params.encode().unwrap();
        assert_eq!(Params::parse(&octets).unwrap(), params);
        assert_eq!(presentation(&params), "alpn=dot,doq port=8853");
    }
}
