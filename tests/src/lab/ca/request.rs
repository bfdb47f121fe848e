//! Certificates for certification requests (RFC 2986), and for identities that are no DNS server's.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use rcgen::{
    CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber,
    SigningKey as _, SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::der_parser::asn1_rs::{Oid, Tag};
use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::leaf::DAY;
use super::{Algorithm, Authority, Identity};

/// extKeyUsage (RFC 5280 section 4.2.1.12).
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
/// id-kp-cmcRA (RFC 6402 section 2.10).
const CMC_RA: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 28];
/// Extensions that the authority decides about: basicConstraints, keyUsage, key identifiers.
const OWN: [&str; 4] = ["2.5.29.19", "2.5.29.15", "2.5.29.14", "2.5.29.35"];

/// What a certification request says, once its signature was verified.
#[derive(Debug)]
pub struct Requested {
    subject: DistinguishedName,
    subject_text: String,
    key: Vec<u8>,
    extensions: Vec<CustomExtension>,
    has_usage: bool,
    challenge_password: Option<String>,
}

impl Requested {
    /// Reads a request in DER and verifies its proof of possession.
    ///
    /// # Errors
    /// When it is no certification request, its signature is wrong, or its subject has characters that are written nowhere.
    pub fn read(der: &[u8]) -> Result<Self> {
        let (rest, request) = X509CertificationRequest::from_der(der)
            .context("the body is no certification request (RFC 2986 4)")?;
        if !rest.is_empty() {
            bail!("something follows the certification request");
        }
        request
            .verify_signature()
            .context("the request's signature is wrong (RFC 2986 4)")?;
        let info = &request.certification_request_info;
        let mut requested = Self {
            subject: name(&info.subject)?,
            subject_text: info.subject.to_string(),
            key: info.subject_pki.raw.to_vec(),
            extensions: Vec::new(),
            has_usage: false,
            challenge_password: None,
        };
        for attribute in info.iter_attributes() {
            match attribute.parsed_attribute() {
                ParsedCriAttribute::ExtensionRequest(wanted) => {
                    for extension in &wanted.extensions {
                        requested.want(extension)?;
                    }
                }
                ParsedCriAttribute::ChallengePassword(password) => {
                    requested.challenge_password = Some(password.0.clone());
                }
                ParsedCriAttribute::UnsupportedAttribute => {}
            }
        }
        Ok(requested)
    }

    /// The subject, for people.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject_text
    }

    /// The challengePassword, which binds the request to a connection (RFC 7030 section 3.5).
    #[must_use]
    pub fn challenge_password(&self) -> Option<&str> {
        self.challenge_password.as_deref()
    }

    fn want(&mut self, extension: &X509Extension<'_>) -> Result<()> {
        let identifier = extension.oid.to_id_string();
        if OWN.contains(&identifier.as_str()) {
            return Ok(());
        }
        self.has_usage |= identifier == EXTENDED_KEY_USAGE;
        let numbers = numbers(&extension.oid)?;
        let mut copy = CustomExtension::from_oid_content(&numbers, extension.value.to_vec());
        copy.set_criticality(extension.critical);
        self.extensions.push(copy);
        Ok(())
    }
}

impl Authority {
    /// Certifies a request for a year. Subject and extensions are taken as they are asked for, except for what makes a
    /// certification authority; without a wish, the certificate is for clients.
    ///
    /// # Errors
    /// When the key is of a kind that cannot be certified here.
    pub fn certify_request(&self, requested: &Requested) -> Result<CertificateDer<'static>> {
        self.certify_request_for(requested, 365 * DAY)
    }

    /// The same for this long; the certificate began a day ago.
    ///
    /// # Errors
    /// When the key is of a kind that cannot be certified here.
    pub fn certify_request_for(
        &self,
        requested: &Requested,
        lifetime: Duration,
    ) -> Result<CertificateDer<'static>> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut params = end_entity(serial, lifetime);
        params.distinguished_name = requested.subject.clone();
        if !requested.has_usage {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        params.custom_extensions.clone_from(&requested.extensions);
        let key = SubjectPublicKeyInfo::from_der(&requested.key)?;
        let certificate = params.signed_by(&key, &self.trusted.intermediate)?;
        Ok(certificate.into())
    }

    /// Makes a key in place of a request's own and certifies it (RFC 7030 section 4.4): the certificate, and the key in PKCS #8.
    ///
    /// # Errors
    /// When key or certificate cannot be made.
    pub fn generate_for(
        &self,
        mut requested: Requested,
    ) -> Result<(CertificateDer<'static>, Vec<u8>)> {
        let key = super::generate(Algorithm::EcP256)?;
        requested.key = key.subject_public_key_info();
        Ok((self.certify_request(&requested)?, key.serialize_der()))
    }

    /// The certificate and key of a client that bears this name, as an earlier enrolment would have given it.
    ///
    /// # Errors
    /// When key or certificate cannot be made.
    pub fn issue_client(&self, common_name: &str) -> Result<Identity> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut params = end_entity(serial, 90 * DAY);
        params.distinguished_name = super::name(common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Identity::certified(params, serial, &self.trusted.intermediate)
    }
}

impl Authority {
    /// The certificate and key of a registrar (RFC 8995 section 5.5): a server that also has id-kp-cmcRA.
    ///
    /// # Errors
    /// When key or certificate cannot be made.
    pub fn issue_registrar(&self, dns_ids: &[String]) -> Result<Identity> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut params = end_entity(serial, 90 * DAY);
        params.distinguished_name = super::name(dns_ids.first().map_or("registrar", |id| id));
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::Other(CMC_RA.to_vec()),
        ];
        let names = super::der::subject_alt_name(dns_ids, &[], &[Ipv4Addr::LOCALHOST.into()]);
        let names = CustomExtension::from_oid_content(&super::SUBJECT_ALT_NAME, names);
        params.custom_extensions.push(names);
        Identity::certified(params, serial, &self.trusted.intermediate)
    }
}

impl Identity {
    /// A new key, certified with these contents.
    pub(crate) fn certified(
        params: CertificateParams,
        serial: u64,
        issuer: &CertifiedIssuer<'static, KeyPair>,
    ) -> Result<Self> {
        Self::certified_as(Algorithm::EcP256, params, serial, issuer)
    }

    /// A new key of this kind, certified with these contents.
    pub(crate) fn certified_as(
        algorithm: Algorithm,
        params: CertificateParams,
        serial: u64,
        issuer: &CertifiedIssuer<'static, KeyPair>,
    ) -> Result<Self> {
        let key = super::generate(algorithm)?;
        let certificate: CertificateDer<'static> = params.signed_by(&key, issuer)?.into();
        Ok(Self {
            chain: vec![certificate.clone(), issuer.der().clone()],
            conveyed: certificate,
            serial,
            key,
            staple: None,
        })
    }

    /// The key for rustls.
    #[must_use]
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    /// Writes the key as PKCS #8 in PEM to a file that nobody else may read.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn write_key(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        file?.write_all(self.key_pem().as_bytes())
    }

    /// The key as PKCS #8, DER.
    #[must_use]
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Signs with the key, ECDSA with P-256 and SHA-256.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, octets: &[u8]) -> Result<Vec<u8>> {
        Ok(self.key.sign(octets)?)
    }
}

/// An end entity that signs, valid from yesterday.
pub(crate) fn end_entity(serial: u64, lifetime: Duration) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = (now - DAY).into();
    params.not_after = (now + lifetime).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// A name as rcgen writes it. Of several attributes of one type the last one stays.
fn name(name: &X509Name<'_>) -> Result<DistinguishedName> {
    let mut copy = DistinguishedName::new();
    for attribute in name.iter_attributes() {
        let kind = DnType::from_oid(&numbers(attribute.attr_type())?);
        copy.push(kind, value(attribute)?);
    }
    Ok(copy)
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> Result<DnValue> {
    let text = attribute.as_str()?.to_owned();
    Ok(match attribute.attr_value().tag() {
        Tag::PrintableString => DnValue::PrintableString(text.try_into()?),
        Tag::Ia5String => DnValue::Ia5String(text.try_into()?),
        _ => DnValue::Utf8String(text),
    })
}

fn numbers(identifier: &Oid<'_>) -> Result<Vec<u64>> {
    let numbers = identifier.iter().context("an object identifier is odd")?;
    Ok(numbers.collect())
}
