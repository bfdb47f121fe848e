//! An HTTP/1.1 server over TLS. Handlers block: each request is handled on a thread of its own.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ProtocolVersion, RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{CHANNEL_BINDING, Connection, Request, Response};
use crate::lab::ca::Identity;
use crate::lab::dns::lock;
use crate::lab::dot::{Versions, bind};
use crate::lab::running::Running;

/// Octets of a request's body that are read.
const BODY_OCTETS: usize = 1 << 20;

/// What answers requests.
pub trait Handler: fmt::Debug + Send + Sync + 'static {
    /// Answers one. It may block.
    fn handle(&self, connection: &Connection, request: &Request) -> Response;
}

/// A server; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    _running: Running,
}

#[derive(Debug)]
struct Shared {
    handler: Arc<dyn Handler>,
    versions: Versions,
    clients: Vec<CertificateDer<'static>>,
    presented: Mutex<Presented>,
    connections: AtomicUsize,
}

/// Changes the identity of a server that may be gone.
#[derive(Debug)]
pub struct Presenter(Weak<Shared>);

impl Presenter {
    /// Presents another identity to those who connect from now on.
    ///
    /// # Errors
    /// When rustls cannot sign with the identity's key.
    pub fn present(&self, identity: &Identity) -> Result<()> {
        match self.0.upgrade() {
            Some(shared) => shared.present(identity),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn present(&self, identity: &Identity) -> Result<()> {
        *lock(&self.presented) = presented(identity, self.versions, &self.clients)?;
        Ok(())
    }
}

/// What the server presents to those who connect now.
#[derive(Clone, Debug)]
struct Presented {
    config: Arc<ServerConfig>,
    certificate: Vec<u8>,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1, and on the same port of ::1 where there is one. Clients may show a
    /// certificate under one of the anchors `clients`; one that has another chain is refused in the handshake.
    ///
    /// # Errors
    /// When no port or thread is to be had, or rustls cannot use the identity or an anchor.
    pub fn start(
        name: &str,
        identity: &Identity,
        versions: Versions,
        clients: &[CertificateDer<'static>],
        handler: Arc<dyn Handler>,
    ) -> Result<Self> {
        let listeners = bind()?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            handler,
            versions,
            clients: clients.to_vec(),
            presented: Mutex::new(presented(identity, versions, clients)?),
            connections: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let running = Running::serving(name, listeners, move |stream| {
            let shared = Arc::clone(&serving);
            async move { serve(stream, &shared).await }
        })?;
        Ok(Self {
            addresses,
            shared,
            _running: running,
        })
    }

    /// Where it listens: 127.0.0.1 first, then ::1 where there is one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its port, the same on every address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Presents another identity to those who connect from now on.
    ///
    /// # Errors
    /// When rustls cannot sign with the identity's key.
    pub fn present(&self, identity: &Identity) -> Result<()> {
        self.shared.present(identity)
    }

    /// What a handler of this server can change its identity by.
    #[must_use]
    pub fn presenter(&self) -> Presenter {
        Presenter(Arc::downgrade(&self.shared))
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

/// rustls as a server with this identity, which asks clients for a certificate when there are anchors for it.
pub(crate) fn config(
    identity: &Identity,
    versions: Versions,
    clients: &[CertificateDer<'static>],
) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver: Arc<dyn ResolvesServerCert> =
        Arc::new(SingleCertAndKey::from(identity.certified_key()?));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions.supported())
        .context("rustls knows no such version")?;
    let builder = if clients.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for anchor in clients {
            roots.add(anchor.clone())?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn presented(
    identity: &Identity,
    versions: Versions,
    clients: &[CertificateDer<'static>],
) -> Result<Presented> {
    Ok(Presented {
        config: config(identity, versions, clients)?,
        certificate: identity.end_entity().to_vec(),
    })
}

/// Accepts connections for ever.
/// One connection, from the handshake to its end.
async fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let Presented {
        config,
        certificate,
    } = lock(&shared.presented).clone();
    let tls = TlsAcceptor::from(config).accept(stream).await?;
    let (_, session) = tls.get_ref();
    let is_tls_1_3 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let mut exporter = [0; 32];
    let exported = session.export_keying_material(&mut exporter, CHANNEL_BINDING, Some(&[]));
    let connection = Arc::new(Connection {
        number,
        server_certificate: certificate,
        client_certificates: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        version: session
            .protocol_version()
            .map(|version| format!("{version:?}"))
            .unwrap_or_default(),
        exporter: (is_tls_1_3 && exported.is_ok()).then_some(exporter),
    });
    let service = service_fn(|request| {
        let connection = Arc::clone(&connection);
        let handler = Arc::clone(&shared.handler);
        async move { answer(request, connection, handler).await }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(tls), service)
        .await?;
    Ok(())
}

/// One request.
async fn answer(
    request: hyper::Request<Incoming>,
    connection: Arc<Connection>,
    handler: Arc<dyn Handler>,
) -> Result<hyper::Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_OCTETS).collect().await else {
        return respond(Response::text(413, "the body is too large"));
    };
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body: body.to_bytes().to_vec(),
    };
    let answered = tokio::task::spawn_blocking(move || handler.handle(&connection, &request));
    respond(answered.await?)
}

fn respond(response: Response) -> Result<hyper::Response<Full<Bytes>>> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::new(response.body.into()))?)
}
