//! SRV-ID: a service's name in a certificate (RFC 4985).

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// `id-on-dnsSRV`, 1.3.6.1.5.5.7.8.7 (RFC 4985 section 2).
pub(super) const ID_ON_DNS_SRV: &str = "1.3.6.1.5.5.7.8.7";

/// A service and the domain that it serves, `_service.name`, without a protocol (RFC 4985 section 2). Both parts are kept
/// in lower case, the name without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SrvId {
    service: String,
    name: String,
}

/// A text is no SRV-ID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is no SRV-ID: expected `_service.name` in ASCII (RFC 4985 2)")]
pub struct SrvIdError {
    text: String,
}

impl SrvId {
    /// The service label of DNS over TLS (RFC 7858 section 6), which tells a DNS server's certificate.
    pub const DOMAIN_S: &'static str = "domain-s";

    /// Reads `_service.name`.
    ///
    /// # Errors
    /// The text has another form, is longer than 255 octets, or is not ASCII: internationalised names come as A-labels.
    pub fn parse(text: &str) -> Result<Self, SrvIdError> {
        let wrong = || SrvIdError {
            text: text.chars().take(255).collect(),
        };
        let (service, name) = text
            .strip_prefix('_')
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(wrong)?;
        let name = name.strip_suffix('.').unwrap_or(name);
        let good_service = !service.is_empty()
            && service.len() <= 62
            && service
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let good_name = text.len() <= 255
            && name.split('.').all(|label| {
                !label.is_empty() && label.len() <= 63 && label.bytes().all(is_host_octet)
            });
        if !good_service || !good_name {
            return Err(wrong());
        }
        Ok(Self {
            service: service.to_ascii_lowercase(),
            name: name.to_ascii_lowercase(),
        })
    }

    /// The SRV-ID that a DNS server's certificate for this domain carries (the draft's section 4).
    ///
    /// # Errors
    /// The domain is no name in ASCII.
    pub fn domain_s(domain: &str) -> Result<Self, SrvIdError> {
        Self::parse(&alloc::format!("_{}.{domain}", Self::DOMAIN_S))
    }

    /// The service, without its underscore.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The domain.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_host_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_'
}

impl fmt::Display for SrvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_{}.{}", self.service, self.name)
    }
}

impl TryFrom<String> for SrvId {
    type Error = SrvIdError;

    fn try_from(text: String) -> Result<Self, SrvIdError> {
        Self::parse(&text)
    }
}

impl From<SrvId> for String {
    fn from(id: SrvId) -> Self {
        alloc::format!("{id}")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn both_parts_compare_without_regard_to_case() {
        let id = SrvId::parse("_Domain-S.Example.NET").unwrap();
        assert_eq!(id, SrvId::domain_s("example.net.").unwrap());
        assert_eq!(id.to_string(), "_domain-s.example.net");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "_",
            "_a",
            "_a.",
            "a.example.net",
            "_.example.net",
            "_a..net",
            "_a b.net",
            "_a.exämple.net",
            "_a.*.net",
        ] {
            assert!(SrvId::parse(text).is_err(), "`{text}`");
        }
    }
}
