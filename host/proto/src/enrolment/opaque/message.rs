//! The messages of the profile, read from and written to header fields.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;

use super::{SCHEME, limits};
use crate::enrolment::authentication::{
    HeaderError,
    header::{self, Parameters, Writer},
    limits::{NAME_OCTETS, TEXT_OCTETS},
};

/// A message is not one of the profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Its header field cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is of another version of the profile.
    #[error("version `{}` of OPAQUE over HTTP, expected `1`", .presented.escape_debug())]
    Version {
        /// What stands there; empty for nothing.
        presented: String,
    },
    /// A mandatory parameter is missing.
    #[error("parameter `{name}` is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter's value is not of its type or length.
    #[error("parameter `{name}` has no acceptable value")]
    Value {
        /// Its name.
        name: &'static str,
    },
    /// Parameters of two kinds of messages stand in one, or those of the other direction.
    #[error("parameter `{name}` does not belong into this message")]
    Exclusive {
        /// The name of one that should not be there.
        name: &'static str,
    },
}

/// What a WWW-Authenticate field says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge {
    /// The server asks for a login.
    Demand(Demand),
    /// The server's answer to KE1.
    Ke2(Ke2),
}

/// The server asks for a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The realm, which is the server's identity.
    pub realm: String,
    /// Why.
    pub reason: Reason,
}

/// The server's answer to KE1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ke2 {
    /// The realm.
    pub realm: String,
    /// KE2.
    pub ke2: Vec<u8>,
    /// SHA-256 of KE1 and KE2, as the server has them.
    pub digest: [u8; limits::DIGEST_OCTETS],
}

/// Why a server answers 401.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `initial`: nothing was tried.
    Initial,
    /// `auth-failed`: KE3 or a proof was wrong.
    AuthFailed,
    /// `throttled`: too many guesses for this name.
    Throttled,
    /// `stale-session`: nobody has logged in on this connection, or no more.
    StaleSession,
    /// `invalid-parameters`: the request's parameters were not accepted.
    InvalidParameters,
    /// Another one, in lower case, shortened to [`NAME_OCTETS`].
    Other(String),
}

/// What an Authorization field says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// KE1.
    Ke1(Ke1),
    /// KE3.
    Ke3(Ke3),
    /// The proof of a later request.
    Proof(Proof),
}

/// KE1 and who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ke1 {
    /// The realm.
    pub realm: String,
    /// The user's name.
    pub user: String,
    /// KE1.
    pub ke1: Vec<u8>,
}

/// KE3, which makes its request number 1 of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ke3 {
    /// The realm.
    pub realm: String,
    /// KE3.
    pub ke3: Vec<u8>,
}

/// That a later request comes from who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The realm.
    pub realm: String,
    /// The request's number in the session, from 2.
    pub nc: u32,
    /// The proof.
    pub proof: [u8; limits::DIGEST_OCTETS],
}

/// An Authentication-Info field: that a response comes from who was logged in at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Information {
    /// The request's number.
    pub nc: u32,
    /// The proof.
    pub proof: [u8; limits::DIGEST_OCTETS],
}

impl Challenge {
    /// Reads the OPAQUE challenges among the values of WWW-Authenticate fields. Challenges of another version are left out
    /// as long as one of version 1 is there.
    ///
    /// # Errors
    /// A field cannot be read, an OPAQUE challenge breaks the profile, or all are of another version.
    pub fn read_all(www_authenticate: &[&[u8]]) -> Result<Vec<Self>, MessageError> {
        let mut other_version = None;
        let mut challenges = Vec::new();
        for parameters in header::challenges(SCHEME, www_authenticate)? {
            match Self::read(&parameters) {
                Err(error @ MessageError::Version { .. }) => other_version = Some(error),
                challenge => challenges.push(challenge?),
            }
        }
        match other_version {
            Some(error) if challenges.is_empty() => Err(error),
            _ => Ok(challenges),
        }
    }

    fn read(parameters: &Parameters) -> Result<Self, MessageError> {
        check_version(parameters)?;
        let realm = realm(parameters)?;
        match one_of(
            parameters,
            ["reason", "ke2"],
            &["ke1", "ke3", "nc", "proof"],
        )? {
            "ke2" => Ok(Self::Ke2(Ke2 {
                realm,
                ke2: octets(parameters, "ke2", limits::KE2_OCTETS)?,
                digest: digest(parameters, "digest")?,
            })),
            _ => Ok(Self::Demand(Demand {
                realm,
                reason: Reason::read(mandatory(parameters, "reason")?),
            })),
        }
    }

    /// The value of a WWW-Authenticate field.
    #[must_use]
    pub fn write(&self) -> String {
        let (mut writer, realm) = match self {
            Self::Demand(demand) => (writer(), &demand.realm),
            Self::Ke2(answer) => (writer(), &answer.realm),
        };
        writer.string("realm", realm);
        match self {
            Self::Demand(demand) => writer.token("reason", demand.reason.as_str()),
            Self::Ke2(answer) => {
                writer.string("ke2", &STANDARD.encode(&answer.ke2));
                writer.string("digest", &STANDARD.encode(answer.digest));
            }
        }
        writer.finish()
    }
}

impl Credential {
    /// Reads the value of an Authorization field; `None` for another scheme than OPAQUE.
    ///
    /// # Errors
    /// The field cannot be read, or breaks the profile.
    pub fn read(authorization: &[u8]) -> Result<Option<Self>, MessageError> {
        let Some(parameters) = header::credentials(SCHEME, authorization)? else {
            return Ok(None);
        };
        check_version(&parameters)?;
        let realm = realm(&parameters)?;
        let kind = one_of(
            &parameters,
            ["ke1", "ke3", "proof"],
            &["reason", "ke2", "digest"],
        )?;
        Ok(Some(match kind {
            "ke1" => Self::Ke1(Ke1 {
                realm,
                user: text(&parameters, "user")?,
                ke1: octets(&parameters, "ke1", limits::KE1_OCTETS)?,
            }),
            "ke3" => Self::Ke3(Ke3 {
                realm,
                ke3: octets(&parameters, "ke3", limits::KE3_OCTETS)?,
            }),
            _ => Self::Proof(Proof {
                realm,
                nc: number(&parameters, "nc")?,
                proof: digest(&parameters, "proof")?,
            }),
        }))
    }

    /// The value of an Authorization field.
    #[must_use]
    pub fn write(&self) -> String {
        let mut writer = writer();
        match self {
            Self::Ke1(request) => {
                writer.string("realm", &request.realm);
                writer.text("user", &request.user);
                writer.string("ke1", &STANDARD.encode(&request.ke1));
            }
            Self::Ke3(request) => {
                writer.string("realm", &request.realm);
                writer.string("ke3", &STANDARD.encode(&request.ke3));
            }
            Self::Proof(request) => {
                writer.string("realm", &request.realm);
                writer.token("nc", &request.nc.to_string());
                writer.string("proof", &STANDARD.encode(request.proof));
            }
        }
        writer.finish()
    }
}

impl Information {
    /// Reads the value of an Authentication-Info field.
    ///
    /// # Errors
    /// The field cannot be read, or breaks the profile.
    pub fn read(authentication_info: &[u8]) -> Result<Self, MessageError> {
        let parameters = header::information(SCHEME, authentication_info)?;
        check_version(&parameters)?;
        Ok(Self {
            nc: number(&parameters, "nc")?,
            proof: digest(&parameters, "proof")?,
        })
    }

    /// The value of an Authentication-Info field.
    #[must_use]
    pub fn write(&self) -> String {
        let mut writer = Writer::without_scheme();
        writer.token("version", "1");
        writer.token("nc", &self.nc.to_string());
        writer.string("proof", &STANDARD.encode(self.proof));
        writer.finish()
    }
}

impl Reason {
    fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "initial" => Self::Initial,
            "auth-failed" => Self::AuthFailed,
            "throttled" => Self::Throttled,
            "stale-session" => Self::StaleSession,
            "invalid-parameters" => Self::InvalidParameters,
            _ => Self::Other(text.chars().take(NAME_OCTETS).collect()),
        }
    }

    /// As it stands in a message.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initial => "initial",
            Self::AuthFailed => "auth-failed",
            Self::Throttled => "throttled",
            Self::StaleSession => "stale-session",
            Self::InvalidParameters => "invalid-parameters",
            Self::Other(other) => other,
        }
    }
}

fn writer() -> Writer {
    let mut writer = Writer::with_scheme(SCHEME);
    writer.token("version", "1");
    writer
}

/// Which one of the parameters stands there that tell messages apart; those of the other direction, in `never`, must not.
fn one_of<const N: usize>(
    parameters: &Parameters,
    kinds: [&'static str; N],
    never: &[&'static str],
) -> Result<&'static str, MessageError> {
    let is_there = |name: &&&'static str| parameters.get(name).is_some();
    if let Some(name) = never.iter().find(is_there) {
        return Err(MessageError::Exclusive { name });
    }
    let mut found = kinds.iter().filter(is_there);
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (_, Some(name)) => Err(MessageError::Exclusive { name }),
        (None, None) => Err(MessageError::Missing {
            name: kinds.first().copied().unwrap_or_default(),
        }),
    }
}

fn check_version(parameters: &Parameters) -> Result<(), MessageError> {
    match parameters.get("version") {
        Some("1") => Ok(()),
        other => Err(MessageError::Version {
            presented: other
                .unwrap_or_default()
                .chars()
                .take(NAME_OCTETS)
                .collect(),
        }),
    }
}

fn mandatory<'a>(parameters: &'a Parameters, name: &'static str) -> Result<&'a str, MessageError> {
    parameters.get(name).ok_or(MessageError::Missing { name })
}

fn text(parameters: &Parameters, name: &'static str) -> Result<String, MessageError> {
    let value = mandatory(parameters, name)?;
    let good = (1..=TEXT_OCTETS).contains(&value.len());
    good.then(|| value.to_string())
        .ok_or(MessageError::Value { name })
}

fn realm(parameters: &Parameters) -> Result<String, MessageError> {
    // A realm never has the extended form (RFC 9110 section 11.5).
    if parameters.is_extended("realm") {
        return Err(MessageError::Value { name: "realm" });
    }
    text(parameters, "realm")
}

/// Base64 with padding of exactly so many octets.
fn octets(
    parameters: &Parameters,
    name: &'static str,
    expected: usize,
) -> Result<Vec<u8>, MessageError> {
    let decoded = STANDARD.decode(mandatory(parameters, name)?);
    let octets = decoded.map_err(|_| MessageError::Value { name })?;
    if octets.len() != expected {
        return Err(MessageError::Value { name });
    }
    Ok(octets)
}

fn digest(
    parameters: &Parameters,
    name: &'static str,
) -> Result<[u8; limits::DIGEST_OCTETS], MessageError> {
    let octets = octets(parameters, name, limits::DIGEST_OCTETS)?;
    <[u8; limits::DIGEST_OCTETS]>::try_from(octets).map_err(|_| MessageError::Value { name })
}

/// Decimal digits, from 1, without sign and without zeros before them.
fn number(parameters: &Parameters, name: &'static str) -> Result<u32, MessageError> {
    let text = mandatory(parameters, name)?;
    let good = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
    good.then(|| text.parse().ok())
        .flatten()
        .ok_or(MessageError::Value { name })
}
