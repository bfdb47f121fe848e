//! Domain names in one form, so that two of them are equal when their texts are.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, net::IpAddr};

use hickory_proto::rr::Name;
use serde::Serialize;

/// A domain name in presentation form (RFC 1035 section 5.1): absolute, lower case, every octet beyond letters, digits,
/// `-` and `_` escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DomainName(String);

impl DomainName {
    /// The name that a person wrote, with or without a final dot; internationalized labels become A-labels.
    ///
    /// # Errors
    /// Says what is wrong with it: it must be the name of a domain, so neither empty nor the root, no address, no
    /// wildcard, and of letters, digits, `-` and `_` in at most 255 octets.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        if bare.is_empty() {
            return Err("is empty");
        }
        if bare.parse::<IpAddr>().is_ok() {
            return Err("is an address, expected a domain name");
        }
        if bare.contains('*') {
            return Err("is a wildcard, expected the name of one domain");
        }
        if bare.contains('\\') {
            return Err("has an escape, expected letters, digits, `-` and `_`");
        }
        let name = Name::from_str_relaxed(bare).map_err(|_| {
            "is no domain name: expected labels of at most 63 octets and at most 255 octets in all"
        })?;
        let name = Self::of(&name);
        if !name.can_be_asked() {
            return Err("has labels of other than letters, digits, `-` and `_`");
        }
        Ok(name)
    }

    /// A name of any labels in this form.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        let mut text = String::with_capacity(name.len());
        for label in name.iter() {
            for &octet in label {
                match octet.to_ascii_lowercase() {
                    plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => {
                        text.push(char::from(plain))
                    }
                    printable @ b'!'..=b'~' => {
                        text.push('\\');
                        text.push(char::from(printable));
                    }
                    other => text.push_str(&format!("\\{other:03}")),
                }
            }
            text.push('.');
        }
        if text.is_empty() {
            text.push('.');
        }
        Self(text)
    }

    /// The name of a label or several before this one: `_dns` and `example.net.` make `_dns.example.net.`. `None` when it
    /// would be too long, or the label is none.
    #[must_use]
    pub fn under(&self, labels: &str) -> Option<Self> {
        Self::parse(&format!("{labels}.{}", self.0)).ok()
    }

    /// Its labels, without escapes.
    #[must_use]
    pub fn labels(&self) -> Vec<Vec<u8>> {
        labels(&self.0)
    }

    /// The name without compression, as it is written into options and records.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.0.len() + 1);
        for label in self.labels() {
            // A label of a name has at most 63 octets.
            octets.push(u8::try_from(label.len()).unwrap_or(0));
            octets.extend(label);
        }
        octets.push(0);
        octets
    }

    /// Whether this is the other name or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0
            .strip_suffix(other.as_str())
            .is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    /// Absolute, with the final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the final dot, as certificates write it.
    #[must_use]
    pub fn without_dot(&self) -> &str {
        self.0.strip_suffix('.').unwrap_or(&self.0)
    }

    /// Whether it is the root, which stands for *nothing* where a name is expected.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// Whether a host or a service could have this name: labels of letters, digits, `-` and `_` that do not begin with `-`.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        !self.is_root()
            && self.without_dot().split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && label
                        .bytes()
                        .all(|o| o.is_ascii_alphanumeric() || o == b'-' || o == b'_')
            })
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The labels of a name in presentation form (RFC 1035 section 5.1), without escapes; none for the root.
#[must_use]
pub fn labels(name: &str) -> Vec<Vec<u8>> {
    let mut labels = Vec::new();
    let mut label = Vec::new();
    let mut rest = name.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'.' if label.is_empty() => {}
            b'.' => labels.push(core::mem::take(&mut label)),
            b'\\' => label.extend(unescaped(&mut rest)),
            plain => label.push(plain),
        }
    }
    if !label.is_empty() {
        labels.push(label);
    }
    labels
}

/// The octet behind a backslash: itself, or what three digits say.
fn unescaped(rest: &mut core::str::Bytes<'_>) -> Option<u8> {
    let first = rest.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, rest.next()?, rest.next()?];
    core::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The name on the wire, without compression, its case as it came.
pub(super) fn wire(name: &Name) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len());
    for label in name.iter() {
        // A label of a name has at most 63 octets.
        octets.push(u8::try_from(label.len()).unwrap_or(0));
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets
}

/// The name at the beginning of these octets, without compression (RFC 1035 section 3.1), and what follows it.
pub(super) fn from_wire(octets: &[u8]) -> Option<(DomainName, &[u8])> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut rest = octets;
    loop {
        let (length, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        if label.is_empty() {
            break;
        }
        labels.push(label);
    }
    // A label of more than 63 octets, which a pointer looks like, and more than 255 octets in all are refused there.
    let name = if labels.is_empty() {
        Name::root()
    } else {
        Name::from_labels(labels).ok()?
    };
    Some((DomainName::of(&name), rest))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn what_a_person_writes() {
        for (text, name) in [
            ("example.net", "example.net."),
            ("Example.NET.", "example.net."),
            ("dns_1.example.net", "dns_1.example.net."),
            ("bücher.example", "xn--bcher-kva.example."),
        ] {
            assert_eq!(DomainName::parse(text).unwrap().as_str(), name);
        }
        for (text, problem) in [
            ("", "is empty"),
            (".", "is empty"),
            ("192.0.2.1", "is an address, expected a domain name"),
            ("2001:db8::1", "is an address, expected a domain name"),
            (
                "*.example.net",
                "is a wildcard, expected the name of one domain",
            ),
            (
                "a\\.b.example",
                "has an escape, expected letters, digits, `-` and `_`",
            ),
            ("-a.example", "is no domain name"),
            ("a..example", "is no domain name"),
            ("a b.example", "is no domain name"),
        ] {
            let error = DomainName::parse(text).unwrap_err();
            assert!(error.starts_with(problem), "`{text}`: {error}");
        }
        assert!(DomainName::parse(&"a.".repeat(127)).is_ok(), "255 octets");
        assert!(DomainName::parse(&"a.".repeat(128)).is_err(), "257 octets");
        assert!(DomainName::parse(&"a".repeat(64)).is_err());
    }

    #[test]
    fn odd_octets_are_escaped_and_never_asked() {
        let name = Name::from_labels([b"A.b\x00\xff ".as_slice(), b"net".as_slice()]).unwrap();
        let name = DomainName::of(&name);
        assert_eq!(name.to_string(), "a\\.b\\000\\255\\032.net.");
        assert!(!name.can_be_asked());
        assert!(!DomainName::of(&Name::root()).can_be_asked());
        assert_eq!(DomainName::of(&Name::root()).as_str(), ".");
    }

    #[test]
    fn the_wire_has_no_compression() {
        let name = Name::from_ascii("Dns1.example.net.").unwrap();
        assert_eq!(wire(&name), b"\x04Dns1\x07example\x03net\0");
    }

    #[test]
    fn to_the_wire_and_back() {
        for octets in [
            b"\x04dns1\x07example\x03net\0".as_slice(),
            b"\x05a.b\x00\xff\x03net\0",
            b"\0",
        ] {
            let (name, rest) = from_wire(octets).unwrap();
            assert_eq!((name.to_wire().as_slice(), rest), (octets, b"".as_slice()));
        }
        let long = [&[63][..], &[b'a'; 63]].concat().repeat(4);
        for bad in [
            &b"\x04dns"[..],
            b"",
            b"\x01a",
            b"\xc0\x00",
            &[&long[..], b"\0"].concat(),
        ] {
            assert_eq!(from_wire(bad), None);
        }
    }
}
