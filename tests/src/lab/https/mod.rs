//! HTTPS on loopback, as far as enrolment needs it: a server whose handlers see the connection's certificates and exporter,
//! and a plain client.

pub mod client;
pub mod server;

pub use client::Client;
pub use server::{Handler, Server};

/// Label of the TLS exporter that binds messages to a connection (RFC 9266 section 4).
pub(crate) const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";

/// A request as a handler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// Header fields in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Header fields in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The connection that a request came over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Counts connections, from 0.
    pub number: usize,
    /// The server's own end-entity certificate on it, DER.
    pub server_certificate: Vec<u8>,
    /// The client's certificates, end entity first; empty when it showed none. The server has validated them.
    pub client_certificates: Vec<Vec<u8>>,
    /// The version of TLS, in the words of rustls.
    pub version: String,
    /// The exporter's 32 octets, with TLS 1.3 (RFC 9266).
    pub exporter: Option<[u8; 32]>,
}

impl Request {
    /// The first header field of this name, which stands here in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl Response {
    /// A status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// 200 with a body of this media type.
    #[must_use]
    pub fn ok(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(200)
            .with("content-type", media_type)
            .containing(body)
    }

    /// A status with words for a person, as a diagnosis.
    #[must_use]
    pub fn text(status: u16, text: &str) -> Self {
        Self::status(status)
            .with("content-type", "text/plain; charset=utf-8")
            .containing(text)
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn containing(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header field of this name, which stands here in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
