//! What a certificate says, read once and owned.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::{Decode as _, Header, Reader as _, SliceReader, TagNumber, asn1::Ia5StringRef};
use serde::Serialize;
use thiserror::Error;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    public_key::PublicKey,
};

use super::{
    privacy::{PrivacyError, PrivacyStatement},
    srv_id::{ID_ON_DNS_SRV, SrvId},
};
use crate::judgement::Digest;

/// A certificate could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is no DER certificate.
    #[error("no DER certificate: {reason} (RFC 5280 4.1)")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Octets follow the certificate.
    #[error("{octets} octets follow the certificate (RFC 5280 4.1)")]
    Trailing {
        /// How many.
        octets: usize,
    },
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Facts {
    /// The subject's distinguished name. Never an identity of a server (RFC 9525 section 2).
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// notBefore, seconds since 1970.
    pub not_before: i64,
    /// notAfter, seconds since 1970.
    pub not_after: i64,
    /// Names of kind dNSName.
    pub dns_ids: Vec<String>,
    /// Names of kind iPAddress.
    pub ip_ids: Vec<IpAddr>,
    /// Names of kind SRVName that are well-formed.
    pub srv_ids: Vec<SrvId>,
    /// Names of kind SRVName that are not, with the reason.
    pub malformed_srv_ids: Vec<String>,
    /// basicConstraints: a certification authority.
    pub is_ca: bool,
    /// The purposes of extKeyUsage; `None` when it has no such extension.
    pub extended_key_usage: Option<Vec<String>>,
    /// The key: its kind and size.
    pub key: String,
    /// The algorithm of the signature, an OID.
    pub signature_algorithm: String,
    /// SHA-256 of the whole certificate.
    pub fingerprint: Digest,
    /// SHA-256 of SubjectPublicKeyInfo, as pins have it (RFC 7858 section 4.2).
    pub spki: Digest,
    /// The OIDs of all extensions.
    pub extensions: Vec<String>,
}

/// Whose certificate it is, for a person: its first DNS-ID, or else its subject.
#[must_use]
pub fn whose(der: &[u8]) -> String {
    facts(der).map_or_else(
        |_| "unreadable".into(),
        |facts| facts.dns_ids.into_iter().next().unwrap_or(facts.subject),
    )
}

/// Reads a DER certificate.
///
/// # Errors
/// It is malformed, or something follows it.
pub fn facts(certificate: &[u8]) -> Result<Facts, CertificateError> {
    let (rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| CertificateError::Malformed {
            reason: format!("{error}"),
        })?;
    if !rest.is_empty() {
        return Err(CertificateError::Trailing { octets: rest.len() });
    }
    let mut facts = Facts {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        serial: parsed
            .raw_serial()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect(),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        dns_ids: Vec::new(),
        ip_ids: Vec::new(),
        srv_ids: Vec::new(),
        malformed_srv_ids: Vec::new(),
        is_ca: parsed.is_ca(),
        extended_key_usage: None,
        key: key(&parsed),
        signature_algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
        fingerprint: Digest::of(certificate),
        spki: Digest::of(parsed.public_key().raw),
        extensions: Vec::new(),
    };
    for extension in parsed.extensions() {
        facts.extensions.push(extension.oid.to_id_string());
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                names
                    .general_names
                    .iter()
                    .for_each(|name| facts.add_name(name));
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let mut purposes: Vec<String> = [
                    (usage.any, "anyExtendedKeyUsage"),
                    (usage.server_auth, "serverAuth"),
                    (usage.client_auth, "clientAuth"),
                    (usage.ocsp_signing, "OCSPSigning"),
                ]
                .into_iter()
                .filter(|(has, _)| *has)
                .map(|(_, name)| name.to_owned())
                .collect();
                purposes.extend(
                    usage
                        .other
                        .iter()
                        .map(|oid| match oid.to_id_string().as_str() {
                            "1.3.6.1.5.5.7.3.28" => "cmcRA".to_owned(),
                            other => other.to_owned(),
                        }),
                );
                facts.extended_key_usage = Some(purposes);
            }
            _ => {}
        }
    }
    Ok(facts)
}

impl Facts {
    fn add_name(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => self.dns_ids.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(octets) => {
                let v4 = <[u8; 4]>::try_from(*octets).map(|o| IpAddr::V4(Ipv4Addr::from(o)));
                let v6 = <[u8; 16]>::try_from(*octets).map(|o| IpAddr::V6(Ipv6Addr::from(o)));
                self.ip_ids.extend(v4.or(v6).ok());
            }
            GeneralName::OtherName(oid, value) if oid.to_id_string() == ID_ON_DNS_SRV => {
                match srv_name(value) {
                    Some(text) => match SrvId::parse(text) {
                        Ok(id) => self.srv_ids.push(id),
                        Err(error) => self.malformed_srv_ids.push(error.to_string()),
                    },
                    None => self
                        .malformed_srv_ids
                        .push("SRVName is no IA5String (RFC 4985 2)".to_owned()),
                }
            }
            _ => {}
        }
    }
}

/// The text of an SRVName: `[0] EXPLICIT IA5String`.
fn srv_name(value: &[u8]) -> Option<&str> {
    let mut reader = SliceReader::new(value).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    let tag = header.tag();
    if !(tag.is_context_specific() && tag.is_constructed() && tag.number() == TagNumber(0)) {
        return None;
    }
    let text = Ia5StringRef::from_der(reader.read_slice(header.length()).ok()?).ok()?;
    reader.is_finished().then(|| text.as_str())
}

/// Kind and size of the key, in the words that people use.
fn key(certificate: &X509Certificate<'_>) -> String {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// The value of the privacy extension with this OID (dotted decimal), when the certificate has it exactly once.
///
/// # Errors
/// The certificate or the extension cannot be read, or the extension stands there twice.
pub fn privacy_statement(
    certificate: &[u8],
    oid: &str,
) -> Result<Option<PrivacyStatement>, PrivacyError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| PrivacyError::Certificate)?;
    let mut values = parsed
        .tbs_certificate
        .iter_extensions()
        .filter(|extension| extension.oid.to_id_string() == oid);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(PrivacyError::Repeated),
        (Some(extension), None) => PrivacyStatement::from_der(extension.value).map(Some),
    }
}
