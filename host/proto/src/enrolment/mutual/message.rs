//! The six messages of RFC 8120 section 4, read from and written to header fields.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use thiserror::Error;

use super::{SCHEME, limits};
use crate::enrolment::authentication::{
    HeaderError,
    header::{self, Parameters, Writer},
    limits::{NAME_OCTETS, TEXT_OCTETS},
};

/// A message is not one of RFC 8120.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Its header field cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is of another version of the protocol.
    #[error("version `{presented}` of HTTP Mutual authentication, expected `1` (RFC 8120 4)")]
    Version {
        /// What stands there; empty for nothing.
        presented: String,
    },
    /// A mandatory parameter is missing.
    #[error("parameter `{name}` is missing (RFC 8120 4)")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter's value is not of its type or exceeds its limit.
    #[error("parameter `{name}` has no acceptable value (RFC 8120 3.2)")]
    Value {
        /// Its name.
        name: &'static str,
    },
    /// Parameters of two kinds of messages stand in one, or those of the other direction.
    #[error("parameter `{name}` does not belong into this message (RFC 8120 4)")]
    Exclusive {
        /// The name of one that should not be there.
        name: String,
    },
}

/// What a challenge or credentials are about: the parameters that stand in every message but the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The algorithm's name, in lower case.
    pub algorithm: String,
    /// The validation method's name, in lower case.
    pub validation: String,
    /// The auth-scope, if it stands there.
    pub auth_scope: Option<String>,
    /// The realm.
    pub realm: String,
}

/// What a WWW-Authenticate field says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge {
    /// 401-INIT or 401-STALE.
    Demand(Demand),
    /// 401-KEX-S1.
    Key(KeyAnswer),
}

/// 401-INIT, or 401-STALE when its reason is [`Reason::StaleSession`] (RFC 8120 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// What it is about.
    pub space: Space,
    /// Why.
    pub reason: Reason,
}

/// Why a server answers 401 (RFC 8120 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `initial`: nothing was tried.
    Initial,
    /// `stale-session`: the session is unknown or over.
    StaleSession,
    /// `auth-failed`: the proof was wrong.
    AuthFailed,
    /// `reauth-needed`: a new exchange is asked for.
    ReauthNeeded,
    /// `invalid-parameters`: the request's parameters were not accepted.
    InvalidParameters,
    /// `internal-error`: the server could not.
    InternalError,
    /// `authz-failed`: the user is authentic, and may not.
    AuthzFailed,
    /// Another one, in lower case, shortened to [`NAME_OCTETS`].
    Other(String),
}

/// 401-KEX-S1 (RFC 8120 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// What it is about.
    pub space: Space,
    /// The session identifier: hexadecimal digits, in lower case.
    pub sid: String,
    /// ks1, as text.
    pub ks1: String,
    /// The largest nonce number that may be used.
    pub nc_max: u32,
    /// How far nonce numbers may come out of order.
    pub nc_window: u32,
    /// For how long the session lives, seconds.
    pub time: u32,
}

/// What an Authorization field says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// req-KEX-C1.
    Key(KeyRequest),
    /// req-VFY-C.
    Proof(ProofRequest),
}

/// req-KEX-C1 (RFC 8120 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What it is about.
    pub space: Space,
    /// The user's name.
    pub user: String,
    /// kc1, as text.
    pub kc1: String,
}

/// req-VFY-C (RFC 8120 section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRequest {
    /// What it is about.
    pub space: Space,
    /// The session identifier: hexadecimal digits, in lower case.
    pub sid: String,
    /// The nonce number.
    pub nc: u32,
    /// vkc, as text.
    pub vkc: String,
}

/// 200-VFY-S (RFC 8120 section 4.5): an Authentication-Info field, whatever the response's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The session identifier: hexadecimal digits, in lower case.
    pub sid: String,
    /// vks, as text.
    pub vks: String,
}

impl Challenge {
    /// Reads the Mutual challenges among the values of WWW-Authenticate fields. Challenges of another version are left out
    /// as long as one of version 1 is there.
    ///
    /// # Errors
    /// A field cannot be read, a Mutual challenge breaks RFC 8120 section 4, or all are of another version. One wrong
    /// challenge makes the whole response unacceptable.
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
        let kind = kind(parameters, "reason", "vks", "ks", &["vkc", "kc"])?;
        let space = Space::read(parameters)?;
        if kind == Some(Kind::Proof) {
            return Err(MessageError::Exclusive { name: "vks".into() });
        }
        if kind == Some(Kind::Key) {
            return Ok(Self::Key(KeyAnswer {
                space,
                sid: sid(parameters)?,
                ks1: mandatory(parameters, "ks1")?.to_string(),
                nc_max: number(parameters, "nc-max")?,
                nc_window: number(parameters, "nc-window")?,
                time: number(parameters, "time")?,
            }));
        }
        Ok(Self::Demand(Demand {
            space,
            reason: Reason::read(mandatory(parameters, "reason")?),
        }))
    }

    /// The value of a WWW-Authenticate field.
    #[must_use]
    pub fn write(&self) -> String {
        let mut writer = Writer::with_scheme(SCHEME);
        match self {
            Self::Demand(Demand { space, reason }) => {
                space.write(&mut writer);
                writer.token("reason", reason.as_str());
            }
            Self::Key(answer) => {
                answer.space.write(&mut writer);
                writer.token("sid", &answer.sid);
                write_number(&mut writer, "ks1", &answer.ks1);
                writer.token("nc-max", &answer.nc_max.to_string());
                writer.token("nc-window", &answer.nc_window.to_string());
                writer.token("time", &answer.time.to_string());
            }
        }
        writer.finish()
    }
}

impl Credential {
    /// Reads the value of an Authorization field; `None` for another scheme than Mutual.
    ///
    /// # Errors
    /// The field cannot be read, or breaks RFC 8120 section 4.
    pub fn read(authorization: &[u8]) -> Result<Option<Self>, MessageError> {
        let Some(parameters) = header::credentials(SCHEME, authorization)? else {
            return Ok(None);
        };
        check_version(&parameters)?;
        let kind = kind(&parameters, "", "vkc", "kc", &["vks", "ks"])?;
        let space = Space::read(&parameters)?;
        if kind == Some(Kind::Proof) {
            return Ok(Some(Self::Proof(ProofRequest {
                space,
                sid: sid(&parameters)?,
                nc: number(&parameters, "nc")?,
                vkc: mandatory(&parameters, "vkc")?.to_string(),
            })));
        }
        Ok(Some(Self::Key(KeyRequest {
            space,
            user: text(&parameters, "user")?.ok_or(MessageError::Missing { name: "user" })?,
            kc1: mandatory(&parameters, "kc1")?.to_string(),
        })))
    }

    /// The value of an Authorization field.
    #[must_use]
    pub fn write(&self) -> String {
        let mut writer = Writer::with_scheme(SCHEME);
        match self {
            Self::Key(request) => {
                request.space.write(&mut writer);
                writer.text("user", &request.user);
                write_number(&mut writer, "kc1", &request.kc1);
            }
            Self::Proof(request) => {
                request.space.write(&mut writer);
                writer.token("sid", &request.sid);
                writer.token("nc", &request.nc.to_string());
                write_number(&mut writer, "vkc", &request.vkc);
            }
        }
        writer.finish()
    }
}

impl Proof {
    /// Reads the value of an Authentication-Info field. One that comes after the content (a trailer) must not be given here
    /// (RFC 8120 section 4.5).
    ///
    /// # Errors
    /// The field cannot be read, or breaks RFC 8120 section 4.
    pub fn read(authentication_info: &[u8]) -> Result<Self, MessageError> {
        let parameters = header::information(SCHEME, authentication_info)?;
        check_version(&parameters)?;
        kind(&parameters, "reason", "vks", "ks", &["vkc", "kc"])?;
        Ok(Self {
            sid: sid(&parameters)?,
            vks: mandatory(&parameters, "vks")?.to_string(),
        })
    }

    /// The value of an Authentication-Info field.
    #[must_use]
    pub fn write(&self) -> String {
        let mut writer = Writer::without_scheme();
        writer.token("version", "1");
        writer.token("sid", &self.sid);
        write_number(&mut writer, "vks", &self.vks);
        writer.finish()
    }
}

impl Space {
    fn read(parameters: &Parameters) -> Result<Self, MessageError> {
        let token = |name| {
            let value = mandatory(parameters, name)?;
            let good = value.len() <= NAME_OCTETS && value.is_ascii();
            good.then(|| value.to_ascii_lowercase())
                .ok_or(MessageError::Value { name })
        };
        // A realm never has the extended form (RFC 8120 section 3.1).
        if parameters.is_extended("realm") {
            return Err(MessageError::Value { name: "realm" });
        }
        Ok(Self {
            algorithm: token("algorithm")?,
            validation: token("validation")?,
            auth_scope: text(parameters, "auth-scope")?,
            realm: text(parameters, "realm")?.ok_or(MessageError::Missing { name: "realm" })?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.token("version", "1");
        writer.token("algorithm", &self.algorithm);
        writer.token("validation", &self.validation);
        if let Some(auth_scope) = &self.auth_scope {
            writer.text("auth-scope", auth_scope);
        }
        writer.string("realm", &self.realm);
    }
}

impl Reason {
    fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "initial" => Self::Initial,
            "stale-session" => Self::StaleSession,
            "auth-failed" => Self::AuthFailed,
            "reauth-needed" => Self::ReauthNeeded,
            "invalid-parameters" => Self::InvalidParameters,
            "internal-error" => Self::InternalError,
            "authz-failed" => Self::AuthzFailed,
            _ => Self::Other(text.chars().take(NAME_OCTETS).collect()),
        }
    }

    /// As it stands in a message.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initial => "initial",
            Self::StaleSession => "stale-session",
            Self::AuthFailed => "auth-failed",
            Self::ReauthNeeded => "reauth-needed",
            Self::InvalidParameters => "invalid-parameters",
            Self::InternalError => "internal-error",
            Self::AuthzFailed => "authz-failed",
            Self::Other(other) => other,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Demand,
    Proof,
    Key,
}

/// Which kind of message parameters belong to: `demand`, `proof` and every `key#` exclude one another, and those of the other
/// direction, in `never`, do not stand there at all (RFC 8120 section 4).
fn kind(
    parameters: &Parameters,
    demand: &str,
    proof: &str,
    key: &str,
    never: &[&str],
) -> Result<Option<Kind>, MessageError> {
    let mut found = None;
    for name in parameters.names() {
        let numbered = |prefix: &str| {
            let number = name.strip_prefix(prefix);
            number.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|o| o.is_ascii_digit()))
        };
        let kind = if name == demand {
            Kind::Demand
        } else if name == proof {
            Kind::Proof
        } else if numbered(key) {
            Kind::Key
        } else if never.iter().any(|never| name == *never || numbered(never)) {
            return Err(MessageError::Exclusive { name: name.into() });
        } else {
            continue;
        };
        if found.is_some() {
            return Err(MessageError::Exclusive { name: name.into() });
        }
        found = Some(kind);
    }
    Ok(found)
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

fn text(parameters: &Parameters, name: &'static str) -> Result<Option<String>, MessageError> {
    let Some(value) = parameters.get(name) else {
        return Ok(None);
    };
    if value.len() > TEXT_OCTETS {
        return Err(MessageError::Value { name });
    }
    Ok(Some(value.to_string()))
}

fn sid(parameters: &Parameters) -> Result<String, MessageError> {
    let sid = mandatory(parameters, "sid")?;
    let good = (1..=limits::SID_DIGITS).contains(&sid.len())
        && sid.bytes().all(|digit| digit.is_ascii_hexdigit());
    good.then(|| sid.to_ascii_lowercase())
        .ok_or(MessageError::Value { name: "sid" })
}

/// Decimal digits, without sign and without zeros before them (RFC 8120 section 3.2.3).
fn number(parameters: &Parameters, name: &'static str) -> Result<u32, MessageError> {
    let text = mandatory(parameters, name)?;
    let good =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    good.then(|| text.parse().ok())
        .flatten()
        .ok_or(MessageError::Value { name })
}

/// Hexadecimal digits as a token, base64 in quotation marks.
fn write_number(writer: &mut Writer, name: &str, value: &str) {
    if value.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        writer.token(name, value);
    } else {
        writer.string(name, value);
    }
}
