//! The signed form (RFC 7515): compact, or JSON with several signatures.

use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use der::{
    Decode as _, Encode as _, Header as DerHeader, Reader as _, SliceReader, Tag,
    asn1::{BitStringRef, UintRef},
};
use rustls_pki_types::{AlgorithmIdentifier, alg_id};
use serde::Deserialize;

use super::{Claims, TokenError, is_there, limits};
use crate::json;

/// The type that a token's header says (the drafts' section 6).
const TYPE: &str = "pat";

/// A token as it was read. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    algorithm: String,
    kind: Option<String>,
    signer: Option<String>,
    has_critical: bool,
    signed: Vec<u8>,
    octets: Vec<u8>,
}

/// An algorithm of signatures, as the table of [`crate::certificate::algorithm`] has it.
#[derive(Debug)]
pub struct Algorithm {
    name: &'static str,
    signature: AlgorithmIdentifier,
    key: AlgorithmIdentifier,
    /// Octets of each of the two numbers.
    number: usize,
}

/// Those of RFC 7518 section 3.4 that the drafts name.
static ALGORITHMS: [Algorithm; 2] = [
    Algorithm {
        name: "ES256",
        signature: alg_id::ECDSA_SHA256,
        key: alg_id::ECDSA_P256,
        number: 32,
    },
    Algorithm {
        name: "ES384",
        signature: alg_id::ECDSA_SHA384,
        key: alg_id::ECDSA_P384,
        number: 48,
    },
];

impl Algorithm {
    /// The algorithm of the signature, an `AlgorithmIdentifier` without outer tag and length.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.signature.as_ref()
    }

    /// Whether a key is one for it.
    #[must_use]
    pub fn fits(&self, key: &PublicKey) -> bool {
        key.algorithm == self.key.as_ref()
    }
}

/// A key that tokens are signed with: the parts of a `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm, without outer tag and length.
    pub algorithm: Vec<u8>,
    /// The content of the BIT STRING.
    pub octets: Vec<u8>,
}

impl PublicKey {
    /// Reads the DER of a `SubjectPublicKeyInfo`; `None` when it is none.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let sequence = |octets| -> Option<Vec<u8>> {
            let mut reader = SliceReader::new(octets).ok()?;
            let header = DerHeader::decode(&mut reader).ok()?;
            let content = reader.read_slice(header.length()).ok()?;
            (header.tag() == Tag::Sequence && reader.is_finished()).then(|| content.to_vec())
        };
        let outer = sequence(der)?;
        let mut fields = SliceReader::new(&outer).ok()?;
        let algorithm = sequence(fields.tlv_bytes().ok()?)?;
        let octets = BitStringRef::decode(&mut fields).ok()?.as_bytes()?.to_vec();
        fields.is_finished().then_some(Self { algorithm, octets })
    }
}

impl Signature {
    /// Where the signer's certificate is said to be: a name for the signer, never to be fetched.
    #[must_use]
    pub fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// The octets that are signed.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The algorithm, and the signature as an `ECDSA-Sig-Value` (RFC 5480): what a verifier is given.
    ///
    /// # Errors
    /// Another algorithm or type, a critical member, another length.
    pub fn verifiable(&self) -> Result<(&'static Algorithm, Vec<u8>), TokenError> {
        let algorithm = ALGORITHMS.iter().find(|row| row.name == self.algorithm);
        let algorithm = algorithm.ok_or_else(|| TokenError::Algorithm {
            came: shown(&self.algorithm),
        })?;
        match self.kind.as_deref() {
            Some(kind) if kind.eq_ignore_ascii_case(TYPE) => {}
            other => {
                let came = shown(other.unwrap_or("none"));
                return Err(TokenError::Type { came });
            }
        }
        if self.has_critical {
            return Err(TokenError::Critical);
        }
        let expected = 2 * algorithm.number;
        let length = || TokenError::SignatureLength {
            came: self.octets.len(),
            expected,
        };
        if self.octets.len() != expected {
            return Err(length());
        }
        let (r, s) = self.octets.split_at(algorithm.number);
        let number = |octets| UintRef::new(octets).and_then(|number| number.to_der());
        let (Ok(r), Ok(s)) = (number(r), number(s)) else {
            return Err(length());
        };
        let content = [r, s].concat();
        let content_length = u8::try_from(content.len()).map_err(|_| length())?;
        Ok((algorithm, [vec![0x30, content_length], content].concat()))
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    x5u: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// The JSON form (RFC 7515 section 7.2). Its unprotected headers say nothing that is used.
#[derive(Deserialize)]
struct Whole {
    payload: String,
    #[serde(default)]
    signatures: Option<Vec<Part>>,
    #[serde(default)]
    protected: Option<String>,
    #[serde(default)]
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    protected: String,
    signature: String,
}

impl Token {
    /// Reads a token in either form.
    ///
    /// # Errors
    /// It is too long, is no JWS, has more signatures than are looked at, or a header that cannot be read.
    pub fn read(octets: &[u8]) -> Result<Self, TokenError> {
        if octets.len() > limits::TOKEN_OCTETS {
            return Err(TokenError::TooLong {
                octets: octets.len(),
            });
        }
        let text = core::str::from_utf8(octets).map_err(|_| TokenError::Form)?;
        let text = text.trim_ascii();
        if text.starts_with('{') {
            return Self::of_json(text);
        }
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => Ok(Self {
                payload: decoded("payload", payload)?,
                signatures: vec![signature_of(header, payload, signature)?],
            }),
            _ => Err(TokenError::Form),
        }
    }

    fn of_json(text: &str) -> Result<Self, TokenError> {
        let whole: Whole = json::read(text).map_err(|problem| TokenError::Json {
            part: "form",
            problem,
        })?;
        let parts = match (whole.signatures, whole.protected, whole.signature) {
            (Some(parts), None, None) => parts,
            (None, Some(protected), Some(signature)) => vec![Part {
                protected,
                signature,
            }],
            _ => return Err(TokenError::Form),
        };
        if !(1..=limits::SIGNATURES).contains(&parts.len()) {
            return Err(TokenError::Signatures { came: parts.len() });
        }
        let signature =
            |part: &Part| signature_of(&part.protected, &whole.payload, &part.signature);
        Ok(Self {
            payload: decoded("payload", &whole.payload)?,
            signatures: parts.iter().map(signature).collect::<Result<_, _>>()?,
        })
    }

    /// The signatures, at least one.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What is claimed. It counts when one of the signatures was verified with the key of a signer that is trusted, and not before.
    ///
    /// # Errors
    /// The claims are no JSON of the drafts' form, or contradict themselves.
    pub fn claims(&self) -> Result<Claims, TokenError> {
        Claims::read(&self.payload)
    }
}

fn signature_of(header: &str, payload: &str, signature: &str) -> Result<Signature, TokenError> {
    let part = "header";
    let octets = decoded(part, header)?;
    let text = core::str::from_utf8(&octets).map_err(|_| TokenError::Encoding { part })?;
    let read: Header = json::read(text).map_err(|problem| TokenError::Json { part, problem })?;
    Ok(Signature {
        algorithm: read.alg,
        kind: read.typ,
        signer: read.x5u,
        has_critical: read.crit,
        signed: [header.as_bytes(), b".", payload.as_bytes()].concat(),
        octets: decoded("signature", signature)?,
    })
}

fn decoded(part: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_| TokenError::Encoding { part })
}

fn shown(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    if shown.is_empty() {
        return "none".to_owned();
    }
    shown.escape_debug().to_string()
}
