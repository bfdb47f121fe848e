//! What a server wants a certification request to hold (RFC 7030 section 4.5.2, RFC 9908).

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use der::{
    Any, Decode as _, Encode as _, Sequence, Tag, Tagged as _, ValueOrd,
    asn1::{BitString, ObjectIdentifier, OctetString, SetOfVec, UintRef},
    oid::db::rfc5912::{ID_EC_PUBLIC_KEY, ID_EXTENSION_REQ, RSA_ENCRYPTION},
};
use thiserror::Error;
use x509_cert::{attr::Attribute, ext::Extension, spki::AlgorithmIdentifierOwned};

use super::limits;
use crate::judgement::Der;

/// `challengePassword` (RFC 2985 section 5.4.1).
pub(super) const CHALLENGE_PASSWORD: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7");
/// `id-aa-certificationRequestInfoTemplate` (RFC 9908 section 3.4).
const TEMPLATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.61");
/// `id-aa-extensionReqTemplate` (RFC 9908 section 3.4).
const EXTENSION_TEMPLATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.62");

/// What a request must hold. Where the server sent a template, this is the template and nothing else (RFC 9908 section
/// 4); what is unknown is left out (RFC 7030 section 4.5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsrAttributes {
    /// Whether it came as a template.
    pub is_template: bool,
    /// The subject that the template asks for; absent when the client chooses.
    pub subject: Option<Vec<SubjectPart>>,
    /// The kind of key; absent when the client chooses.
    pub key: Option<KeyType>,
    /// Whether the request is to be bound to the connection (RFC 7030 section 3.5).
    pub challenge_password: bool,
    /// Extensions to ask for as they stand here, each the DER of an Extension.
    pub extensions: Vec<Der>,
    /// Extensions that are asked for and whose value the client knows, OIDs.
    pub extensions_to_fill: Vec<String>,
    /// Other OIDs that the server named, algorithms for example.
    pub others: Vec<String>,
}

/// A part of a subject that a template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectPart {
    /// Position of its relative distinguished name.
    pub rdn: usize,
    /// The attribute's type, an OID.
    pub kind: String,
    /// The value, DER; absent when the client is to fill it in.
    pub value: Option<Der>,
}

/// A kind of key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// An elliptic curve, its OID.
    Ec {
        /// The curve's OID.
        curve: String,
    },
    /// RSA.
    Rsa {
        /// The size of the modulus in bits, where the server says one.
        bits: Option<u32>,
    },
    /// Another algorithm, its OID.
    Other {
        /// The algorithm's OID.
        algorithm: String,
    },
}

/// CSR attributes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CsrAttributesError {
    /// They are no DER of the kind.
    #[error("no CSR attributes: {reason} (RFC 7030 4.5.2)")]
    Malformed {
        /// What the decoder said.
        reason: der::Error,
    },
    /// More than are read.
    #[error("{came} CSR attributes, at most {limit} are read")]
    TooMany {
        /// How many came.
        came: usize,
        /// How many are read.
        limit: usize,
    },
    /// More than one request for extensions, or more than one value of it.
    #[error("extensions are asked for {came} times, expected once (RFC 9908 3.3)")]
    Extensions {
        /// How often.
        came: usize,
    },
    /// More than one template, or one of another version.
    #[error("the template {problem} (RFC 9908 3.4)")]
    Template {
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl From<der::Error> for CsrAttributesError {
    fn from(reason: der::Error) -> Self {
        Self::Malformed { reason }
    }
}

/// `AttrOrOID` of RFC 7030 section 4.5.2.
enum AttrOrOid {
    Oid(ObjectIdentifier),
    Attribute(Attribute),
}

/// An item; none when it is of another kind or its object identifier is one that the library has no room for, 2.999 for
/// example: whatever it is, it is not known here, and what is not known is ignored.
fn item(value: &Any) -> Option<AttrOrOid> {
    match value.tag() {
        Tag::ObjectIdentifier => value.decode_as().ok().map(AttrOrOid::Oid),
        Tag::Sequence => value.decode_as().ok().map(AttrOrOid::Attribute),
        _ => None,
    }
}

#[derive(Sequence)]
struct InfoTemplate {
    version: u8,
    #[asn1(optional = "true")]
    subject: Option<Vec<SetOfVec<SingleAttributeTemplate>>>,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    key: Option<KeyTemplate>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    attributes: SetOfVec<Attribute>,
}

#[derive(Sequence, ValueOrd)]
struct SingleAttributeTemplate {
    kind: ObjectIdentifier,
    #[asn1(optional = "true")]
    value: Option<Any>,
}

#[derive(Sequence)]
struct KeyTemplate {
    algorithm: AlgorithmIdentifierOwned,
    #[asn1(optional = "true")]
    placeholder: Option<BitString>,
}

#[derive(Sequence)]
struct ExtensionTemplate {
    id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    #[asn1(optional = "true")]
    value: Option<OctetString>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl CsrAttributes {
    /// Reads `CsrAttrs`.
    ///
    /// # Errors
    /// They are malformed, too many, or contradict RFC 9908.
    pub fn from_der(der: &[u8]) -> Result<Self, CsrAttributesError> {
        let items = Vec::<Any>::from_der(der)?;
        if items.len() > limits::CSR_ATTRIBUTES {
            return Err(CsrAttributesError::TooMany {
                came: items.len(),
                limit: limits::CSR_ATTRIBUTES,
            });
        }
        let items: Vec<AttrOrOid> = items.iter().filter_map(item).collect();
        let templates = items.iter().filter_map(|item| match item {
            AttrOrOid::Attribute(attribute) if attribute.oid == TEMPLATE => Some(attribute),
            _ => None,
        });
        let mut wanted = Self::default();
        let mut templates = templates;
        if let Some(template) = templates.next() {
            let [value] = template.values.as_slice() else {
                return Err(CsrAttributesError::Template {
                    problem: "has not exactly one value",
                });
            };
            if templates.next().is_some() {
                return Err(CsrAttributesError::Template {
                    problem: "stands there twice",
                });
            }
            wanted.add_template(&value.decode_as::<InfoTemplate>()?)?;
            return Ok(wanted);
        }
        let mut extension_requests = 0;
        for item in &items {
            match item {
                AttrOrOid::Oid(oid) => wanted.add_oid(*oid),
                AttrOrOid::Attribute(attribute) if attribute.oid == ID_EXTENSION_REQ => {
                    extension_requests += attribute.values.len();
                    wanted.add_extensions(attribute)?;
                }
                AttrOrOid::Attribute(attribute) => wanted.add_attribute(attribute),
            }
        }
        if extension_requests > 1 {
            return Err(CsrAttributesError::Extensions {
                came: extension_requests,
            });
        }
        Ok(wanted)
    }

    fn add_oid(&mut self, oid: ObjectIdentifier) {
        if oid == CHALLENGE_PASSWORD {
            self.challenge_password = true;
        } else {
            self.others.push(oid.to_string());
        }
    }

    /// An attribute that names a kind of key; others are unknown and left out.
    fn add_attribute(&mut self, attribute: &Attribute) {
        let value = attribute.values.as_slice().first();
        if attribute.oid == CHALLENGE_PASSWORD {
            self.challenge_password = true;
        } else if attribute.oid == ID_EC_PUBLIC_KEY {
            let curve = value.and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
            if let Some(curve) = curve {
                self.key = Some(KeyType::Ec {
                    curve: curve.to_string(),
                });
            }
        } else if attribute.oid == RSA_ENCRYPTION {
            let bits = value.and_then(|value| value.decode_as::<u32>().ok());
            self.key = Some(KeyType::Rsa { bits });
        }
    }

    fn add_extensions(&mut self, attribute: &Attribute) -> Result<(), CsrAttributesError> {
        for value in attribute.values.iter() {
            // RFC 7030's own example has OIDs where extensions belong: RFC 9908 section 3.2 calls it wrong.
            let Ok(extensions) = value.decode_as::<Vec<Extension>>() else {
                continue;
            };
            for extension in extensions {
                self.extensions.push(extension.to_der()?.into());
            }
        }
        Ok(())
    }

    fn add_template(&mut self, template: &InfoTemplate) -> Result<(), CsrAttributesError> {
        if template.version != 0 {
            return Err(CsrAttributesError::Template {
                problem: "is not of version 1",
            });
        }
        self.is_template = true;
        if let Some(names) = &template.subject {
            let mut parts = Vec::new();
            for (rdn, set) in names.iter().enumerate() {
                for single in set.iter() {
                    parts.push(SubjectPart {
                        rdn,
                        kind: single.kind.to_string(),
                        value: single
                            .value
                            .as_ref()
                            .map(der::Encode::to_der)
                            .transpose()?
                            .map(Der::from),
                    });
                }
            }
            self.subject = Some(parts);
        }
        self.key = template.key.as_ref().map(key_type);
        let requests = |oid| template.attributes.iter().filter(move |a| a.oid == oid);
        let came = requests(ID_EXTENSION_REQ)
            .chain(requests(EXTENSION_TEMPLATE))
            .map(|attribute| attribute.values.len())
            .sum();
        if came > 1 {
            return Err(CsrAttributesError::Extensions { came });
        }
        for attribute in template.attributes.iter() {
            if attribute.oid == ID_EXTENSION_REQ {
                self.add_extensions(attribute)?;
            } else if attribute.oid == EXTENSION_TEMPLATE {
                self.add_extension_template(attribute)?;
            } else if attribute.oid == CHALLENGE_PASSWORD {
                self.challenge_password = true;
            }
        }
        Ok(())
    }

    fn add_extension_template(&mut self, attribute: &Attribute) -> Result<(), CsrAttributesError> {
        for value in attribute.values.iter() {
            for template in value.decode_as::<Vec<ExtensionTemplate>>()? {
                match template.value {
                    Some(extn_value) => {
                        let extension = Extension {
                            extn_id: template.id,
                            critical: template.critical,
                            extn_value,
                        };
                        self.extensions.push(extension.to_der()?.into());
                    }
                    None => self.extensions_to_fill.push(template.id.to_string()),
                }
            }
        }
        Ok(())
    }
}

/// The kind of key that a template asks for; RSA's size is that of the placeholder (RFC 9908 section 3.4).
fn key_type(template: &KeyTemplate) -> KeyType {
    let AlgorithmIdentifierOwned { oid, parameters } = &template.algorithm;
    if *oid == ID_EC_PUBLIC_KEY {
        let curve = parameters
            .as_ref()
            .and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        return KeyType::Ec {
            curve: curve.map(|curve| curve.to_string()).unwrap_or_default(),
        };
    }
    if *oid == RSA_ENCRYPTION {
        let octets = template
            .placeholder
            .as_ref()
            .map(BitString::raw_bytes)
            .unwrap_or_default();
        let bits = RsaPublicKey::from_der(octets).ok().map(|key| {
            let octets = key.modulus.as_bytes();
            let leading = octets.first().map_or(0, |octet| octet.leading_zeros());
            u32::try_from(octets.len() * 8)
                .unwrap_or(u32::MAX)
                .saturating_sub(leading)
        });
        return KeyType::Rsa { bits };
    }
    KeyType::Other {
        algorithm: oid.to_string(),
    }
}
