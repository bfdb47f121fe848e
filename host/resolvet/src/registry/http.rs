//! One request and its response over a connection of its own: to an address that the gate lets through, bounded.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT},
    http::{response::Parts, uri::Scheme},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OnceCell,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{error::RegistryError, gate::Gate};
use crate::anchors::{self, AnchorsError};

/// How long one address may take to be connected to, before the next one is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// Octets of a response's head.
const HEAD_OCTETS: usize = 64 << 10;
/// Octets of what a registry says when it refuses.
const MESSAGE_OCTETS: usize = 8 << 10;
/// Characters of it that are shown.
const MESSAGE_SHOWN: usize = 200;
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("resolvet/", env!("CARGO_PKG_VERSION")));

/// What connects.
pub(super) struct Http {
    pub(super) gate: Gate,
    /// Hosts, with their ports, that are spoken to without TLS.
    pub(super) plain: Vec<String>,
    /// A file of trust anchors; `None` is the system's.
    pub(super) anchors: Option<PathBuf>,
    /// Made when TLS is spoken for the first time: a system's trust anchors are many.
    pub(super) tls: OnceCell<TlsConnector>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            gate,
            plain,
            anchors,
            tls: _,
        } = self;
        f.debug_struct("Http")
            .field("gate", gate)
            .field("plain", plain)
            .field("anchors", anchors)
            .finish_non_exhaustive()
    }
}

/// Where a request goes: a URI with a host, that somebody may be asked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(Uri);

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is answered; its body is read by [`Reply::read`].
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) head: Parts,
    authority: String,
    body: Incoming,
    _connection: Connection,
}

/// What moves the octets of a connection, as long as somebody wants them.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Place {
    /// This path at this authority.
    pub(super) fn at(http: &Http, authority: &str, path: &str) -> Result<Self, RegistryError> {
        let scheme = match http.is_plain(authority) {
            true => "http",
            false => "https",
        };
        let uri = format!("{scheme}://{authority}{path}");
        Self::read(http, authority, &uri)
    }

    /// What this authority says is a place: an absolute URI. Without TLS it must be one of those that the configuration lists.
    pub(super) fn read(http: &Http, authority: &str, uri: &str) -> Result<Self, RegistryError> {
        let wrong = |reason| RegistryError::Location {
            authority: authority.to_owned(),
            location: uri.chars().take(MESSAGE_SHOWN).collect(),
            reason,
        };
        let uri: Uri = uri.parse().map_err(|_| wrong("it is no URI"))?;
        let place = Self(uri);
        if place.host().is_empty() || place.authority().contains('@') {
            return Err(wrong("it has no host, or a user's name"));
        }
        match place.0.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(place),
            Some(scheme) if *scheme == Scheme::HTTP && http.is_plain(place.authority()) => {
                Ok(place)
            }
            _ => Err(wrong(
                "it is not https, and `registry.plain-http` does not have it",
            )),
        }
    }

    /// Where this place's answer leads.
    pub(super) fn next(&self, http: &Http, head: &Parts) -> Result<Self, RegistryError> {
        let location = head.headers.get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location = location.ok_or_else(|| RegistryError::Location {
            authority: self.authority().to_owned(),
            location: String::new(),
            reason: "the response has no `Location`",
        })?;
        match location.starts_with('/') && !location.starts_with("//") {
            true => {
                let scheme = self.0.scheme_str().unwrap_or("https");
                let uri = format!("{scheme}://{}{location}", self.authority());
                Self::read(http, self.authority(), &uri)
            }
            false => Self::read(http, self.authority(), location),
        }
    }

    /// The same place with one more part of its query.
    pub(super) fn with(&self, http: &Http, part: &str) -> Result<Self, RegistryError> {
        let mark = if self.0.query().is_some() { '&' } else { '?' };
        let uri = format!("{}{mark}{part}", self.0);
        Self::read(http, self.authority(), &uri)
    }

    pub(super) fn authority(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    fn is_tls(&self) -> bool {
        self.0.scheme() != Some(&Scheme::HTTP)
    }

    fn port(&self) -> u16 {
        let default = if self.is_tls() { 443 } else { 80 };
        self.0.port_u16().unwrap_or(default)
    }

    /// Whether credentials for the one are meant for the other.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        let origin = |place: &Self| (place.is_tls(), place.host().to_owned(), place.port());
        origin(self) == origin(other)
    }
}

impl Call {
    pub(super) fn new(method: Method, place: Place) -> Self {
        Self {
            method,
            place,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn get(place: Place) -> Self {
        Self::new(Method::GET, place)
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn with_body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

impl Http {
    fn is_plain(&self, authority: &str) -> bool {
        self.plain.iter().any(|plain| plain == authority)
    }

    /// Sends a request and gives the response's head. Says whether this machine answered.
    pub(super) async fn send(
        &self,
        call: &Call,
        may_be_local: bool,
    ) -> Result<(Reply, bool), RegistryError> {
        let place = &call.place;
        let addresses = self
            .gate
            .addresses(place.host(), place.port(), may_be_local)
            .await?;
        let failed = |reason: String| RegistryError::Connect {
            authority: place.authority().to_owned(),
            reason,
        };
        let mut last = String::new();
        for address in addresses {
            let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    last = format!("{address}: {error}");
                    continue;
                }
                Err(_) => {
                    let within = CONNECT.as_millis();
                    last = format!("{address}: TCP took longer than {within} ms");
                    continue;
                }
            };
            let is_local = address.ip().to_canonical().is_loopback();
            if !place.is_tls() {
                return Ok((speak(stream, call).await?, is_local));
            }
            let host = place.host().trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| failed(format!("`{host}` can be in no certificate")))?;
            let tls = self.tls.get_or_try_init(|| self.tls()).await?;
            let stream = tls.connect(name, stream).await;
            let stream = stream.map_err(|error| {
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
                failed(match cause {
                    Some(rustls::Error::InvalidMessage(_)) => format!(
                        "{address} does not speak TLS: a registry without it is named in `registry.plain-http`, or by --plain-http"
                    ),
                    _ => format!("TLS with {address}: {error}"),
                })
            })?;
            return Ok((speak(stream, call).await?, is_local));
        }
        Err(failed(last))
    }

    async fn tls(&self) -> Result<TlsConnector, RegistryError> {
        let anchors = match &self.anchors {
            Some(path) => anchors::certificates(path)?,
            None => anchors::from_system()?.certificates().to_vec(),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(anchors.iter().map(|der| der.to_vec().into()));
        let system = |error: rustls::Error| AnchorsError::System {
            reason: error.to_string(),
        };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(system)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// HTTP/1.1 over what is connected.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    call: &Call,
) -> Result<Reply, RegistryError> {
    let authority = call.place.authority().to_owned();
    let failed = |reason: String| RegistryError::Http {
        authority: authority.clone(),
        reason,
    };
    let broken = |error: hyper::Error| failed(error.to_string());
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_OCTETS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // How it ended is told by the exchange that needed it.
    let connection = Connection(tokio::spawn(async move {
        let _ended = connection.await;
    }));
    let path = call.place.0.path_and_query();
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(path.map_or("/", |path| path.as_str()))
        .body(Full::new(call.body.clone()))
        .map_err(|error| failed(error.to_string()))?;
    let headers = request.headers_mut();
    headers.clone_from(&call.headers);
    let host = HeaderValue::from_str(&authority).map_err(|error| failed(error.to_string()))?;
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, AGENT);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    Ok(Reply {
        head,
        authority,
        body,
        _connection: connection,
    })
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The body, which may have so many octets.
    pub(super) async fn read(
        self,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let authority = self.authority;
        match Limited::new(self.body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(error) if error.is::<LengthLimitError>() => Err(RegistryError::TooLarge {
                what,
                authority,
                limit: limit as u64,
            }),
            Err(error) => Err(RegistryError::Http {
                authority,
                reason: error.to_string(),
            }),
        }
    }

    /// The response, when it has one of these statuses.
    pub(super) async fn expect(
        self,
        what: &'static str,
        wanted: &[StatusCode],
    ) -> Result<Self, RegistryError> {
        let status = self.status();
        if wanted.contains(&status) {
            return Ok(self);
        }
        let authority = self.authority.clone();
        // What cannot be read is not told; the status is.
        let body = self.read("the refusal", MESSAGE_OCTETS).await;
        Err(RegistryError::Status {
            authority,
            status,
            what,
            message: message(&body.unwrap_or_default()),
        })
    }
}

/// What a refusal says (OCI distribution specification, "Error codes"), in printable characters.
fn message(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let first = value.get("errors").and_then(|errors| errors.get(0));
    let word = |name| first.and_then(|error| error.get(name)?.as_str());
    let words = [word("code"), word("message")];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let text = words.join(", ");
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(MESSAGE_SHOWN).collect()
}
