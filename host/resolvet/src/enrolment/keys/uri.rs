//! URIs of tokens and of keys in them (RFC 7512), without a PIN.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use thiserror::Error;

use crate::percent;

const SCHEME: &str = "pkcs11:";
/// Octets of a URI.
const OCTETS: usize = 2_048;
/// Octets of an attribute's value, once it is decoded.
const VALUE_OCTETS: usize = 255;
/// What stands unescaped in the path beside letters, digits and `-._~` (RFC 7512 section 2.3).
const PATH_CHARACTERS: &[u8] = b":[]@!$'()*+,=&";
/// What stands unescaped in the query.
const QUERY_CHARACTERS: &[u8] = b":[]@!$'()*+,=/?|";

/// A token, and perhaps a key in it, by a URI (RFC 7512).
///
/// Those attributes that tell tokens and private keys apart are read, and every other one is an error: what is not understood
/// must not widen what is matched. A PIN never stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUri {
    pub(super) token: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) slot_id: Option<u64>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module_path: Option<PathBuf>,
    pub(super) pin_source: Option<PathBuf>,
}

/// A text is no URI of a token, or none that is used here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenUriError {
    /// Another scheme.
    #[error("expected a URI that begins with `pkcs11:` (RFC 7512 2.3)")]
    Scheme,
    /// Too long.
    #[error("the URI has {presented} octets, at most {OCTETS} are read")]
    TooLong {
        /// How many there are.
        presented: usize,
    },
    /// It has no name and value.
    #[error("`{attribute}` is no attribute: expected NAME=VALUE (RFC 7512 2.3)")]
    Attribute {
        /// What stands there.
        attribute: String,
    },
    /// Not one that is understood.
    #[error(
        "attribute `{name}` is not understood here, so nothing can be told by it (RFC 7512 2.3)"
    )]
    Unknown {
        /// Which.
        name: String,
    },
    /// Twice.
    #[error("attribute `{name}` stands twice (RFC 7512 2.3)")]
    Twice {
        /// Which.
        name: &'static str,
    },
    /// A PIN.
    #[error(
        "`pin-value` is refused: everybody could read it; `pin-source` names a file (RFC 7512 2.4)"
    )]
    PinValue,
    /// The value cannot be.
    #[error("attribute `{name}`: expected {expected}")]
    Value {
        /// Which.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl FromStr for TokenUri {
    type Err = TokenUriError;

    fn from_str(text: &str) -> Result<Self, TokenUriError> {
        let scheme = text.get(..SCHEME.len());
        if !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
            return Err(TokenUriError::Scheme);
        }
        if text.len() > OCTETS {
            let presented = text.len();
            return Err(TokenUriError::TooLong { presented });
        }
        let rest = text.get(SCHEME.len()..).unwrap_or_default();
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self::default();
        let mut is_private = None;
        for attribute in path.split(';').filter(|_| !path.is_empty()) {
            let (name, value) = named(attribute)?;
            let text = |name| decoded(name, value, PATH_CHARACTERS);
            match name {
                "token" => set("token", &mut uri.token, text("token")?)?,
                "manufacturer" => {
                    set("manufacturer", &mut uri.manufacturer, text("manufacturer")?)?;
                }
                "model" => set("model", &mut uri.model, text("model")?)?,
                "serial" => set("serial", &mut uri.serial, text("serial")?)?,
                "object" => set("object", &mut uri.object, text("object")?)?,
                "id" => set("id", &mut uri.id, octets("id", value, PATH_CHARACTERS)?)?,
                "slot-id" => set("slot-id", &mut uri.slot_id, number(value)?)?,
                "type" if value == "private" => set("type", &mut is_private, ())?,
                "type" => {
                    let expected = "`private`: a key that signs";
                    return Err(wrong("type", expected));
                }
                other => return Err(unknown(other)),
            }
        }
        for attribute in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = named(attribute)?;
            let text = |name| decoded(name, value, QUERY_CHARACTERS);
            match name {
                "module-path" => {
                    let path = absolute("module-path", &text("module-path")?)?;
                    set("module-path", &mut uri.module_path, path)?;
                }
                "pin-source" => {
                    let source = text("pin-source")?;
                    let file = source.strip_prefix("file:").unwrap_or(&source);
                    let file = file.strip_prefix("//").unwrap_or(file);
                    let path = absolute("pin-source", file)?;
                    set("pin-source", &mut uri.pin_source, path)?;
                }
                "pin-value" => return Err(TokenUriError::PinValue),
                other => return Err(unknown(other)),
            }
        }
        Ok(uri)
    }
}

impl TokenUri {
    /// Whether a text is meant as such a URI.
    pub(in crate::enrolment) fn is_meant(text: &str) -> bool {
        let scheme = text.get(..SCHEME.len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
    }

    /// The PKCS#11 module, where the URI says one.
    #[must_use]
    pub fn module_path(&self) -> Option<&Path> {
        self.module_path.as_deref()
    }

    /// The file of the PIN, where the URI says one.
    #[must_use]
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }

    /// The same token, and no key in it.
    pub(super) fn without_key(&self) -> Self {
        Self {
            object: None,
            id: None,
            ..self.clone()
        }
    }

    /// The same token, and this key in it.
    pub(super) fn with_key(&self, label: &str, id: &[u8]) -> Self {
        Self {
            object: Some(label.to_owned()),
            id: Some(id.to_vec()),
            ..self.clone()
        }
    }
}

/// Whole, module and place of the PIN included: with what an enrolment keeps, its key must be found again.
impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        let mut separator = "";
        let texts = [
            ("token", &self.token),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("serial", &self.serial),
            ("object", &self.object),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                write!(f, "{separator}{name}=")?;
                percent::encode(f, value.as_bytes())?;
                separator = ";";
            }
        }
        if let Some(number) = self.slot_id {
            write!(f, "{separator}slot-id={number}")?;
            separator = ";";
        }
        if let Some(id) = &self.id {
            write!(f, "{separator}id=")?;
            for octet in id {
                write!(f, "%{octet:02X}")?;
            }
            separator = ";";
        }
        if self.object.is_some() || self.id.is_some() {
            write!(f, "{separator}type=private")?;
        }
        let mut separator = '?';
        let paths = [
            ("module-path", "", &self.module_path),
            ("pin-source", "file:", &self.pin_source),
        ];
        for (name, prefix, path) in paths {
            if let Some(path) = path {
                write!(f, "{separator}{name}={prefix}")?;
                percent::encode(f, path.as_os_str().as_encoded_bytes())?;
                separator = '&';
            }
        }
        Ok(())
    }
}

fn named(attribute: &str) -> Result<(&str, &str), TokenUriError> {
    attribute
        .split_once('=')
        .ok_or_else(|| TokenUriError::Attribute {
            attribute: attribute.escape_debug().take(64).collect(),
        })
}

fn set<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), TokenUriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TokenUriError::Twice { name }),
    }
}

fn unknown(name: &str) -> TokenUriError {
    TokenUriError::Unknown {
        name: name.escape_debug().take(64).collect(),
    }
}

const fn wrong(name: &'static str, expected: &'static str) -> TokenUriError {
    TokenUriError::Value { name, expected }
}

fn octets(name: &'static str, value: &str, allowed: &[u8]) -> Result<Vec<u8>, TokenUriError> {
    const CHARACTERS: &str = "letters, digits, `-._~` and octets as `%41` (RFC 7512 2.3)";
    let mut decoded = Vec::new();
    let mut rest = value.bytes();
    while let Some(octet) = rest.next() {
        decoded.push(match octet {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit(), digit());
                let octet = high.zip(low).map(|(high, low)| high << 4 | low);
                let octet = octet.and_then(|octet| u8::try_from(octet).ok());
                octet.ok_or_else(|| wrong(name, CHARACTERS))?
            }
            octet if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => octet,
            octet if allowed.contains(&octet) => octet,
            _ => return Err(wrong(name, CHARACTERS)),
        });
    }
    match decoded.len() {
        1..=VALUE_OCTETS => Ok(decoded),
        _ => Err(wrong(name, "1 to 255 octets")),
    }
}

fn decoded(name: &'static str, value: &str, allowed: &[u8]) -> Result<String, TokenUriError> {
    let octets = octets(name, value, allowed)?;
    let text = String::from_utf8(octets).map_err(|_| wrong(name, "text in UTF-8"))?;
    // It is shown to people, and a path with NUL ends there.
    if text.chars().any(char::is_control) {
        return Err(wrong(name, "no control characters"));
    }
    Ok(text)
}

fn number(value: &str) -> Result<u64, TokenUriError> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    number.ok_or_else(|| wrong("slot-id", "a number in decimal digits"))
}

fn absolute(name: &'static str, path: &str) -> Result<PathBuf, TokenUriError> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(wrong(name, "the absolute path of a file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_what_tells_it_apart() {
        let uri: TokenUri = "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;\
             manufacturer=Snake%20Oil,%20Inc.;model=1.0;serial=4a&b;slot-id=327;object=my-key;\
             type=private;id=%69%95%3E?module-path=/lib/p11.so&pin-source=file:/etc/token"
            .parse()
            .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
        assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
        assert_eq!(uri.serial.as_deref(), Some("4a&b"));
        assert_eq!(uri.slot_id, Some(327));
        assert_eq!(uri.object.as_deref(), Some("my-key"));
        assert_eq!(uri.id.as_deref(), Some([0x69, 0x95, 0x3e].as_slice()));
        assert_eq!(uri.module_path(), Some(Path::new("/lib/p11.so")));
        assert_eq!(uri.pin_source.as_deref(), Some(Path::new("/etc/token")));
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        for text in [
            "pkcs11:",
            "pkcs11:token=a%20b%25;object=%C3%A4;id=%00%FF;type=private",
            "PKCS11:token=x?module-path=/a%20b/m.so&pin-source=file:///run/pin%26",
        ] {
            let uri: TokenUri = text.parse().unwrap();
            assert_eq!(uri.to_string().parse(), Ok(uri), "{text}");
        }
    }

    #[test]
    fn a_pin_is_refused() {
        let error = "pkcs11:token=x?pin-value=1234".parse::<TokenUri>();
        assert_eq!(error, Err(TokenUriError::PinValue));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let unknown = |name: &str| TokenUriError::Unknown { name: name.into() };
        let attribute = |text: &str| TokenUriError::Attribute {
            attribute: text.into(),
        };
        for (text, expected) in [
            ("token=x", TokenUriError::Scheme),
            ("pkcs11:token", attribute("token")),
            ("pkcs11:token=a;", attribute("")),
            ("pkcs11:token=a?", attribute("")),
            ("pkcs11:library-version=3", unknown("library-version")),
            ("pkcs11:x-vendor=3", unknown("x-vendor")),
            ("pkcs11:token=a?module-name=p11", unknown("module-name")),
            ("pkcs11:id=%01;id=%02", TokenUriError::Twice { name: "id" }),
        ] {
            assert_eq!(text.parse::<TokenUri>(), Err(expected), "{text}");
        }
        for text in [
            "pkcs11:token=",
            "pkcs11:token=a b",
            "pkcs11:token=%4",
            "pkcs11:token=%zz",
            "pkcs11:token=%ff",
            "pkcs11:token=%00",
            "pkcs11:token=a/b",
            "pkcs11:type=cert",
            "pkcs11:slot-id=+1",
            "pkcs11:slot-id=99999999999999999999",
            "pkcs11:?module-path=p11.so",
            "pkcs11:?pin-source=|/usr/bin/pin",
            "pkcs11:?pin-source=https://example.net/pin",
        ] {
            let error = text.parse::<TokenUri>();
            assert!(
                matches!(error, Err(TokenUriError::Value { .. })),
                "{text}: {error:?}"
            );
        }
        let long = format!("pkcs11:token={}", "a".repeat(OCTETS));
        assert!(matches!(
            long.parse::<TokenUri>(),
            Err(TokenUriError::TooLong { .. })
        ));
    }
}
