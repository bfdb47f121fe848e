//! What is asked, when, and under which profile (`wit/context.wit`).

use std::net::IpAddr;

use resolvet_proto::judgement::{
    Clock, NetworkIdentity, Purpose, ServerAuthentication, UsageProfile,
};

use crate::host::context as host;

/// What the peer must answer to (RFC 9525 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceIdentifier {
    /// A DNS name, lower case, without a final dot.
    DnsId(String),
    /// An address.
    IpId(IpAddr),
    /// A service name, `_service.name` (RFC 4985).
    SrvId(String),
    /// A kind that this version of the SDK does not know.
    Other {
        /// The kind.
        kind: String,
        /// The identifier.
        value: String,
    },
}

/// What the judgement is for.
#[must_use]
pub fn purpose() -> Purpose {
    Purpose::from(host::purpose().as_str())
}

/// The time of the judgement, seconds since 1970-01-01T00:00:00Z. The only clock there is.
#[must_use]
pub fn now() -> u64 {
    host::now()
}

/// How that time is known.
#[must_use]
pub fn clock() -> Clock {
    Clock::from(host::clock().as_str())
}

/// The usage profile (RFC 8310 section 5).
#[must_use]
pub fn usage_profile() -> UsageProfile {
    UsageProfile::from(host::usage_profile().as_str())
}

/// How the network's identity is known.
#[must_use]
pub fn network_identity() -> NetworkIdentity {
    NetworkIdentity::from(host::network_identity().as_str())
}

/// How the server of an enrolment was authenticated, of a conveyed certificate the server that conveyed it; absent outside an
/// enrolment.
#[must_use]
pub fn est_server_authentication() -> Option<ServerAuthentication> {
    host::est_server_authentication().map(|word| ServerAuthentication::from(word.as_str()))
}

/// The domain that discovery began at, the authentication domain name (RFC 8310).
#[must_use]
pub fn authentication_domain_name() -> Option<String> {
    host::authentication_domain_name()
}

/// What the peer must answer to; any one of them suffices.
#[must_use]
pub fn reference_identifiers() -> Vec<ReferenceIdentifier> {
    host::reference_identifiers()
        .into_iter()
        .map(reference_identifier)
        .collect()
}

/// The identifier of this kind and value.
pub(super) fn reference_identifier((kind, value): (String, String)) -> ReferenceIdentifier {
    match (kind.as_str(), value.parse()) {
        ("dns-id", _) => ReferenceIdentifier::DnsId(value),
        ("ip-id", Ok(address)) => ReferenceIdentifier::IpId(address),
        ("srv-id", _) => ReferenceIdentifier::SrvId(value),
        _ => ReferenceIdentifier::Other { kind, value },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_that_is_not_known_is_kept() {
        let read = |kind: &str, value: &str| reference_identifier((kind.into(), value.into()));
        assert_eq!(
            read("dns-id", "a.example"),
            ReferenceIdentifier::DnsId("a.example".into())
        );
        assert_eq!(
            read("ip-id", "2001:db8::1"),
            ReferenceIdentifier::IpId("2001:db8::1".parse().unwrap())
        );
        for (kind, value) in [("uri-id", "https://a.example"), ("ip-id", "fe80::1%eth0")] {
            let other = ReferenceIdentifier::Other {
                kind: kind.into(),
                value: value.into(),
            };
            assert_eq!(read(kind, value), other);
        }
    }
}
