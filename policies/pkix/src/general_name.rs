//! General names (RFC 5280 section 4.2.1.6), the syntax of the names inside, and of wildcards.

use crate::{
    certificate::oid,
    der::{Malformed, Reader, Result, tag},
};

/// A general name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GeneralName<'a> {
    /// A DNS name, IA5String.
    Dns(&'a [u8]),
    /// An address, or in name constraints an address and its mask.
    Ip(&'a [u8]),
    /// A mailbox.
    Email(&'a [u8]),
    /// A URI.
    Uri(&'a [u8]),
    /// A `Name` with tag and length.
    Directory(&'a [u8]),
    /// An SRVName (RFC 4985), `_service.name`.
    Srv(&'a [u8]),
    /// Any other form; its tag, and for another name its type.
    Other(u8, &'a [u8]),
}

impl<'a> GeneralName<'a> {
    /// Reads the next general name.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let value = reader.value()?;
        Ok(match value.tag {
            0xa0 => {
                let mut fields = Reader::new(value.content);
                let kind = fields.expect(tag::OID)?.content;
                let mut explicit = fields.nested(tag::explicit(0))?;
                fields.end()?;
                if kind == oid::DNS_SRV {
                    let name = explicit.expect(tag::IA5_STRING)?.content;
                    explicit.end()?;
                    Self::Srv(name)
                } else {
                    Self::Other(value.tag, kind)
                }
            }
            0x81 => Self::Email(ascii(value.content)?),
            0x82 => Self::Dns(value.content),
            0x86 => Self::Uri(ascii(value.content)?),
            0x87 => Self::Ip(value.content),
            0xa4 => {
                let mut inner = Reader::new(value.content);
                let name = inner.expect(tag::SEQUENCE)?.whole;
                inner.end()?;
                Self::Directory(name)
            }
            0xa3 | 0xa5 | 0x88 => Self::Other(value.tag, &[]),
            _ => return Err(Malformed),
        })
    }
}

/// An IA5String's octets.
fn ascii(octets: &[u8]) -> Result<&[u8]> {
    if octets.is_ascii() {
        Ok(octets)
    } else {
        Err(Malformed)
    }
}

/// What is wrong with a presented name's syntax, if anything (RFC 5280 section 4.2.1.6, RFC 9525 section 6.3).
pub(crate) fn syntax_fault(name: &GeneralName<'_>) -> Option<&'static str> {
    match name {
        GeneralName::Dns(name) if looks_like_ipv4(name) => Some("is an address and no host name"),
        GeneralName::Dns(name) => {
            let base = name.strip_prefix(b"*.").unwrap_or(name);
            (!is_host_name(base)).then_some("is no host name in preferred syntax")
        }
        GeneralName::Ip(address) if address.len() != 4 && address.len() != 16 => {
            Some("is neither 4 nor 16 octets")
        }
        GeneralName::Srv(name) => {
            let whole = split_srv(name).is_some_and(|(_, host)| is_host_name(host));
            (!whole).then_some("is not of the form _service.name")
        }
        GeneralName::Email(mailbox) => (!is_mailbox(mailbox)).then_some("is no mailbox"),
        GeneralName::Uri(uri) => uri.is_empty().then_some("is empty"),
        GeneralName::Ip(_) | GeneralName::Directory(_) | GeneralName::Other(..) => None,
    }
}

/// Whether this is a host name of letters, digits and hyphens (and underscores, which deployed names have), relative, at
/// most 253 octets, its last label not all digits.
pub(crate) fn is_host_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split(|&octet| octet == b'.').all(is_label)
        && name
            .rsplit(|&octet| octet == b'.')
            .next()
            .is_some_and(|last| !last.iter().all(u8::is_ascii_digit))
}

fn is_label(label: &[u8]) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.first() != Some(&b'-')
        && label.last() != Some(&b'-')
        && label
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}

/// Whether this has the look of an IPv4 address: four numbers with points between.
pub(crate) fn looks_like_ipv4(name: &[u8]) -> bool {
    name.split(|&octet| octet == b'.').count() == 4
        && name
            .split(|&octet| octet == b'.')
            .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
}

/// Whether this is `local@host`, with one `@` and a host name behind it.
pub(crate) fn is_mailbox(mailbox: &[u8]) -> bool {
    let mut parts = mailbox.split(|&octet| octet == b'@');
    let local = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or_default();
    parts.next().is_none() && !local.is_empty() && is_host_name(host)
}

/// An SRVName's service, without its underscore, and name.
pub(crate) fn split_srv(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = name.strip_prefix(b"_")?;
    let point = rest.iter().position(|&octet| octet == b'.')?;
    let (service, host) = rest.split_at_checked(point)?;
    let host = host.strip_prefix(b".")?;
    (is_label(service)).then_some((service, host))
}

/// Second-level names that registries of country codes keep for registrations below them. No complete list of public
/// suffixes fits into a policy; these are the ones that nearly all of such registries use.
const REGISTRY_LABELS: [&[u8]; 16] = [
    b"ac", b"co", b"com", b"edu", b"gob", b"gov", b"gouv", b"govt", b"id", b"mil", b"ne", b"net",
    b"nom", b"or", b"org", b"sch",
];

/// Whether names directly below this one belong to different registrants: a single label, or a registry's second level
/// under a country code.
pub(crate) fn is_registry_controlled(base: &[u8]) -> bool {
    let mut labels = base.rsplit(|&octet| octet == b'.');
    let top = labels.next().unwrap_or_default();
    match (labels.next(), labels.next()) {
        (None, _) => true,
        (Some(second), None) => {
            top.len() == 2
                && REGISTRY_LABELS
                    .iter()
                    .any(|label| label.eq_ignore_ascii_case(second))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for good in [
            "a",
            "dns.example.net",
            "xn--bcher-kva.example",
            "_x.example",
            "1.example",
        ] {
            assert!(is_host_name(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a.b",
            "a-.b",
            "a b",
            "*.a",
            "192.0.2.1",
            "ä.example",
        ] {
            assert!(!is_host_name(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn srv_names_have_two_parts() {
        assert_eq!(
            split_srv(b"_domain-s.example.net"),
            Some((&b"domain-s"[..], &b"example.net"[..]))
        );
        assert_eq!(split_srv(b"domain-s.example.net"), None);
        assert_eq!(split_srv(b"_domain-s"), None);
        assert_eq!(split_srv(b"_.example.net"), None);
    }

    #[test]
    fn registries_own_single_labels_and_second_levels() {
        for name in ["com", "co.uk", "CO.jp", "net"] {
            assert!(is_registry_controlled(name.as_bytes()), "{name}");
        }
        for name in ["example.com", "co.example", "example.co.uk", "bbc.uk"] {
            assert!(!is_registry_controlled(name.as_bytes()), "{name}");
        }
    }
}
