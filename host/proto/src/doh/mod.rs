//! DNS over HTTPS (RFC 8484), as far as it is neither HTTP/2 nor HTTP/3: where requests go, and what responses mean.

mod reply;

use alloc::string::String;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub use reply::{Head, ReplyError};

use crate::discovery::Template;

/// The media type of queries and answers (RFC 8484 section 6).
pub const MEDIA_TYPE: &str = "application/dns-message";
/// Octets of a body that are read: a message has at most so many.
pub const BODY_OCTETS: usize = 65_535;
/// The longest that a server's wish to be left alone is heeded, seconds. Beyond it the server is tried again.
pub const LONGEST_WAIT: u64 = 3_600;

/// How a query is sent (RFC 8484 section 4.1). A server must understand both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// In the body: shorter, and no cache between keeps it.
    #[default]
    Post,
    /// In the URI, which caches can keep.
    Get,
}

impl Method {
    /// Path and query of a request for this DNS query. A GET holds it in base64url without padding; a POST has no variable
    /// that is defined (RFC 8484 section 4.1).
    #[must_use]
    pub fn target(self, template: &Template, query: &[u8]) -> String {
        match self {
            Self::Post => template.expand(None),
            Self::Get => template.expand(Some(&URL_SAFE_NO_PAD.encode(query))),
        }
    }
}
