//! For which servers a password is meant: auth-scope (RFC 8120 section 5).

use alloc::string::{String, ToString as _};
use core::fmt;

use super::super::est::Endpoint;

/// An auth-scope, in its canonical form: lower case, without the scheme's default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthScope(String);

impl AuthScope {
    /// Only this server: `https://host[:port]`.
    #[must_use]
    pub fn single_server(server: &Endpoint) -> Self {
        Self(server.to_string())
    }

    /// Every port of this server's host. It is what a missing auth-scope means.
    #[must_use]
    pub fn single_host(server: &Endpoint) -> Self {
        Self(server.host().to_string())
    }

    /// Every host of a domain, and the domain itself: `*.domain`.
    #[must_use]
    pub fn domain(domain: &str) -> Self {
        Self(alloc::format!("*.{}", domain.to_ascii_lowercase()))
    }

    /// Reads what a server says.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// Whether a server lies in it. A client never uses a password for an auth-scope that does not contain the server it
    /// talks to: the other server could pass the exchange on.
    #[must_use]
    pub fn contains(&self, server: &Endpoint) -> bool {
        if self.0 == server.to_string() || self.0 == server.host() {
            return true;
        }
        let Some(domain) = self.0.strip_prefix("*.") else {
            return false;
        };
        let host = server.host();
        let below = host.strip_suffix(domain);
        // An address has no domain, and a single label would be everybody's.
        domain.contains('.')
            && host.parse::<core::net::IpAddr>().is_err()
            && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }

    /// As it stands in messages and in pi.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_contains_its_servers() {
        let server = Endpoint::new("est.example.net", 8_443).unwrap();
        for scope in [
            "https://est.example.net:8443",
            "HTTPS://EST.example.net:8443",
            "est.example.net",
            "*.example.net",
            "*.est.example.net",
        ] {
            assert!(AuthScope::from_text(scope).contains(&server), "{scope}");
        }
        for scope in [
            "",
            "https://est.example.net",
            "http://est.example.net:8443",
            "example.net",
            "*.net",
            "*.t.example.net",
            "*.xample.net",
            "*",
            "*.",
            "*.est.example.org",
        ] {
            assert!(!AuthScope::from_text(scope).contains(&server), "{scope}");
        }
        let address = Endpoint::new("192.0.2.1", 443).unwrap();
        assert!(!AuthScope::from_text("*.2.1").contains(&address));
        assert!(AuthScope::single_host(&address).contains(&address));
        assert_eq!(
            AuthScope::single_server(&address).as_str(),
            "https://192.0.2.1"
        );
    }
}
