//! Requests and responses as values: what a driver sends and brings.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::limits;
use crate::judgement::Der;

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// GET.
    #[serde(rename = "GET")]
    Get,
    /// POST.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request. The driver adds Host and Content-Length and nothing that tells who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute path, with a query if there is one.
    pub path: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for GET.
    pub body: Der,
}

impl HttpRequest {
    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>, accept: &str) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            headers: [("accept".into(), accept.into())].into(),
            body: [].as_slice().into(),
        }
    }

    /// A POST.
    #[must_use]
    pub fn post(
        path: impl Into<String>,
        accept: &str,
        content_type: &str,
        body: impl Into<Der>,
    ) -> Self {
        Self {
            method: Method::Post,
            path: path.into(),
            headers: [
                ("accept".into(), accept.into()),
                ("content-type".into(), content_type.into()),
            ]
            .into(),
            body: body.into(),
        }
    }
}

/// A response. The driver has undone the transfer coding, followed nothing, and reads no more of a body than
/// [`limits::BODY_OCTETS`] and one octet, so that a body that is too large is seen as such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// Header fields in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Der,
}

impl HttpReply {
    /// A response of these parts.
    #[must_use]
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Der>) -> Self {
        Self {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.into(),
        }
    }

    /// The first header field of this name, whatever its case, among the first [`limits::HEADERS`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .take(limits::HEADERS)
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The media type without its parameters, in lower case; empty when there is none.
    #[must_use]
    pub fn media_type(&self) -> String {
        media_type(self.header("content-type").unwrap_or_default())
    }
}

/// The media type of a Content-Type without its parameters, in lower case.
pub(super) fn media_type(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// A parameter of a Content-Type (RFC 9110 section 5.6.6), quotes taken off.
pub(super) fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    let parameters = content_type.split(';').skip(1);
    let mut found = parameters.filter_map(|text| text.split_once('='));
    found
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}
