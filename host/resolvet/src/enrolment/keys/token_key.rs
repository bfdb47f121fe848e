//! A key in a token: it signs there and never leaves it.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use cryptoki::{
    error::Error,
    mechanism::{
        Mechanism, MechanismType,
        rsa::{PkcsMgfType, PkcsPssParams},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use der::{AnyRef, Encode as _, Tag, asn1::UintRef};
use rustls::{
    OtherError, SignatureAlgorithm, SignatureScheme,
    sign::{Signer, SigningKey, public_key_to_spki},
};
use rustls_pki_types::{SubjectPublicKeyInfoDer, alg_id};

use super::{KeyError, TokenUri, token::Token};

/// The curves' object identifiers, DER.
const P256: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: [u8; 7] = [0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// What stands before a SHA-256 digest that is signed by RSASSA-PKCS1-v1_5 (RFC 8017 section 9.2).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// Octets of a signature that are read: RSA of 8,192 bits.
const SIGNATURE_OCTETS: usize = 1_024;

/// A private key in a token.
#[derive(Debug, Clone)]
pub(super) struct TokenKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    token: Arc<Token>,
    /// What tells the key.
    uri: TokenUri,
    kind: Kind,
    public: Option<SubjectPublicKeyInfoDer<'static>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    Rsa,
}

impl TokenKey {
    /// The one private key that a URI tells.
    pub(super) fn open(token: Arc<Token>, uri: &TokenUri) -> Result<Self, KeyError> {
        let (own, point) = with_key(&token, uri, "looking for the key", |session, handle| {
            let wanted = [
                AttributeType::KeyType,
                AttributeType::EcParams,
                AttributeType::Modulus,
                AttributeType::PublicExponent,
                AttributeType::Id,
            ];
            let own = session.get_attributes(handle, &wanted)?;
            // The point of a curve stands in the public key alone, which has the same identifier.
            let id = own.iter().find_map(|attribute| match attribute {
                Attribute::Id(id) if !id.is_empty() => Some(Attribute::Id(id.clone())),
                _ => None,
            });
            let twin = match id {
                Some(id) => {
                    let twin = [Attribute::Class(ObjectClass::PUBLIC_KEY), id];
                    session.iter_objects(&twin)?.next().transpose()?
                }
                None => None,
            };
            let point = match twin {
                Some(twin) => session.get_attributes(twin, &[AttributeType::EcPoint])?,
                None => Vec::new(),
            };
            Ok((own, point))
        })?;
        let kind = kind(&own).ok_or(KeyError::NoScheme)?;
        let public = public(kind, &own, &point);
        let uri = uri.clone();
        Ok(Self(Arc::new(Inner {
            token,
            uri,
            kind,
            public,
        })))
    }

    /// Makes a key on P-256 in the token, which never gives it away, and says how it is found again.
    pub(super) fn generate(
        token: Arc<Token>,
        label: &str,
        id: &[u8],
    ) -> Result<(Self, TokenUri), KeyError> {
        let names = [
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
        ];
        let public = [
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(P256.to_vec()),
        ];
        let private = [
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let template = |own: &[Attribute]| [own, names.as_slice()].concat();
        let (public, private) = (template(&public), template(&private));
        let is_kept = token.with("making a key", |session| {
            let mechanism = Mechanism::EccKeyPairGen;
            let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
            let sealed = [AttributeType::Sensitive, AttributeType::Extractable];
            let sealed = session.get_attributes(private, &sealed)?;
            let is = |attribute: Attribute| sealed.contains(&attribute);
            let is_kept = is(Attribute::Sensitive(true)) && is(Attribute::Extractable(false));
            if !is_kept {
                session.destroy_object(private)?;
                session.destroy_object(public)?;
            }
            Ok(is_kept)
        })?;
        if !is_kept {
            let token = token.label();
            return Err(KeyError::Extractable { token });
        }
        let uri = token.uri().with_key(label, id);
        Ok((Self::open(token, &uri)?, uri))
    }

    /// Destroys a key that was made here, its public part too. One that is not there is destroyed already.
    pub(super) fn destroy(token: &Token, uri: &TokenUri) -> Result<(), KeyError> {
        let (Some(label), Some(id)) = (&uri.object, &uri.id) else {
            let uri = Box::new(uri.clone());
            return Err(KeyError::SeveralKeys { uri });
        };
        token.with("destroying a key", |session| {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
                let template = [
                    Attribute::Class(class),
                    Attribute::Label(label.as_bytes().to_vec()),
                    Attribute::Id(id.clone()),
                ];
                for handle in session.find_objects(&template)? {
                    session.destroy_object(handle)?;
                }
            }
            Ok(())
        })
    }
}

impl SigningKey for TokenKey {
    /// By a digest that is made here: it is all that a token has to be given. RSASSA-PSS comes first, since TLS 1.3 takes
    /// nothing else of RSA (RFC 8446 section 4.2.3).
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let own: &[SignatureScheme] = match self.0.kind {
            Kind::P256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            Kind::P384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            Kind::Rsa => &[
                SignatureScheme::RSA_PSS_SHA256,
                SignatureScheme::RSA_PKCS1_SHA256,
            ],
        };
        let scheme = *own.iter().find(|scheme| offered.contains(scheme))?;
        let key = self.clone();
        Some(Box::new(TokenSigner { key, scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public.clone()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.kind {
            Kind::P256 | Kind::P384 => SignatureAlgorithm::ECDSA,
            Kind::Rsa => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct TokenSigner {
    key: TokenKey,
    scheme: SignatureScheme,
}

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let (mechanism, octets) = match self.scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => (Mechanism::Ecdsa, digest(&SHA256, message)),
            SignatureScheme::ECDSA_NISTP384_SHA384 => (Mechanism::Ecdsa, digest(&SHA384, message)),
            SignatureScheme::RSA_PSS_SHA256 => {
                let parameters = PkcsPssParams {
                    hash_alg: MechanismType::SHA256,
                    mgf: PkcsMgfType::MGF1_SHA256,
                    s_len: 32.into(),
                };
                (Mechanism::RsaPkcsPss(parameters), digest(&SHA256, message))
            }
            _ => (Mechanism::RsaPkcs, digest(&SHA256, message)),
        };
        let octets = match mechanism {
            Mechanism::RsaPkcs => [&SHA256_INFO, octets.as_ref()].concat(),
            _ => octets.as_ref().to_vec(),
        };
        let Inner { token, uri, .. } = &*self.key.0;
        let signed = with_key(token, uri, "signing", |session, handle| {
            session.sign(&mechanism, handle, &octets)
        });
        let failed = |error: KeyError| rustls::Error::Other(OtherError(Arc::new(error)));
        let signature = signed.map_err(failed)?;
        let signature = match mechanism {
            Mechanism::Ecdsa => ecdsa(&signature),
            _ => Some(signature).filter(|signature| signature.len() <= SIGNATURE_OCTETS),
        };
        signature.ok_or_else(|| {
            failed(KeyError::Signature {
                token: token.label(),
            })
        })
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// How many keys a URI tells.
enum Found<T> {
    None,
    One(T),
    Several,
}

/// Does something with the one private key that a URI tells. It is looked for each time: a handle is good for one session.
fn with_key<T>(
    token: &Token,
    uri: &TokenUri,
    step: &'static str,
    work: impl Fn(&Session, ObjectHandle) -> Result<T, Error>,
) -> Result<T, KeyError> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    let label = uri.object.as_ref().map(|label| label.as_bytes().to_vec());
    template.extend(label.map(Attribute::Label));
    template.extend(uri.id.clone().map(Attribute::Id));
    let found = token.with(step, |session| {
        let handles = session.iter_objects(&template)?.take(2);
        let handles: Vec<ObjectHandle> = handles.collect::<Result<_, _>>()?;
        match handles.as_slice() {
            [] => Ok(Found::None),
            [handle] => work(session, *handle).map(Found::One),
            _ => Ok(Found::Several),
        }
    })?;
    let uri = || Box::new(uri.clone());
    match found {
        Found::One(done) => Ok(done),
        Found::None => Err(KeyError::NoKey { uri: uri() }),
        Found::Several => Err(KeyError::SeveralKeys { uri: uri() }),
    }
}

/// Which kind of key these attributes are of; RSA has 2,048 bits at least.
fn kind(attributes: &[Attribute]) -> Option<Kind> {
    let of = |key: KeyType| attributes.contains(&Attribute::KeyType(key));
    let curve = |oid: &[u8]| attributes.contains(&Attribute::EcParams(oid.to_vec()));
    if of(KeyType::EC) && curve(&P256) {
        Some(Kind::P256)
    } else if of(KeyType::EC) && curve(&P384) {
        Some(Kind::P384)
    } else if of(KeyType::RSA) {
        let modulus = attributes.iter().find_map(|attribute| match attribute {
            Attribute::Modulus(modulus) => UintRef::new(modulus).ok(),
            _ => None,
        })?;
        (modulus.as_bytes().len() >= 256).then_some(Kind::Rsa)
    } else {
        None
    }
}

/// The SubjectPublicKeyInfo of attributes of the private key, and of the public one.
fn public(
    kind: Kind,
    own: &[Attribute],
    point: &[Attribute],
) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let point = |octets: usize| {
        let Some(Attribute::EcPoint(point)) = point.first() else {
            return None;
        };
        // An OCTET STRING by the standard; some tokens give its content alone.
        let point = match point.len() == octets {
            true => point.as_slice(),
            false => point.strip_prefix(&[4, u8::try_from(octets).ok()?])?,
        };
        (point.len() == octets && point.first() == Some(&4)).then(|| point.to_vec())
    };
    match kind {
        Kind::P256 => Some(public_key_to_spki(&alg_id::ECDSA_P256, point(65)?)),
        Kind::P384 => Some(public_key_to_spki(&alg_id::ECDSA_P384, point(97)?)),
        Kind::Rsa => {
            let number = |wanted: fn(&Attribute) -> Option<&Vec<u8>>| {
                own.iter().find_map(wanted).map(Vec::as_slice)
            };
            let modulus = number(|attribute| match attribute {
                Attribute::Modulus(modulus) => Some(modulus),
                _ => None,
            })?;
            let exponent = number(|attribute| match attribute {
                Attribute::PublicExponent(exponent) => Some(exponent),
                _ => None,
            })?;
            let key = integers([modulus, exponent])?;
            Some(public_key_to_spki(&alg_id::RSA_ENCRYPTION, key))
        }
    }
}

/// A signature as X.509 and TLS have it (ECDSA-Sig-Value, RFC 3279 section 2.2.3) of two numbers one after the other.
fn ecdsa(signature: &[u8]) -> Option<Vec<u8>> {
    let half = signature.len() / 2;
    if !matches!(signature.len(), 64 | 96) {
        return None;
    }
    let (r, s) = signature.split_at_checked(half)?;
    integers([r, s])
}

/// A SEQUENCE of two numbers, neither of which is negative.
fn integers(numbers: [&[u8]; 2]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    for number in numbers {
        content.extend(UintRef::new(number).ok()?.to_der().ok()?);
    }
    let sequence = AnyRef::new(Tag::Sequence, &content).ok()?;
    sequence.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_two_integers() {
        let mut raw = [0; 64];
        (raw[31], raw[32]) = (0x7f, 0x80);
        let der = ecdsa(&raw).unwrap();
        assert_eq!(der[..7], [0x30, 38, 2, 1, 0x7f, 2, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        assert_eq!(ecdsa(&raw[..63]), None);
        assert_eq!(ecdsa(&[]), None);
    }

    #[test]
    fn points_are_read_in_both_forms() {
        let raw = [[4; 1].as_slice(), &[7; 64]].concat();
        let wrapped = [[4, 65].as_slice(), &raw].concat();
        let read = |point: &[u8]| public(Kind::P256, &[], &[Attribute::EcPoint(point.to_vec())]);
        assert!(read(&raw).is_some());
        assert_eq!(read(&raw), read(&wrapped));
        assert_eq!(read(&wrapped[1..]), None);
        assert_eq!(read(&[4; 64]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn keys_of_other_kinds_are_not_used() {
        let rsa = |octets: usize| {
            let modulus = [vec![0], vec![0xff; octets]].concat();
            kind(&[
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(modulus),
            ])
        };
        assert_eq!(rsa(256), Some(Kind::Rsa));
        assert_eq!(rsa(128), None);
        let ec = |oid: &[u8]| {
            kind(&[
                Attribute::KeyType(KeyType::EC),
                Attribute::EcParams(oid.to_vec()),
            ])
        };
        assert_eq!(ec(&P256), Some(Kind::P256));
        assert_eq!(ec(&[6, 1, 1]), None);
        assert_eq!(kind(&[]), None);
    }
}
