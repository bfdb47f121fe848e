//! Where an artefact is: `oci://registry/repository:tag` or `oci://registry/repository@sha256:…`.

use std::{fmt, str::FromStr};

use hyper::http::uri::Authority;
use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How an address begins.
const SCHEME: &str = "oci://";
/// Characters of a repository's name; most registries take no more with their own name in front.
const REPOSITORY: usize = 255;
/// Characters of a tag (OCI distribution specification, "Pulling manifests").
const TAG: usize = 128;
/// How a digest begins.
pub(super) const SHA256: &str = "sha256:";

/// The address of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    version: Version,
}

/// Which of a repository's artefacts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The one that has this name now: it may be another one later.
    Tag(String),
    /// The one whose manifest has this digest.
    Digest(Digest),
}

/// A text is no address of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is no address of a policy: {reason}", .text.escape_debug())]
pub struct ReferenceError {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// Whether this text means an artefact in a registry, and not a file.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The registry: a host and perhaps a port.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Which of its artefacts.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// Whether it may be another artefact later.
    #[must_use]
    pub const fn may_move(&self) -> bool {
        matches!(self.version, Version::Tag(_))
    }

    /// The same repository's artefact with this digest.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            version: Version::Digest(digest),
            ..self.clone()
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |reason| ReferenceError {
            text: text.chars().take(REPOSITORY + TAG).collect(),
            reason,
        };
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("expected `oci://registry/repository:tag`"))?;
        let (registry, rest) = rest
            .split_once('/')
            .ok_or_else(|| wrong("expected a repository after the registry"))?;
        if !is_registry(registry) {
            return Err(wrong("its registry is no host with an optional port"));
        }
        let (repository, version) = match rest.split_once('@') {
            Some((repository, _)) if repository.contains(':') => {
                return Err(wrong("expected a tag or a digest, it has both"));
            }
            Some((repository, digest)) => {
                let hexadecimal = digest
                    .strip_prefix(SHA256)
                    .ok_or_else(|| wrong("its digest does not begin with `sha256:`"))?;
                let digest = hexadecimal.parse();
                let digest =
                    digest.map_err(|_| wrong("its digest has not 64 hexadecimal digits"))?;
                (repository, Version::Digest(digest))
            }
            None => {
                let (repository, tag) = rest
                    .split_once(':')
                    .ok_or_else(|| wrong("expected a tag (`:1.0`) or a digest (`@sha256:…`)"))?;
                if !is_tag(tag) {
                    return Err(wrong(
                        "its tag is none: letters, digits, `_`, `.` and `-`, at most 128",
                    ));
                }
                (repository, Version::Tag(tag.to_owned()))
            }
        };
        if !is_repository(repository) {
            return Err(wrong(
                "its repository is none: lower-case words joined by `/`, `.`, `_` or `-`, at most 255 characters",
            ));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            version,
        })
    }
}

/// A host and perhaps a port, without a user's name.
fn is_registry(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let port = text.strip_prefix(authority.host()).unwrap_or(text);
    let port_is_one = match port.strip_prefix(':') {
        Some(port) => digits(port) && port.parse::<u16>().is_ok_and(|port| port != 0),
        None => port.is_empty(),
    };
    !authority.host().is_empty() && port_is_one
}

/// Components of lower-case letters and digits, between which stand a dot, one or two underscores, or hyphens (OCI distribution
/// specification, "Pulling manifests").
fn is_repository(text: &str) -> bool {
    let is_alphanumeric = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let is_component = |component: &str| {
        let ends = [component.bytes().next(), component.bytes().last()];
        let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends.iter().all(|end| end.is_some_and(is_alphanumeric))
            && separators
                .into_iter()
                .all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|o| o == b'-'))
    };
    text.len() <= REPOSITORY && text.split('/').all(is_component)
}

fn is_tag(text: &str) -> bool {
    let is_word = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    text.len() <= TAG
        && text.bytes().next().is_some_and(is_word)
        && text
            .bytes()
            .all(|octet| is_word(octet) || matches!(octet, b'.' | b'-'))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            repository,
            version,
        } = self;
        let mark = match version {
            Version::Tag(_) => ':',
            Version::Digest(_) => '@',
        };
        write!(f, "{SCHEME}{registry}/{repository}{mark}{version}")
    }
}

/// As the distribution protocol names it.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "{SHA256}{digest}"),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "oci://registry.example.net/policies/company-rule:stable".to_owned(),
            "oci://127.0.0.1:5000/a:1".to_owned(),
            "oci://[::1]:5000/a__b/c.d/e---f:_x.-".to_owned(),
            format!("oci://localhost/rule@sha256:{DIGEST}"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "a".repeat(REPOSITORY + 1);
        let tag = "a".repeat(TAG + 1);
        for text in [
            "",
            "rule.wasm",
            "https://registry.example.net/a:1",
            "oci://registry.example.net",
            "oci://registry.example.net/",
            "oci:///a:1",
            "oci://user@registry.example.net/a:1",
            "oci://registry.example.net:/a:1",
            "oci://registry.example.net:0/a:1",
            "oci://registry.example.net:65536/a:1",
            "oci://registry.example.net/a",
            "oci://registry.example.net/a:",
            "oci://registry.example.net/a:-",
            "oci://registry.example.net/a:1/b",
            "oci://registry.example.net/A:1",
            "oci://registry.example.net/a//b:1",
            "oci://registry.example.net/../a:1",
            "oci://registry.example.net/a..b:1",
            "oci://registry.example.net/a___b:1",
            "oci://registry.example.net/a?b:1",
            "oci://registry.example.net/a@sha512:aa",
            "oci://registry.example.net/a@sha256:aa",
            &format!("oci://registry.example.net/a:1@sha256:{DIGEST}"),
            &format!("oci://registry.example.net/{long}:1"),
            &format!("oci://registry.example.net/a:{tag}"),
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
