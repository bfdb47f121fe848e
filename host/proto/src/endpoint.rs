//! Where a server is: host, port and path of an `https` URI (RFC 9110 section 4.2.2).

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Octets of a URI that is read.
pub const URI_OCTETS: usize = 2_048;

/// A host and a port, reached by HTTPS: an origin (RFC 6454). It reads from and writes to `https://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// A text is no URI of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{uri}` is no URI of a server: {problem} (RFC 9110 4.2.2)")]
pub struct EndpointError {
    uri: String,
    problem: &'static str,
}

impl Endpoint {
    /// A host, by name or address, and a port.
    ///
    /// # Errors
    /// The host is neither a name of letters, digits, `-`, `_` and dots, nor an address.
    pub fn new(host: &str, port: u16) -> Result<Self, EndpointError> {
        let wrong = |problem| EndpointError {
            uri: host.escape_debug().take(300).collect(),
            problem,
        };
        if port == 0 {
            return Err(wrong("port 0"));
        }
        if host.parse::<IpAddr>().is_ok() {
            return Ok(Self {
                host: host.to_ascii_lowercase(),
                port,
            });
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let good = host.len() <= 253
            && host.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
            });
        if !good {
            return Err(wrong("the host is neither a name nor an address"));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// Reads an absolute `https` URI: the endpoint and the path with its query. A fragment is dropped.
    ///
    /// # Errors
    /// Another scheme, user information, another host, port or length, characters that no URI has.
    pub fn parse(uri: &str) -> Result<(Self, String), EndpointError> {
        let wrong = |problem| EndpointError {
            uri: uri.escape_debug().take(300).collect(),
            problem,
        };
        if uri.len() > URI_OCTETS {
            return Err(wrong("it is too long"));
        }
        if !uri.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(wrong("it has characters that no URI has"));
        }
        let rest = match uri.split_at_checked("https://".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https://") => rest,
            _ => return Err(wrong("expected the scheme `https`")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(wrong("it carries user information"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("`[` without `]`"))?;
                if host.parse::<Ipv6Addr>().is_err() {
                    return Err(wrong("expected an IPv6 address in brackets"));
                }
                (host, port.strip_prefix(':').unwrap_or(port))
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = match port {
            "" => 443,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| wrong("no port"))?
            }
            _ => return Err(wrong("no port")),
        };
        let endpoint = Self::new(host, port).map_err(|error| wrong(error.problem))?;
        let path = path.split('#').next().unwrap_or_default();
        let path = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/{path}"),
        };
        Ok((endpoint, path))
    }

    /// Reads what a Location says, as seen from this endpoint (RFC 9110 section 10.2.2): an absolute `https` URI or an
    /// absolute path. Other relative references are refused: no server of EST or BRSKI has a reason for one.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn resolve(&self, location: &str) -> Result<(Self, String), EndpointError> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::parse(&format!("{self}{location}"));
        }
        Self::parse(location)
    }

    /// The name or address, lower case, without a final dot and without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("https://")?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != 443 {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(uri: String) -> Result<Self, EndpointError> {
        Self::parse(&uri).map(|(endpoint, _)| endpoint)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read() {
        for (uri, origin, path) in [
            ("https://est.example.net", "https://est.example.net", "/"),
            (
                "HTTPS://EST.Example.NET.:443/a?b#c",
                "https://est.example.net",
                "/a?b",
            ),
            (
                "https://est.example.net:8443/a",
                "https://est.example.net:8443",
                "/a",
            ),
            (
                "https://[2001:DB8::1]:8443/",
                "https://[2001:db8::1]:8443",
                "/",
            ),
            ("https://192.0.2.1?x", "https://192.0.2.1", "/?x"),
        ] {
            let (endpoint, rest) = Endpoint::parse(uri).unwrap();
            assert_eq!(
                (endpoint.to_string().as_str(), rest.as_str()),
                (origin, path)
            );
        }
    }

    #[test]
    fn other_uris_are_refused() {
        for uri in [
            "",
            "http://est.example.net/",
            "https://",
            "https://u:p@est.example.net/",
            "https://est.example.net:0/",
            "https://est.example.net:65536/",
            "https://est.example.net:+1/",
            "https://[::1/",
            "https://[est]/",
            "https://est..net/",
            "https://est.example.net/\r\nx: y",
            "https://exämple.net/",
        ] {
            assert!(Endpoint::parse(uri).is_err(), "`{uri}`");
        }
    }

    #[test]
    fn a_location_is_absolute() {
        let here = Endpoint::new("est.example.net", 8443).unwrap();
        let (there, path) = here.resolve("/x").unwrap();
        assert_eq!((there, path.as_str()), (here.clone(), "/x"));
        let (there, _) = here.resolve("https://other.example.net/x").unwrap();
        assert_ne!(there, here);
        assert!(here.resolve("x").is_err());
        assert!(here.resolve("//other.example.net/x").is_err());
    }
}
