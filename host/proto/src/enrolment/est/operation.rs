//! What a client asks an EST server, and where (RFC 7030 section 3.2.2, RFC 8295 section 1.2).

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
};
use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Method;

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Operation {
    /// The certificates of the certification authority (RFC 7030 section 4.1).
    CaCerts,
    /// What a request must hold (RFC 7030 section 4.5, RFC 9908).
    CsrAttrs,
    /// A first certificate (RFC 7030 section 4.2.1).
    SimpleEnroll,
    /// Another certificate for the same identity (RFC 7030 section 4.2.2).
    SimpleReenroll,
    /// A key that the server makes, and its certificate (RFC 7030 section 4.4).
    ServerKeyGen,
    /// Certificates of peers (RFC 8295 section 3).
    EeCerts,
    /// Certificate revocation lists (RFC 8295 section 4).
    Crls,
    /// What there is to be had (RFC 8295 section 2.1).
    Pal,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 8] = [
        Self::CaCerts,
        Self::CsrAttrs,
        Self::SimpleEnroll,
        Self::SimpleReenroll,
        Self::ServerKeyGen,
        Self::EeCerts,
        Self::Crls,
        Self::Pal,
    ];

    /// Its name, the last segment of the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CaCerts => "cacerts",
            Self::CsrAttrs => "csrattrs",
            Self::SimpleEnroll => "simpleenroll",
            Self::SimpleReenroll => "simplereenroll",
            Self::ServerKeyGen => "serverkeygen",
            Self::EeCerts => "eecerts",
            Self::Crls => "crls",
            Self::Pal => "pal",
        }
    }

    /// How it is asked.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::SimpleEnroll | Self::SimpleReenroll | Self::ServerKeyGen => Method::Post,
            Self::CaCerts | Self::CsrAttrs | Self::EeCerts | Self::Crls | Self::Pal => Method::Get,
        }
    }

    /// The media type of what is posted.
    #[must_use]
    pub const fn content_type(self) -> Option<&'static str> {
        match self.method() {
            Method::Post => Some("application/pkcs10"),
            Method::Get => None,
        }
    }

    /// The media types of an answer.
    #[must_use]
    pub const fn accept(self) -> &'static str {
        match self {
            Self::CaCerts
            | Self::SimpleEnroll
            | Self::SimpleReenroll
            | Self::EeCerts
            | Self::Crls => "application/pkcs7-mime",
            Self::CsrAttrs => "application/csrattrs",
            Self::ServerKeyGen => "multipart/mixed",
            Self::Pal => "application/json, application/xml;q=0.5",
        }
    }

    /// The absolute path, with a label where there is one.
    #[must_use]
    pub fn path(self, label: Option<&CaLabel>) -> String {
        match label {
            Some(label) => format!("/.well-known/est/{label}/{}", self.name()),
            None => format!("/.well-known/est/{}", self.name()),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Tells certification authorities of one server apart: a path segment (RFC 7030 section 3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaLabel(String);

/// A text is no CA label.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{label}` is no CA label: {problem} (RFC 7030 3.2.2)")]
pub struct CaLabelError {
    label: String,
    problem: &'static str,
}

/// Names of operations that no label may have, beside those that this client knows.
const OTHER_OPERATIONS: [&str; 5] = ["fullcmc", "symmetrickeys", "firmware", "tamp", "return"];

impl CaLabel {
    /// Reads a label: 1 to 64 of the characters that a path segment has unescaped (RFC 3986 section 2.3).
    ///
    /// # Errors
    /// It has other characters, another length, or the name of an operation.
    pub fn new(label: &str) -> Result<Self, CaLabelError> {
        let wrong = |problem| CaLabelError {
            label: label.escape_debug().take(64).collect(),
            problem,
        };
        if label.is_empty() || label.len() > 64 {
            return Err(wrong("expected 1 to 64 characters"));
        }
        let unreserved = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
        if !label.bytes().all(unreserved) || label == "." || label == ".." {
            return Err(wrong("expected letters, digits, `-`, `.`, `_` and `~`"));
        }
        let names = Operation::ALL.iter().map(|operation| operation.name());
        if names.chain(OTHER_OPERATIONS).any(|name| name == label) {
            return Err(wrong("it is the name of an operation"));
        }
        Ok(Self(label.to_owned()))
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for CaLabel {
    type Error = CaLabelError;

    fn try_from(label: String) -> Result<Self, CaLabelError> {
        Self::new(&label)
    }
}

impl From<CaLabel> for String {
    fn from(label: CaLabel) -> Self {
        label.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_label_before_the_operation() {
        let label = CaLabel::new("arbitraryLabel1").unwrap();
        assert_eq!(
            Operation::CaCerts.path(Some(&label)),
            "/.well-known/est/arbitraryLabel1/cacerts"
        );
        assert_eq!(Operation::EeCerts.path(None), "/.well-known/est/eecerts");
    }

    #[test]
    fn a_label_is_one_segment_and_no_operation() {
        for label in [
            "", ".", "..", "a/b", "a%2fb", "a b", "ä", "cacerts", "fullcmc", "eecerts",
        ] {
            assert!(CaLabel::new(label).is_err(), "`{label}`");
        }
    }
}
