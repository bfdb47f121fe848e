//! DNS stamps: a server in one line, `sdns://` and base64url (the DNSCrypt project's specification of stamps).
//!
//! DoT, DoH and DoQ are read. Plain DNS and DNSCrypt are refused: here nothing is asked in clear text, and nothing without a
//! certificate.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::{IpAddr, SocketAddr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;

use super::{ConfiguredServer, DomainName, Template, TemplateError};
use crate::judgement::{Digest, Pin, Transport};

/// The longest stamp that is read.
pub const STAMP_OCTETS: usize = 4_096;
/// Digests of one stamp.
const HASHES: usize = 16;
/// Octets of the properties: whether it validates DNSSEC, keeps no logs, filters nothing. They are claims, and no policy
/// is asked about claims that nobody makes over an authenticated connection.
const PROPERTIES: usize = 8;

/// A text that is no stamp of an encrypted server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StampError {
    /// No `sdns://`.
    #[error("stamp begins with something else than `sdns://`")]
    Scheme,
    /// Longer than any.
    #[error("stamp of {octets} octets, at most {STAMP_OCTETS} are read")]
    TooLong {
        /// How many came.
        octets: usize,
    },
    /// No base64url without padding.
    #[error("stamp is no base64url without padding (RFC 4648 section 5)")]
    Encoding,
    /// It ends early, or octets are left over.
    #[error("stamp is malformed in its {place}")]
    Malformed {
        /// Where.
        place: &'static str,
    },
    /// Another protocol than those that are read.
    #[error("stamp is for {protocol}, expected DoT, DoH or DoQ")]
    Protocol {
        /// The protocol.
        protocol: &'static str,
    },
    /// Its address is none.
    #[error("stamp's address `{text}` is no address with or without a port")]
    Address {
        /// What came, escaped.
        text: String,
    },
    /// Its host is no name.
    #[error("stamp's host `{text}` {problem}")]
    Host {
        /// What came, escaped.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Its path is none.
    #[error("stamp's path: {0}")]
    Path(#[from] TemplateError),
}

/// Reads a stamp: for DoH a server by HTTP/2, whose path gets the variable `dns`.
///
/// # Errors
/// [`StampError`].
pub fn parse(text: &str) -> Result<ConfiguredServer, StampError> {
    let encoded = text.strip_prefix("sdns://").ok_or(StampError::Scheme)?;
    if encoded.len() > STAMP_OCTETS {
        return Err(StampError::TooLong {
            octets: encoded.len(),
        });
    }
    let octets = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| StampError::Encoding)?;
    let malformed = |place| StampError::Malformed { place };
    let (protocol, mut rest) = octets.split_first().ok_or_else(|| malformed("protocol"))?;
    let transport = match protocol {
        0x02 => Transport::Doh,
        0x03 => Transport::Dot,
        0x04 => Transport::Doq,
        other => {
            return Err(StampError::Protocol {
                protocol: protocol_name(*other),
            });
        }
    };
    rest = rest
        .get(PROPERTIES..)
        .ok_or_else(|| malformed("properties"))?;
    let address = prefixed(&mut rest).ok_or_else(|| malformed("address"))?;
    let hashes = list(&mut rest).ok_or_else(|| malformed("digests"))?;
    let host = prefixed(&mut rest).ok_or_else(|| malformed("host"))?;
    let path = match transport {
        Transport::Doh => {
            let path = prefixed(&mut rest).ok_or_else(|| malformed("path"))?;
            Some(template(path)?)
        }
        _ => None,
    };
    if !rest.is_empty() {
        // Addresses of resolvers that look the host up in clear text: the session has one of its own.
        list(&mut rest)
            .filter(|_| rest.is_empty())
            .ok_or_else(|| malformed("end"))?;
    }
    let (addresses, port) = address_of(address)?;
    let (name, host_port) = host_of(host)?;
    let mut pins = Vec::new();
    for hash in hashes.into_iter().filter(|hash| !hash.is_empty()) {
        let digest = <[u8; 32]>::try_from(hash).map_err(|_| malformed("digests"))?;
        pins.push(Pin::TbsSha256(Digest::from_octets(digest)));
    }
    Ok(ConfiguredServer {
        transport,
        name: Some(name),
        addresses,
        port: port.or(host_port),
        path,
        pins,
    })
}

const fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        0x00 => "plain DNS, which is clear text",
        0x01 | 0x81 => "DNSCrypt, which has no certificate",
        0x05 | 0x85 => "Oblivious DoH",
        _ => "a protocol that is not known",
    }
}

/// A length and so many octets.
fn prefixed<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first()?;
    let (value, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    Some(value)
}

/// Values of which each length but the last has its highest bit set.
fn list<'a>(rest: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut values = Vec::new();
    loop {
        let (length, after) = rest.split_first()?;
        let (value, after) = after.split_at_checked(usize::from(length & 0x7f))?;
        *rest = after;
        values.push(value);
        if length & 0x80 == 0 {
            return Some(values);
        }
        if values.len() >= HASHES {
            return None;
        }
    }
}

/// The path, to which stamps leave it to add the query (RFC 8484 section 4.1.1).
fn template(path: &[u8]) -> Result<Template, TemplateError> {
    let has_expression = path.contains(&b'{');
    let tail: &[u8] = if has_expression { b"" } else { b"{?dns}" };
    Template::from_octets(&[path, tail].concat())
}

/// No address, an address, or an address and a port; a port alone when the address is to be looked up.
fn address_of(octets: &[u8]) -> Result<(Vec<IpAddr>, Option<u16>), StampError> {
    let wrong = || StampError::Address {
        text: octets.escape_ascii().to_string(),
    };
    let text = core::str::from_utf8(octets).map_err(|_| wrong())?;
    if text.is_empty() {
        return Ok((Vec::new(), None));
    }
    if let Some(port) = text.strip_prefix(':') {
        return port
            .parse()
            .map(|port| (Vec::new(), Some(port)))
            .map_err(|_| wrong());
    }
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Ok(([both.ip()].into(), Some(both.port())));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse().map_err(|_| wrong())?;
    Ok(([address].into(), None))
}

fn host_of(octets: &[u8]) -> Result<(String, Option<u16>), StampError> {
    let wrong = |problem| StampError::Host {
        text: octets.escape_ascii().to_string(),
        problem,
    };
    let text = core::str::from_utf8(octets).map_err(|_| wrong("is no text"))?;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().map_err(|_| wrong("has a port that is none"))?;
            (host, Some(port))
        }
        None => (text, None),
    };
    let name = DomainName::parse(host).map_err(wrong)?;
    Ok((name.without_dot().into(), port))
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn stamp(octets: &[u8]) -> String {
        format!("sdns://{}", URL_SAFE_NO_PAD.encode(octets))
    }

    fn octets(
        protocol: u8,
        address: &str,
        hashes: &[&[u8]],
        host: &str,
        path: Option<&str>,
    ) -> Vec<u8> {
        let mut octets = vec![protocol, 7, 0, 0, 0, 0, 0, 0, 0];
        let mut push = |value: &[u8], more: u8| {
            octets.push(u8::try_from(value.len()).unwrap() | more);
            octets.extend_from_slice(value);
        };
        push(address.as_bytes(), 0);
        for (place, hash) in hashes.iter().enumerate() {
            push(hash, if place + 1 < hashes.len() { 0x80 } else { 0 });
        }
        push(host.as_bytes(), 0);
        if let Some(path) = path {
            push(path.as_bytes(), 0);
        }
        octets
    }

    #[test]
    fn servers_of_three_protocols() {
        let doh = octets(
            2,
            "[2001:db8::1]:8443",
            &[&[1; 32], &[2; 32]],
            "DNS.example.net",
            Some("/q"),
        );
        let server = parse(&stamp(&doh)).unwrap();
        assert_eq!(server.transport, Transport::Doh);
        assert_eq!(server.name.as_deref(), Some("dns.example.net"));
        assert_eq!(server.addresses, ["2001:db8::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(
            (server.port(), server.path.as_ref().unwrap().as_str()),
            (8_443, "/q{?dns}")
        );
        assert_eq!(server.pins.len(), 2);
        assert!(server.check(None).is_ok());

        let dot = parse(&stamp(&octets(
            3,
            "192.0.2.1",
            &[&[]],
            "dns.example.net:8853",
            None,
        )))
        .unwrap();
        assert_eq!(
            (dot.transport.as_str(), dot.port(), dot.pins.len()),
            ("dot", 8_853, 0)
        );
        let doq = parse(&stamp(&octets(4, "", &[&[]], "dns.example.net", None))).unwrap();
        assert_eq!(
            (doq.transport.as_str(), doq.port(), doq.addresses.len()),
            ("doq", 853, 0)
        );
    }

    #[test]
    fn what_is_refused() {
        let good = octets(3, "192.0.2.1", &[&[]], "dns.example.net", None);
        for length in 0..good.len() {
            assert!(parse(&stamp(&good[..length])).is_err(), "{length} octets");
        }
        let refused = |octets: &[u8]| parse(&stamp(octets)).unwrap_err();
        for protocol in [0, 1, 5, 0x81, 9] {
            let octets = [&[protocol], &good[1..]].concat();
            assert!(matches!(refused(&octets), StampError::Protocol { .. }));
        }
        assert!(matches!(
            refused(&octets(3, "resolver", &[&[]], "dns.example.net", None)),
            StampError::Address { .. }
        ));
        assert!(matches!(
            refused(&octets(3, "192.0.2.1", &[&[]], "192.0.2.1", None)),
            StampError::Host { .. }
        ));
        assert_eq!(
            refused(&octets(
                3,
                "192.0.2.1",
                &[&[1; 31]],
                "dns.example.net",
                None
            )),
            StampError::Malformed { place: "digests" }
        );
        assert!(matches!(
            refused(&octets(2, "", &[&[]], "dns.example.net", Some("q"))),
            StampError::Path(_)
        ));
        assert_eq!(parse("https://dns.example.net"), Err(StampError::Scheme));
        assert_eq!(parse("sdns://AgcA="), Err(StampError::Encoding));
    }
}
