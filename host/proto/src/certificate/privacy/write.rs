//! Writing the extension, IMPLICIT tagging, DER.

use alloc::{string::String, vec::Vec};

use der::{
    Encode as _, Tag, TagNumber,
    asn1::{AnyRef, Ia5StringRef, Utf8StringRef},
};

use super::{Logging, LoggingKind, PrivacyError, PrivacyPolicy, PrivacyStatement, Sharing};

type Result<T> = core::result::Result<T, PrivacyError>;

impl PrivacyStatement {
    /// The value of the extension (the content of `extnValue`).
    ///
    /// # Errors
    /// A value has no encoding: a URL that is not ASCII, partners without a partner, bits that the draft does not define.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        match self {
            Self::None => value("Privacy", Tag::Null, &[]),
            Self::Policy(policy) => write_policy(policy),
        }
    }
}

fn write_policy(policy: &PrivacyPolicy) -> Result<Vec<u8>> {
    let base = [
        boolean("ipaddresspii", Tag::Boolean, policy.ip_address_is_personal)?,
        write_logging(&policy.logging)?,
        write_sharing(&policy.sharing)?,
        boolean("transferdata", primitive(3), policy.transfers_data)?,
        boolean("blockdomains", primitive(4), policy.blocks_domains)?,
    ]
    .concat();
    let content = [
        value("base", Tag::Sequence, &base)?,
        url("pURL", 0, policy.policy_url.as_ref())?,
        url("aURL", 1, policy.audit_url.as_ref())?,
    ]
    .concat();
    value("Privacy", Tag::Sequence, &content)
}

fn write_logging(logging: &Logging) -> Result<Vec<u8>> {
    let unencodable = |reason| PrivacyError::Unencodable {
        field: "loggingTypes",
        reason,
    };
    if logging.unknown_kinds {
        return Err(unencodable("it has bits that are not defined"));
    }
    let bits = logging
        .kinds
        .iter()
        .fold(u32::from(logging.none), |bits, kind| bits | kind.bit());
    let mut content = Vec::new();
    // DEFAULT {none} is absent in DER.
    if bits != 1 {
        // Bit 0 is the most significant one of the first octet; trailing zero bits are dropped (X.690 11.2.2).
        let octet = u8::try_from(bits)
            .map_err(|_| unencodable("more than six bits"))?
            .reverse_bits();
        let string: &[u8] = &[u8::try_from(octet.trailing_zeros()).unwrap_or(0), octet];
        let string = if octet == 0 { &[0] } else { string };
        content.extend(value("loggingTypes", Tag::BitString, string)?);
    }
    if !logging.durations.is_empty() {
        let mut durations = Vec::new();
        for (number, kind) in (0..).zip(LoggingKind::EVERY) {
            if let Some(hours) = logging.duration(kind) {
                let integer = hours.to_der().map_err(|_| unencodable("too large"))?;
                let octets = integer.get(2..).unwrap_or_default();
                durations.extend(value("loggingDuration", primitive(number), octets)?);
            }
        }
        content.extend(value("loggingDuration", Tag::Sequence, &durations)?);
    }
    value("log", constructed(0), &content)
}

fn write_sharing(sharing: &Sharing) -> Result<Vec<u8>> {
    let mut content = boolean("sharepartners", Tag::Boolean, sharing.with_partners)?;
    if let Some(partners) = &sharing.partners {
        let unencodable = |reason| PrivacyError::Unencodable {
            field: "partners",
            reason,
        };
        if partners.is_empty() {
            return Err(unencodable("expected at least one name"));
        }
        let mut names = Vec::new();
        for name in partners {
            let name = Utf8StringRef::new(name).and_then(|name| name.to_der());
            names.extend(name.map_err(|_| unencodable("a name is too long"))?);
        }
        content.extend(value("partners", constructed(1), &names)?);
    }
    if let Some(anonymized) = sharing.anonymized {
        content.extend(boolean("anonymizeddata", primitive(0), anonymized)?);
    }
    value("sdata", constructed(2), &content)
}

fn url(field: &'static str, number: u32, url: Option<&String>) -> Result<Vec<u8>> {
    let Some(url) = url else {
        return Ok(Vec::new());
    };
    Ia5StringRef::new(url).map_err(|_| PrivacyError::Unencodable {
        field,
        reason: "expected ASCII",
    })?;
    value(field, primitive(number), url.as_bytes())
}

fn boolean(field: &'static str, tag: Tag, boolean: bool) -> Result<Vec<u8>> {
    value(field, tag, &[if boolean { 0xff } else { 0 }])
}

fn value(field: &'static str, tag: Tag, content: &[u8]) -> Result<Vec<u8>> {
    AnyRef::new(tag, content)
        .and_then(|any| any.to_der())
        .map_err(|_| PrivacyError::Unencodable {
            field,
            reason: "too long",
        })
}

const fn primitive(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(number),
    }
}

const fn constructed(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}
