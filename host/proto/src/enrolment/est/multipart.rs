//! `multipart/mixed` as `/serverkeygen` answers (RFC 7030 section 4.4.2, RFC 2046 section 5.1): few parts, no nesting.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use thiserror::Error;

use super::{http, limits};

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The whole Content-Type; empty when the part says none.
    pub content_type: String,
    /// What follows the part's header.
    pub body: &'a [u8],
}

impl Part<'_> {
    /// The media type without parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> String {
        http::media_type(&self.content_type)
    }

    /// A parameter of the Content-Type.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        http::parameter(&self.content_type, name)
    }
}

/// A body is no multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The Content-Type names no boundary, or one that cannot be.
    #[error("`{content_type}` names no boundary of 1 to 70 characters (RFC 2046 5.1.1)")]
    Boundary {
        /// The Content-Type.
        content_type: String,
    },
    /// The last boundary is missing: the body was cut off.
    #[error("the multipart body has no final boundary (RFC 2046 5.1.1)")]
    Unfinished,
    /// A part has no empty line between header and body.
    #[error("a part has no empty line after its header (RFC 2046 5.1)")]
    Header,
    /// More parts than are read.
    #[error("the multipart body has more than {limit} parts")]
    TooMany {
        /// How many are read.
        limit: usize,
    },
}

/// The parts of a body, lines ended by CRLF or LF.
///
/// # Errors
/// There is no boundary, no end, or there are too many parts.
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, MultipartError> {
    let boundary = http::parameter(content_type, "boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()))
        .ok_or_else(|| MultipartError::Boundary {
            content_type: content_type.escape_debug().take(200).collect(),
        })?;
    let delimiter = format!("--{boundary}");
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|&octet| octet == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default().trim_ascii_end();
        let last = line.strip_prefix(delimiter.as_bytes()) == Some(b"--".as_slice());
        if last || line == delimiter.as_bytes() {
            if let Some(start) = start {
                if found.len() >= limits::PARTS {
                    return Err(MultipartError::TooMany {
                        limit: limits::PARTS,
                    });
                }
                found.push(part(body.get(start..at).unwrap_or_default())?);
            }
            if last {
                return Ok(found);
            }
            start = Some(at + length);
        }
        at += length;
    }
    Err(MultipartError::Unfinished)
}

/// The header fields and the body of one part; the line end before the next boundary belongs to the boundary.
fn part(octets: &[u8]) -> Result<Part<'_>, MultipartError> {
    let mut content_type = String::new();
    let mut rest = octets;
    for _ in 0..limits::HEADERS {
        let end = rest
            .iter()
            .position(|&octet| octet == b'\n')
            .ok_or(MultipartError::Header)?;
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
        let line = String::from_utf8_lossy(line.trim_ascii_end()).to_string();
        rest = after;
        if line.is_empty() {
            let body = rest.strip_suffix(b"\n").unwrap_or(rest);
            let body = body.strip_suffix(b"\r").unwrap_or(body);
            return Ok(Part { content_type, body });
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-type")
        {
            content_type = value.trim().to_owned();
        }
    }
    Err(MultipartError::Header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/mixed ; boundary=estServerExampleBoundary";

    #[test]
    fn the_parts_of_rfc_7030_are_read() {
        let body = b"preamble\r\n--estServerExampleBoundary\r\nContent-Type: application/pkcs8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\nBBBB\r\n--estServerExampleBoundary\r\n\
            Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n\r\nCCCC\r\n\
            --estServerExampleBoundary--\r\nepilogue";
        let parts = parts(TYPE, body).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].media_type(), "application/pkcs8");
        assert_eq!(parts[0].body, b"AAAA\r\nBBBB");
        assert_eq!(parts[1].parameter("smime-type"), Some("certs-only"));
        assert_eq!(parts[1].body, b"CCCC");
    }

    #[test]
    fn what_is_no_multipart_body_is_refused() {
        assert!(matches!(
            parts("multipart/mixed", b""),
            Err(MultipartError::Boundary { .. })
        ));
        assert_eq!(
            parts(TYPE, b"--estServerExampleBoundary\r\n\r\nAAAA"),
            Err(MultipartError::Unfinished)
        );
        assert_eq!(
            parts("x; boundary=b", b"--b\nAAAA\n--b--\n"),
            Err(MultipartError::Header)
        );
        let many = b"--b\n\nA\n".repeat(6);
        assert_eq!(
            parts("x; boundary=b", &many),
            Err(MultipartError::TooMany { limit: 4 })
        );
    }
}
