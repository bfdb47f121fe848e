//! Service identity: which presented identifiers answer to which reference identifiers (RFC 9525 section 6, RFC 4985).
//!
//! Only the subject alternative name is looked at, never the subject. Reference identifiers are what the host was told
//! to reach, never what DNS answered.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use resolvet_guest::context::ReferenceIdentifier;

use crate::{
    certificate::Certificate,
    der::Result,
    general_name::{GeneralName, is_host_name, is_registry_controlled, split_srv},
};

/// The identifiers that a certificate presents.
pub(crate) fn presented<'a>(certificate: &Certificate<'a>) -> Result<Vec<GeneralName<'a>>> {
    let mut found = Vec::new();
    if let Some(mut names) = certificate.alt_names()? {
        while !names.is_empty() {
            found.push(GeneralName::read(&mut names)?);
        }
    }
    Ok(found)
}

/// Whether one of the presented identifiers answers to this reference identifier.
pub(crate) fn answers(presented: &[GeneralName<'_>], reference: &ReferenceIdentifier) -> bool {
    presented.iter().any(|name| match (name, reference) {
        (GeneralName::Dns(name), ReferenceIdentifier::DnsId(wanted)) => {
            dns_matches(name, wanted.as_bytes())
        }
        (GeneralName::Ip(address), ReferenceIdentifier::IpId(IpAddr::V4(wanted))) => {
            *address == wanted.octets()
        }
        (GeneralName::Ip(address), ReferenceIdentifier::IpId(IpAddr::V6(wanted))) => {
            *address == wanted.octets()
        }
        (GeneralName::Srv(name), ReferenceIdentifier::SrvId(wanted)) => {
            srv_matches(name, wanted.as_bytes())
        }
        _ => false,
    })
}

/// Section 6.3: label for label without regard to case. A wildcard is the whole left-most label, stands for exactly one
/// label, and not above a registry's names, which belong to many.
fn dns_matches(presented: &[u8], wanted: &[u8]) -> bool {
    let wanted = wanted.strip_suffix(b".").unwrap_or(wanted);
    if !is_host_name(wanted) {
        return false;
    }
    let Some(base) = presented.strip_prefix(b"*.") else {
        return is_host_name(presented) && presented.eq_ignore_ascii_case(wanted);
    };
    let Some(point) = wanted.iter().position(|&octet| octet == b'.') else {
        return false;
    };
    let rest = wanted.get(point + 1..).unwrap_or_default();
    is_host_name(base) && !is_registry_controlled(base) && base.eq_ignore_ascii_case(rest)
}

/// RFC 9525 section 6.5, RFC 4985 section 2: service and name must both match, within the same identifier. No wildcards.
fn srv_matches(presented: &[u8], wanted: &[u8]) -> bool {
    match (split_srv(presented), split_srv(wanted)) {
        (Some((service, host)), Some((wanted_service, wanted_host))) => {
            service.eq_ignore_ascii_case(wanted_service)
                && is_host_name(host)
                && host.eq_ignore_ascii_case(wanted_host.strip_suffix(b".").unwrap_or(wanted_host))
        }
        _ => false,
    }
}

/// Whether there is an SRV-ID of this service.
pub(crate) fn has_service(presented: &[GeneralName<'_>], service: &[u8]) -> bool {
    presented.iter().any(|name| {
        matches!(name, GeneralName::Srv(name) if split_srv(name).is_some_and(|(s, _)| s.eq_ignore_ascii_case(service)))
    })
}

/// The identifiers in words, for a message.
pub(crate) fn describe(presented: &[GeneralName<'_>]) -> String {
    let mut words = String::new();
    for name in presented.iter().take(8) {
        let word = match name {
            GeneralName::Dns(name) => format!("DNS-ID `{}`", crate::report::text(name)),
            GeneralName::Ip(address) => format!("IP-ID `{}`", address_text(address)),
            GeneralName::Srv(name) => format!("SRV-ID `{}`", crate::report::text(name)),
            _ => continue,
        };
        if !words.is_empty() {
            words.push_str(", ");
        }
        words.push_str(&word);
    }
    if words.is_empty() {
        "no identifier".into()
    } else {
        words
    }
}

/// An address in text; octets in hexadecimal if it is none.
pub(crate) fn address_text(octets: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return format!("{}", Ipv4Addr::from(four));
    }
    if let Ok(sixteen) = <[u8; 16]>::try_from(octets) {
        return format!("{}", Ipv6Addr::from(sixteen));
    }
    octets
        .iter()
        .take(32)
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_left_most_label() {
        for (presented, wanted, expected) in [
            ("dns.example.net", "DNS.example.NET", true),
            ("dns.example.net", "dns.example.net.", true),
            ("*.example.net", "dns.example.net", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", "a.dns.example.net", false),
            ("d*.example.net", "dns.example.net", false),
            ("dns.*.net", "dns.example.net", false),
            ("*", "net", false),
            ("*.net", "example.net", false),
            ("*.co.uk", "example.co.uk", false),
            ("*.example.net", "*.example.net", false),
            (".example.net", "dns.example.net", false),
        ] {
            assert_eq!(
                dns_matches(presented.as_bytes(), wanted.as_bytes()),
                expected,
                "{presented} {wanted}"
            );
        }
    }

    #[test]
    fn both_parts_of_an_srv_id_match_in_the_same_identifier() {
        let presented = [
            GeneralName::Srv(b"_domain-s.example.org"),
            GeneralName::Srv(b"_imap.example.net"),
        ];
        assert!(!answers(
            &presented,
            &ReferenceIdentifier::SrvId("_domain-s.example.net".into())
        ));
        assert!(answers(
            &presented,
            &ReferenceIdentifier::SrvId("_DOMAIN-S.Example.ORG".into())
        ));
        assert!(!answers(
            &[GeneralName::Srv(b"_domain-s.*.net")],
            &ReferenceIdentifier::SrvId("_domain-s.*.net".into())
        ));
    }

    #[test]
    fn an_address_is_compared_octet_for_octet() {
        let presented = [
            GeneralName::Ip(&[192, 0, 2, 1]),
            GeneralName::Dns(b"192.0.2.2"),
        ];
        assert!(answers(
            &presented,
            &ReferenceIdentifier::IpId("192.0.2.1".parse().unwrap())
        ));
        assert!(!answers(
            &presented,
            &ReferenceIdentifier::IpId("192.0.2.2".parse().unwrap())
        ));
    }
}
