//! Package availability lists (RFC 8295 section 2.1): where a server keeps what, in JSON or XML.

use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec::Vec,
};

use roxmltree::{Document, Node, ParsingOptions};
use serde::Deserialize;
use thiserror::Error;

use super::limits;
use crate::enrolment::quoted;

/// A package availability list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pal {
    /// Its entries, in the server's order.
    pub entries: Vec<PalEntry>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PalEntry {
    /// What it is.
    pub kind: PackageType,
    /// When the client was last seen to have received it, as it stands there.
    pub date: Option<String>,
    /// Its size in octets.
    pub size: u64,
    /// Where or what it is.
    pub info: PalInfo,
}

/// What a package is: four digits (RFC 8295 section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageType {
    /// 0001: another list.
    Pal,
    /// 0002: a certificate of an authority.
    CaCertificate,
    /// 0003: an end entity's certificate.
    EndEntityCertificate,
    /// 0004: a revocation list of authorities.
    Arl,
    /// 0005: a revocation list.
    Crl,
    /// Another type.
    Other(String),
}

/// Where or what a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PalInfo {
    /// A URI.
    Uri(String),
    /// A distinguished name.
    Dn(String),
    /// A subject key identifier in hexadecimal.
    Ski(String),
    /// The issuer's distinguished name and a serial number in decimal.
    IssuerAndSerial {
        /// The issuer.
        issuer: String,
        /// The serial number.
        serial: String,
    },
}

/// A list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PalError {
    /// It is larger than what is read.
    #[error("the package availability list has {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How large it is.
        octets: usize,
        /// How large it may be.
        limit: usize,
    },
    /// It has more entries than what is read.
    #[error("the package availability list has {came} entries, at most {limit} are read")]
    TooMany {
        /// How many came.
        came: usize,
        /// How many are read.
        limit: usize,
    },
    /// It is no JSON or no XML of this form.
    #[error("no package availability list: {reason} (RFC 8295 2.1)")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// An entry breaks a rule.
    #[error("entry {position} of the package availability list {problem} (RFC 8295 2.1)")]
    Entry {
        /// Its position, counted from 0.
        position: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Pal {
    /// The URIs of packages of this type.
    pub fn uris(&self, kind: &PackageType) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().filter(move |entry| entry.kind == *kind);
        entries.filter_map(|entry| match &entry.info {
            PalInfo::Uri(uri) => Some(uri.as_str()),
            _ => None,
        })
    }

    /// Checks what holds for both forms: another list comes last and not alone (RFC 8295 section 2.1).
    fn checked(self) -> Result<Self, PalError> {
        let last = self.entries.len().saturating_sub(1);
        for (position, entry) in self.entries.iter().enumerate() {
            let problem = |problem| PalError::Entry { position, problem };
            if entry.kind == PackageType::Pal && position != last {
                return Err(problem("is another list and not the last entry"));
            }
            if entry.kind == PackageType::Pal && position == 0 {
                return Err(problem("is another list and the only entry"));
            }
            let text = match &entry.info {
                PalInfo::Uri(text) | PalInfo::Dn(text) | PalInfo::Ski(text) => text,
                PalInfo::IssuerAndSerial { issuer, .. } => issuer,
            };
            if text.len() > limits::PAL_TEXT_OCTETS {
                return Err(problem("has a text of more than 1024 octets"));
            }
        }
        Ok(self)
    }
}

fn package_type(text: &str, position: usize) -> Result<PackageType, PalError> {
    if text.len() != 4 || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(PalError::Entry {
            position,
            problem: "has no type of four digits",
        });
    }
    Ok(match text {
        "0001" => PackageType::Pal,
        "0002" => PackageType::CaCertificate,
        "0003" => PackageType::EndEntityCertificate,
        "0004" => PackageType::Arl,
        "0005" => PackageType::Crl,
        other => PackageType::Other(other.to_owned()),
    })
}

fn bounded(octets: &[u8]) -> Result<(), PalError> {
    if octets.len() > limits::PAL_OCTETS {
        return Err(PalError::TooLarge {
            octets: octets.len(),
            limit: limits::PAL_OCTETS,
        });
    }
    Ok(())
}

fn few(came: usize) -> Result<(), PalError> {
    if came > limits::PAL_ENTRIES {
        return Err(PalError::TooMany {
            came,
            limit: limits::PAL_ENTRIES,
        });
    }
    Ok(())
}

/// As it stands in JSON; members that are not known are ignored.
#[derive(Deserialize)]
struct JsonEntry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    date: Option<String>,
    size: u64,
    info: JsonInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum JsonInfo {
    Uri(String),
    Dn(String),
    Ski(String),
    Iasn {
        issuer: String,
        serial: serde_json::Number,
    },
}

/// Reads a list in JSON (RFC 8295 section 2.1.3).
///
/// # Errors
/// It is too large, has another form or breaks a rule.
pub fn pal_from_json(octets: &[u8]) -> Result<Pal, PalError> {
    bounded(octets)?;
    let list: Vec<JsonEntry> =
        serde_json::from_slice(octets).map_err(|error| PalError::Malformed {
            reason: quoted(&error.to_string(), 200),
        })?;
    few(list.len())?;
    let entries = list.into_iter().enumerate().map(|(position, entry)| {
        Ok(PalEntry {
            kind: package_type(&entry.kind, position)?,
            date: entry.date,
            size: entry.size,
            info: match entry.info {
                JsonInfo::Uri(uri) => PalInfo::Uri(uri),
                JsonInfo::Dn(name) => PalInfo::Dn(name),
                JsonInfo::Ski(id) => PalInfo::Ski(id),
                JsonInfo::Iasn { issuer, serial } => PalInfo::IssuerAndSerial {
                    issuer,
                    serial: serial.to_string(),
                },
            },
        })
    });
    let entries = entries.collect::<Result<_, _>>()?;
    Pal { entries }.checked()
}

/// The namespace of a list in XML (RFC 8295 section 11.1).
const NAMESPACE: &str = "urn:ietf:params:xml:ns:pal";

/// Reads a list in XML (RFC 8295 section 2.1.2). A document type definition is refused.
///
/// # Errors
/// It is too large, has another form or breaks a rule.
pub fn pal_from_xml(octets: &[u8]) -> Result<Pal, PalError> {
    bounded(octets)?;
    let malformed = |reason: &str| PalError::Malformed {
        reason: quoted(reason, 200),
    };
    let text = core::str::from_utf8(octets).map_err(|_| malformed("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = ParsingOptions {
        nodes_limit: limits::PAL_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| malformed(&error.to_string()))?;
    let root = document.root_element();
    if !root.has_tag_name((NAMESPACE, "pal")) {
        return Err(malformed("expected the element `pal` of its namespace"));
    }
    let messages: Vec<Node<'_, '_>> = root
        .children()
        .filter(|node| node.has_tag_name((NAMESPACE, "message")))
        .collect();
    few(messages.len())?;
    let entries = messages.iter().enumerate().map(|(position, message)| {
        let problem = |problem| PalError::Entry { position, problem };
        let size = text_of(message, "size").and_then(|size| size.parse().ok());
        let info = element(message, "info").ok_or_else(|| problem("has no info"))?;
        Ok(PalEntry {
            kind: package_type(text_of(message, "type").unwrap_or_default(), position)?,
            date: text_of(message, "date").map(str::to_owned),
            size: size.ok_or_else(|| problem("has no size"))?,
            info: xml_info(&info).ok_or_else(|| problem("has an info of no known kind"))?,
        })
    });
    let entries = entries.collect::<Result<_, _>>()?;
    Pal { entries }.checked()
}

fn xml_info(info: &Node<'_, '_>) -> Option<PalInfo> {
    if let Some(uri) = text_of(info, "uri") {
        return Some(PalInfo::Uri(uri.to_owned()));
    }
    if let Some(name) = text_of(info, "dn") {
        return Some(PalInfo::Dn(name.to_owned()));
    }
    if let Some(id) = text_of(info, "ski") {
        return Some(PalInfo::Ski(id.to_owned()));
    }
    let both = element(info, "iasn")?;
    Some(PalInfo::IssuerAndSerial {
        issuer: text_of(&both, "issuer")?.to_owned(),
        serial: text_of(&both, "serial")?.to_owned(),
    })
}

fn element<'a, 'input>(of: &Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    of.children()
        .find(|node| node.has_tag_name((NAMESPACE, name)))
}

fn text_of<'a>(of: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    let text = element(of, name)?.text()?.trim();
    (!text.is_empty()).then_some(text)
}
