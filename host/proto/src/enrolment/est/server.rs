//! What a network's DNS server asks its authority to certify: the names that devices know it by, and what it states about
//! privacy (the draft's sections 4 and 10).

use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;

use der::{
    Any, Decode as _, Encode as _, Tag,
    asn1::{Ia5String, ObjectIdentifier},
    oid::db::rfc5280::ID_KP_SERVER_AUTH,
};
use x509_cert::{
    ext::{
        ToExtension,
        pkix::{
            ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            name::{GeneralName, OtherName},
        },
    },
    name::Name,
};

use super::{CsrAttributes, RequestToSign, SigningError, Subject, request::part};
use crate::{
    certificate::{SrvId, privacy::PrivacyStatement},
    discovery::DomainName,
    judgement::Der,
};

/// `id-on-dnsSRV` (RFC 4985 section 2).
const ID_ON_DNS_SRV: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.7");
/// Octets of a common name (RFC 5280 appendix A.1, `ub-common-name`).
const COMMON_NAME_OCTETS: usize = 64;
/// A DER `Name` that says nothing.
const EMPTY_NAME: [u8; 2] = [0x30, 0x00];

/// What a DNS server's certificate is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    domain: DomainName,
    dns_ids: Vec<DomainName>,
    ip_ids: Vec<IpAddr>,
    privacy: Option<(String, PrivacyStatement)>,
}

impl ServerNames {
    /// The names for this authentication domain name: it as DNS-ID, and SRV-ID `_domain-s.<name>`.
    #[must_use]
    pub const fn new(domain: DomainName) -> Self {
        Self {
            domain,
            dns_ids: Vec::new(),
            ip_ids: Vec::new(),
            privacy: None,
        }
    }

    /// Further DNS-IDs: a name that stands there already is left out.
    #[must_use]
    pub fn with_dns_ids(mut self, names: impl IntoIterator<Item = DomainName>) -> Self {
        for name in names {
            if name != self.domain && !self.dns_ids.contains(&name) {
                self.dns_ids.push(name);
            }
        }
        self
    }

    /// IP-IDs: clients that learned an address alone ask for them (RFC 9462 section 4.2).
    #[must_use]
    pub fn with_ip_ids(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        for address in addresses {
            if !self.ip_ids.contains(&address) {
                self.ip_ids.push(address);
            }
        }
        self
    }

    /// The privacy extension under this object identifier.
    #[must_use]
    pub fn stating(mut self, oid: &str, statement: PrivacyStatement) -> Self {
        self.privacy = Some((oid.into(), statement));
        self
    }

    /// The request for this key (DER SubjectPublicKeyInfo), to be signed by it. It asks for the extended key usage
    /// id-kp-serverAuth too. The common name is the domain, where it is short enough for one.
    ///
    /// # Errors
    /// The key is malformed, the object identifier is none, or the statement has no encoding.
    pub fn request(&self, key: &[u8]) -> Result<RequestToSign, SigningError> {
        let domain = self.domain.without_dot();
        let is_short = domain.len() <= COMMON_NAME_OCTETS;
        let subject = match is_short {
            true => Subject::Text(format!("CN={domain}")),
            false => Subject::Name(EMPTY_NAME.as_slice().into()),
        };
        let wanted = CsrAttributes {
            extensions: self.extensions(is_short)?,
            ..CsrAttributes::default()
        };
        RequestToSign::new(&subject, key, &wanted, None)
    }

    fn extensions(&self, has_subject: bool) -> Result<Vec<Der>, SigningError> {
        let names = SubjectAltName(self.general_names()?);
        let usage = KeyUsage(KeyUsages::DigitalSignature.into());
        let purposes = ExtendedKeyUsage([ID_KP_SERVER_AUTH].into());
        let mut extensions = [
            // Names that stand in for the subject are critical (RFC 5280 section 4.2.1.6).
            extension((!has_subject, &names)).map_err(part("subjectAltName"))?,
            extension(&usage).map_err(part("keyUsage"))?,
            extension((false, &purposes)).map_err(part("extKeyUsage"))?,
        ]
        .to_vec();
        if let Some((oid, statement)) = &self.privacy {
            let wrong = part("the privacy extension");
            let oid = ObjectIdentifier::new(oid).map_err(|error| wrong(error.into()))?;
            let value = Any::from_der(&statement.to_der()?).map_err(&wrong)?;
            extensions.push(extension((oid, false, &value)).map_err(&wrong)?);
        }
        Ok(extensions)
    }

    fn general_names(&self) -> Result<Vec<GeneralName>, SigningError> {
        let text = |text: &str| Ia5String::new(text).map_err(part("a DNS-ID"));
        let mut names = Vec::new();
        for name in [&self.domain].into_iter().chain(&self.dns_ids) {
            names.push(GeneralName::DnsName(text(name.without_dot())?));
        }
        let srv_id = format!("_{}.{}", SrvId::DOMAIN_S, self.domain.without_dot());
        names.push(GeneralName::OtherName(OtherName {
            type_id: ID_ON_DNS_SRV,
            value: Any::new(Tag::Ia5String, srv_id.as_bytes()).map_err(part("the SRV-ID"))?,
        }));
        names.extend(self.ip_ids.iter().copied().map(GeneralName::from));
        Ok(names)
    }
}

/// The DER of an Extension. Whether it is critical depends on no other one here.
fn extension(extension: impl ToExtension<Error = der::Error>) -> der::Result<Der> {
    let extension = extension.to_extension(&Name::default(), &[])?;
    Ok(extension.to_der()?.into())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use x509_cert::{
        ext::Extension,
        request::{CertReq, ExtensionReq},
    };

    use super::*;
    use crate::certificate::privacy::DEFAULT_OID;

    /// A P-256 key: what stands in it does not matter here.
    fn key() -> Vec<u8> {
        let mut key = vec![
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        key.extend([7; 64]);
        key
    }

    fn requested(names: &ServerNames) -> (CertReq, Vec<Extension>) {
        const ECDSA: [u8; 12] = [
            0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
        ];
        let request = names.request(&key()).unwrap();
        let signed = request.signed(&ECDSA, &[1, 2, 3]).unwrap();
        let request = CertReq::from_der(signed.der()).unwrap();
        let attribute = request.info.attributes.get(0).unwrap();
        let value = attribute.values.get(0).unwrap();
        let ExtensionReq(extensions) = value.decode_as().unwrap();
        (request, extensions)
    }

    #[test]
    fn the_names_and_the_statement_stand_in_the_request() {
        let domain = DomainName::parse("Example.NET").unwrap();
        let names = ServerNames::new(domain.clone())
            .with_dns_ids([domain, DomainName::parse("a.example.net").unwrap()])
            .with_ip_ids(["192.0.2.1".parse().unwrap(), "192.0.2.1".parse().unwrap()])
            .stating(DEFAULT_OID, PrivacyStatement::None);
        let (request, extensions) = requested(&names);
        assert_eq!(format!("{}", request.info.subject), "CN=example.net");
        let critical: Vec<bool> = extensions.iter().map(|one| one.critical).collect();
        assert_eq!(critical, [false, true, false, false]);
        let names = SubjectAltName::from_der(extensions[0].extn_value.as_bytes()).unwrap();
        assert_eq!(names.0.len(), 4, "{names:?}");
        let GeneralName::OtherName(srv_id) = &names.0[2] else {
            panic!("{names:?}")
        };
        assert_eq!(srv_id.value.value(), b"_domain-s.example.net");
        assert_eq!(extensions[3].extn_value.as_bytes(), [0x05, 0x00]);
    }

    #[test]
    fn a_domain_that_is_too_long_for_a_common_name_has_critical_names() {
        let long = format!("{}.{}.example.net", "a".repeat(40), "b".repeat(40));
        let names = ServerNames::new(DomainName::parse(&long).unwrap());
        let (request, extensions) = requested(&names);
        assert!(request.info.subject.is_empty());
        assert!(extensions[0].critical);
    }

    #[test]
    fn an_identifier_that_is_none_is_refused() {
        let names = ServerNames::new(DomainName::parse("example.net").unwrap());
        let names = names.stating("1.99.x", PrivacyStatement::None);
        let error = names.request(&key()).unwrap_err();
        assert!(
            matches!(
                error,
                SigningError::Malformed {
                    part: "the privacy extension",
                    ..
                }
            ),
            "{error}"
        );
    }
}
