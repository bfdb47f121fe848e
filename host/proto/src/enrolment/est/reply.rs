//! What a response means: a pure function of operation, status, header fields, body and the time.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use thiserror::Error;

use super::{
    BodyError, CmsError, CsrAttributes, CsrAttributesError, Endpoint, EndpointError, HttpReply,
    MultipartError, Operation, Pal, PalError, certificates, crls, decode, http_date, limits,
    multipart::{Part, parts},
    pal_from_json, pal_from_xml,
};
use crate::{enrolment::quoted, judgement::Der};

/// What a server answered with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Certificates: of authorities, of peers, or the one that was issued.
    Certificates(Vec<Der>),
    /// Certificate revocation lists.
    Crls(Vec<Der>),
    /// What a request must hold.
    CsrAttributes(CsrAttributes),
    /// What there is to be had.
    Pal(Pal),
    /// A key that the server made, and its certificate. The key is a secret: it goes into a key store and nowhere else.
    GeneratedKey {
        /// A PKCS#8 key, or, when `encrypted`, CMS EnvelopedData that holds one.
        key: Der,
        /// Whether the key came encrypted (RFC 7030 section 4.4.1).
        encrypted: bool,
        /// The certificates.
        certificates: Vec<Der>,
    },
}

/// What a response means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is the answer.
    Answer(Answer),
    /// The server has nothing of this kind: 204, or 404 where the operation is optional (RFC 7030 section 4.5.2).
    Nothing,
    /// The same request is to be sent again later (RFC 7030 section 4.2.3).
    Pending {
        /// After so many seconds, at least [`limits::SHORTEST_WAIT`].
        seconds: u64,
    },
    /// The answer is elsewhere.
    Redirect {
        /// At which server.
        endpoint: Endpoint,
        /// At which path.
        path: String,
        /// Whether it is the server that was asked: only then it is followed silently (RFC 7030 section 3.2.1).
        same_origin: bool,
    },
    /// The server asks who is there.
    Unauthorized {
        /// The values of WWW-Authenticate.
        challenges: Vec<String>,
    },
}

/// A response cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The server refused or failed.
    #[error("`{operation}` was answered with status {status}{text} (RFC 7030 {section})")]
    Status {
        /// What was asked.
        operation: &'static str,
        /// The status.
        status: u16,
        /// What the server said, quoted, printable characters only; empty when it said nothing.
        text: String,
        /// The section that has the statuses.
        section: &'static str,
    },
    /// The media type is another.
    #[error("media type `{presented}`, expected `{expected}` (RFC 7030 3.2.2)")]
    ContentType {
        /// What came.
        presented: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The base64 layer.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The CMS layer.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// CSR attributes.
    #[error(transparent)]
    CsrAttributes(#[from] CsrAttributesError),
    /// A package availability list.
    #[error(transparent)]
    Pal(#[from] PalError),
    /// A multipart body.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    /// A multipart body without a part that belongs there.
    #[error("the multipart body has no part `{expected}` (RFC 7030 4.4.2)")]
    Part {
        /// The part's media type.
        expected: &'static str,
    },
    /// A redirect that leads nowhere.
    #[error("status {status} without a usable Location: {reason} (RFC 9110 15.4)")]
    Location {
        /// The status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// 202 to something that cannot be pending.
    #[error(
        "`{operation}` was answered with 202, which is for requests that are posted (RFC 7030 4.2.3)"
    )]
    Pending {
        /// What was asked.
        operation: &'static str,
    },
}

/// What every response is first, whatever was asked.
pub(in crate::enrolment) enum Class {
    Success,
    Pending { seconds: u64 },
    Redirect { endpoint: Endpoint, path: String },
    Unauthorized { challenges: Vec<String> },
    Other,
}

/// Reads status, Location, Retry-After and WWW-Authenticate.
pub(in crate::enrolment) fn class(
    asked: &Endpoint,
    reply: &HttpReply,
    now: u64,
) -> Result<Class, ReplyError> {
    match reply.status {
        200 => Ok(Class::Success),
        202 => Ok(Class::Pending {
            seconds: retry_after(reply.header("retry-after"), now),
        }),
        status @ (301 | 302 | 303 | 307 | 308) => {
            let wrong = |reason: String| ReplyError::Location { status, reason };
            let location = reply
                .header("location")
                .ok_or_else(|| wrong("there is none".into()))?;
            let (endpoint, path) = asked
                .resolve(location)
                .map_err(|error: EndpointError| wrong(error.to_string()))?;
            Ok(Class::Redirect { endpoint, path })
        }
        401 => {
            let fields = reply.headers.iter().take(limits::HEADERS);
            let challenges = fields
                .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
                .map(|(_, value)| value.clone());
            Ok(Class::Unauthorized {
                challenges: challenges.collect(),
            })
        }
        _ => Ok(Class::Other),
    }
}

/// What the server says in an error's body: it is for a person (RFC 7030 section 4.2.3), so it is short and printable.
pub(in crate::enrolment) fn said(reply: &HttpReply) -> String {
    if !reply.media_type().starts_with("text/plain") {
        return String::new();
    }
    let text = String::from_utf8_lossy(reply.body.get(..512).unwrap_or(&reply.body)).to_string();
    let text = quoted(text.trim(), 200);
    if text.is_empty() {
        return text;
    }
    alloc::format!(": `{text}`")
}

/// Seconds to wait: a number, or a date that is taken from now (RFC 9110 section 10.2.3).
fn retry_after(value: Option<&str>, now: u64) -> u64 {
    let wait = match value {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|d| d.is_ascii_digit()) => {
            digits.parse().unwrap_or(u64::MAX)
        }
        Some(date) => {
            http_date(date).map_or(limits::DEFAULT_WAIT, |until| until.saturating_sub(now))
        }
        None => limits::DEFAULT_WAIT,
    };
    wait.max(limits::SHORTEST_WAIT)
}

/// What a response to `operation`, asked at `asked`, means.
///
/// # Errors
/// Each way in which it cannot be used has a variant of [`ReplyError`].
pub fn classify(
    operation: Operation,
    asked: &Endpoint,
    reply: &HttpReply,
    now: u64,
) -> Result<Outcome, ReplyError> {
    match class(asked, reply, now)? {
        Class::Success => answer(operation, reply).map(Outcome::Answer),
        Class::Pending { seconds } => match operation {
            Operation::SimpleEnroll | Operation::SimpleReenroll | Operation::ServerKeyGen => {
                Ok(Outcome::Pending { seconds })
            }
            _ => Err(ReplyError::Pending {
                operation: operation.name(),
            }),
        },
        Class::Redirect { endpoint, path } => Ok(Outcome::Redirect {
            same_origin: endpoint == *asked,
            endpoint,
            path,
        }),
        Class::Unauthorized { challenges } => Ok(Outcome::Unauthorized { challenges }),
        Class::Other => {
            let optional = matches!(
                operation,
                Operation::CsrAttrs | Operation::EeCerts | Operation::Crls | Operation::Pal
            );
            match reply.status {
                204 | 404 if optional => Ok(Outcome::Nothing),
                status => Err(ReplyError::Status {
                    operation: operation.name(),
                    status,
                    text: said(reply),
                    section: section(operation),
                }),
            }
        }
    }
}

const fn section(operation: Operation) -> &'static str {
    match operation {
        Operation::CaCerts | Operation::EeCerts | Operation::Crls | Operation::Pal => "4.1.3",
        Operation::SimpleEnroll | Operation::SimpleReenroll => "4.2.3",
        Operation::ServerKeyGen => "4.4.2",
        Operation::CsrAttrs => "4.5.2",
    }
}

fn answer(operation: Operation, reply: &HttpReply) -> Result<Answer, ReplyError> {
    let presented = reply.media_type();
    let wrong = |expected| {
        Err(ReplyError::ContentType {
            presented: quoted(&presented, 100),
            expected,
        })
    };
    let pkcs7 = matches!(
        presented.as_str(),
        // The third is what RFC 8295 appendix A prints.
        "application/pkcs7-mime" | "application/x-pkcs7-mime" | "application/pkcs7-smime"
    );
    match operation {
        Operation::CaCerts
        | Operation::EeCerts
        | Operation::SimpleEnroll
        | Operation::SimpleReenroll => {
            if !pkcs7 {
                return wrong("application/pkcs7-mime");
            }
            let cms = decode(&reply.body, limits::CERTIFICATES_OCTETS)?;
            Ok(Answer::Certificates(certificates(&cms)?))
        }
        Operation::Crls => {
            if !pkcs7 {
                return wrong("application/pkcs7-mime");
            }
            Ok(Answer::Crls(crls(&decode(
                &reply.body,
                limits::BODY_OCTETS,
            )?)?))
        }
        Operation::CsrAttrs => {
            if presented != "application/csrattrs" {
                return wrong("application/csrattrs");
            }
            // An empty body stands for no attributes on servers that know no 204.
            if reply.body.trim_ascii().is_empty() {
                return Ok(Answer::CsrAttributes(CsrAttributes::default()));
            }
            let der = decode(&reply.body, limits::CSR_ATTRIBUTES_OCTETS)?;
            Ok(Answer::CsrAttributes(CsrAttributes::from_der(&der)?))
        }
        Operation::Pal => match presented.as_str() {
            "application/json" => Ok(Answer::Pal(pal_from_json(&reply.body)?)),
            "application/xml" | "text/xml" => Ok(Answer::Pal(pal_from_xml(&reply.body)?)),
            _ => wrong("application/json"),
        },
        Operation::ServerKeyGen => {
            if presented != "multipart/mixed" {
                return wrong("multipart/mixed");
            }
            let content_type = reply.header("content-type").unwrap_or_default();
            generated_key(&parts(content_type, &reply.body)?)
        }
    }
}

fn generated_key(parts: &[Part<'_>]) -> Result<Answer, ReplyError> {
    let find = |expected: &'static str, is: &dyn Fn(&Part<'_>) -> bool| {
        let part = parts.iter().find(|part| is(part));
        part.ok_or(ReplyError::Part { expected })
    };
    let cms_of = |part: &Part<'_>, kind: &str| {
        part.media_type() == "application/pkcs7-mime"
            && part
                .parameter("smime-type")
                .is_some_and(|presented| presented.eq_ignore_ascii_case(kind))
    };
    let plain = |part: &Part<'_>| part.media_type() == "application/pkcs8";
    let enveloped = |part: &Part<'_>| cms_of(part, "server-generated-key");
    let key = find("application/pkcs8", &|part| plain(part) || enveloped(part))?;
    let certs = find("application/pkcs7-mime; smime-type=certs-only", &|part| {
        cms_of(part, "certs-only")
            || (part.media_type() == "application/pkcs7-mime"
                && part.parameter("smime-type").is_none())
    })?;
    Ok(Answer::GeneratedKey {
        key: decode(key.body, limits::CERTIFICATES_OCTETS)?.into(),
        encrypted: enveloped(key),
        certificates: certificates(&decode(certs.body, limits::CERTIFICATES_OCTETS)?)?,
    })
}
