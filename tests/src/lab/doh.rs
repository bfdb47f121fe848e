//! A DNS over HTTPS server (RFC 8484) on loopback, by HTTP/2, with the zones of a responder and the faults of a bad web
//! server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ca::Identity;
use super::dns::{Journal, Responder, Transport, lock};
use super::dot::{Versions, bind};
use super::https;
use super::running::Running;

/// Where queries go.
pub const PATH: &str = "/dns-query";
/// The same as a URI template.
pub const TEMPLATE: &str = "/dns-query{?dns}";
/// The media type of queries and answers.
const MEDIA_TYPE: &str = "application/dns-message";
/// Octets of a request's body that are read.
const BODY_OCTETS: usize = 65_535;

/// What the server does wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpFault {
    /// Nothing.
    #[default]
    None,
    /// A status, and header fields with it, in the place of an answer.
    Status(u16, Vec<(&'static str, String)>),
    /// A right answer under another media type.
    MediaType(&'static str),
    /// A right answer that says how long caches kept it.
    Age(&'static str),
    /// A body of so many octets in the place of an answer.
    Oversize(usize),
    /// A body that is no message.
    Garbage(Vec<u8>),
    /// The answer is for another identifier: not the 0 that came.
    Identifier,
    /// The connection ends in the place of an answer.
    Dies,
    /// Half of the answer comes, and then the end of the stream.
    Half,
    /// Nothing is answered.
    Silent,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Authority of the URI.
    pub authority: String,
    /// Path and query part.
    pub target: String,
    /// Header fields in their order.
    pub headers: Vec<(String, String)>,
    /// The query in it.
    pub query: Vec<u8>,
}

/// What a server over HTTP has, whichever version.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) responder: Arc<Responder>,
    pub(crate) fault: Mutex<HttpFault>,
    pub(crate) asked: Mutex<Vec<Asked>>,
}

/// What is answered.
pub(crate) enum Reaction {
    /// A response.
    Answer(hyper::Response<Bytes>),
    /// A response of which half comes.
    Half(hyper::Response<Bytes>),
    /// The end of the connection.
    Die,
    /// Nothing, for ever.
    Wait,
}

impl Web {
    pub(crate) fn new(responder: Arc<Responder>) -> Self {
        Self {
            responder,
            fault: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// Reacts to a request.
    pub(crate) async fn react(
        &self,
        head: &hyper::http::request::Parts,
        body: Bytes,
        transport: Transport,
    ) -> Result<Reaction> {
        let get = head
            .uri
            .query()
            .and_then(|query| query.strip_prefix("dns="));
        let query = match (head.method.as_str(), get) {
            ("GET", Some(query)) => URL_SAFE_NO_PAD.decode(query).unwrap_or_default(),
            ("POST", _) => body.to_vec(),
            _ => return answer(405, &[], Bytes::new()),
        };
        let text = |value: &hyper::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        lock(&self.asked).push(Asked {
            method: head.method.to_string(),
            authority: head
                .uri
                .authority()
                .map(ToString::to_string)
                .unwrap_or_default(),
            target: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            query: query.clone(),
        });
        if head.uri.path() != PATH {
            return answer(404, &[], Bytes::new());
        }
        let fault = lock(&self.fault).clone();
        match &fault {
            HttpFault::Status(status, fields) => {
                let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
                return answer(*status, &fields, Bytes::new());
            }
            HttpFault::Oversize(octets) => {
                let fields = [("content-type", MEDIA_TYPE)];
                return answer(200, &fields, vec![0; *octets].into());
            }
            HttpFault::Garbage(octets) => {
                let fields = [("content-type", MEDIA_TYPE)];
                return answer(200, &fields, octets.clone().into());
            }
            HttpFault::Dies => return Ok(Reaction::Die),
            HttpFault::Silent => return Ok(Reaction::Wait),
            _ => {}
        }
        let reply = self.responder.reply(&query, transport);
        reply.wait().await;
        let Some(mut message) = reply.messages.into_iter().next() else {
            return Ok(Reaction::Wait);
        };
        let mut fields = vec![("content-type", MEDIA_TYPE)];
        match &fault {
            HttpFault::MediaType(other) => fields = vec![("content-type", other)],
            HttpFault::Age(age) => fields.push(("age", age)),
            HttpFault::Identifier => {
                if let Some(id) = message.first_mut() {
                    *id ^= 0xff;
                }
            }
            _ => {}
        }
        let answered = answer(200, &fields, message.into())?;
        Ok(match (fault, answered) {
            (HttpFault::Half, Reaction::Answer(response)) => Reaction::Half(response),
            (_, answered) => answered,
        })
    }
}

/// A body that can end early.
struct Octets {
    whole: Option<Bytes>,
    half: bool,
}

impl hyper::body::Body for Octets {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(whole) = self.whole.take() else {
            let end = self
                .half
                .then(|| Err(io::ErrorKind::ConnectionReset.into()));
            return Poll::Ready(end);
        };
        let length = if self.half {
            whole.len() / 2
        } else {
            whole.len()
        };
        Poll::Ready(Some(Ok(Frame::data(whole.slice(..length)))))
    }
}

fn answer(status: u16, fields: &[(&str, &str)], body: Bytes) -> Result<Reaction> {
    let mut builder = hyper::Response::builder().status(status);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    Ok(Reaction::Answer(builder.body(body)?))
}

/// A DNS over HTTPS server; dropping it stops it.
#[derive(Debug)]
pub struct Doh {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    _running: Running,
}

#[derive(Debug)]
struct Shared {
    web: Web,
    config: Mutex<Arc<ServerConfig>>,
}

impl Doh {
    /// Starts a server on a free port of 127.0.0.1, and on the same port of ::1 where there is one.
    ///
    /// # Errors
    /// When no port or thread is to be had, or rustls cannot sign with the identity's key.
    pub fn start(responder: Arc<Responder>, identity: &Identity) -> Result<Self> {
        let listeners = bind()?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            web: Web::new(responder),
            config: Mutex::new(config(identity, &[b"h2"])?),
        });
        let serving = Arc::clone(&shared);
        let running = Running::serving("lab-doh", listeners, move |stream| {
            serve(stream, Arc::clone(&serving))
        })?;
        Ok(Self {
            addresses,
            shared,
            _running: running,
        })
    }

    /// Its port, the same on every address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Does this wrong from now on.
    pub fn fail(&self, fault: HttpFault) {
        *lock(&self.shared.web.fault) = fault;
    }

    /// Speaks HTTP/1.1 alone to those who connect from now on.
    ///
    /// # Errors
    /// When rustls cannot sign with the identity's key.
    pub fn without_http2(&self, identity: &Identity) -> Result<()> {
        *lock(&self.shared.config) = config(identity, &[b"http/1.1"])?;
        Ok(())
    }

    /// What was asked, as DNS.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.shared.web.responder.journal()
    }

    /// What was asked, as HTTP.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.web.asked).clone()
    }
}

fn config(identity: &Identity, alpn: &[&[u8]]) -> Result<Arc<ServerConfig>> {
    let mut config = (*https::server::config(identity, Versions::Both, &[])?).clone();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Accepts connections for ever.
/// One connection, from the handshake to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = Arc::clone(&lock(&shared.config));
    let tls = TlsAcceptor::from(config).accept(stream).await?;
    let by_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let end = Arc::new(Mutex::new(Some(end)));
    let service = service_fn(move |request| {
        let (shared, end) = (Arc::clone(&shared), Arc::clone(&end));
        async move {
            match respond(request, &shared.web).await? {
                Reaction::Answer(response) => Ok::<_, anyhow::Error>(response.map(whole)),
                Reaction::Half(response) => Ok(response.map(|octets| Octets {
                    half: true,
                    ..whole(octets)
                })),
                Reaction::Die => {
                    lock(&end).take();
                    std::future::pending().await
                }
                Reaction::Wait => std::future::pending().await,
            }
        }
    });
    let io = TokioIo::new(tls);
    let serving = async {
        if by_http2 {
            http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await
        } else {
            http1::Builder::new().serve_connection(io, service).await
        }
    };
    tokio::select! {
        served = serving => Ok(served?),
        // Long enough for the client to have sent everything.
        _ = ended => {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        }
    }
}

fn whole(octets: Bytes) -> Octets {
    Octets {
        whole: Some(octets),
        half: false,
    }
}

async fn respond(request: hyper::Request<Incoming>, web: &Web) -> Result<Reaction> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_OCTETS).collect().await else {
        return answer(413, &[], Bytes::new());
    };
    web.react(&head, body.to_bytes(), Transport::Https).await
}
