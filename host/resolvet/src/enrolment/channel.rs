//! One HTTPS connection: HTTP/1.1 over TLS whose certificates are judged by policies, or, on a provisional connection, by
//! nobody yet.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use resolvet_proto::{
    enrolment::{
        authentication::User,
        est::{Endpoint, HttpReply, HttpRequest, limits},
        journey::AuthenticationRefusal,
    },
    judgement::{Der, Judgement, Presented, Verdict},
};
use rustls::{
    CertificateError, ProtocolVersion,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Handle,
    task::{AbortHandle, spawn_blocking},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    tls_unique::{self, Watch},
    trust::Trust,
};

/// Octets of a response's body, unless less is wanted: what is fetched for an enrolment are certificates.
const BODY_OCTETS: usize = limits::CERTIFICATES_OCTETS;
/// Octets of a response's header.
const HEAD_OCTETS: usize = 65_536;
/// The exporter's label (RFC 9266 section 2).
const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";

/// An exchange with a server failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// TCP failed.
    #[error("TCP connection to {address} failed: {reason}")]
    Tcp {
        /// Where to.
        address: SocketAddr,
        /// How.
        reason: io::Error,
    },
    /// It took too long.
    #[error("{step} with {address} took longer than {} ms", .within.as_millis())]
    Timeout {
        /// Which step.
        step: &'static str,
        /// Where to.
        address: SocketAddr,
        /// How long was waited.
        within: Duration,
    },
    /// The policies refused what was presented.
    #[error("the certificate that {address} presented is not acceptable: {}", .judgement.why())]
    Refused {
        /// Who.
        address: SocketAddr,
        /// What was said.
        judgement: Box<Judgement<Verdict>>,
    },
    /// The peer did not prove that it has the key of its certificate.
    #[error("{address} did not prove possession of its certificate's key (RFC 8446 4.4.3)")]
    ProofOfPossession {
        /// Who.
        address: SocketAddr,
    },
    /// The handshake failed otherwise.
    #[error("TLS handshake with {address} failed: {reason}")]
    Handshake {
        /// Who with.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// The password was not proved inside the handshake.
    #[error("{address}: {reason}")]
    Password {
        /// Who.
        address: SocketAddr,
        /// In which way.
        refusal: AuthenticationRefusal,
        /// In words.
        reason: String,
    },
    /// HTTP failed.
    #[error("HTTP exchange with {address} failed: {reason}")]
    Http {
        /// Who with.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// More came than is read.
    #[error("{address} sent a body of more than {most} octets")]
    TooLarge {
        /// Who.
        address: SocketAddr,
        /// How many are read.
        most: usize,
    },
}

/// An open connection.
pub(crate) struct Channel {
    address: SocketAddr,
    host: HeaderValue,
    within: Duration,
    /// Octets of a body that are read.
    most: usize,
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
    presented: Presented,
    judgement: Option<Judgement<Verdict>>,
    name: Option<ChannelName>,
}

/// What names one connection alone.
enum ChannelName {
    /// With TLS 1.3 (RFC 9266 section 2).
    Exporter([u8; 32]),
    /// With TLS 1.2 (RFC 5929 section 3).
    TlsUnique([u8; tls_unique::OCTETS]),
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Channel {
    /// Connects. `within` bounds each of the two handshakes, and later each exchange.
    pub(crate) async fn open(
        address: SocketAddr,
        endpoint: &Endpoint,
        trust: &Trust,
        identity: Option<&Arc<CertifiedKey>>,
        within: Duration,
    ) -> Result<Self, ChannelError> {
        let late = |step| {
            move |_| ChannelError::Timeout {
                step,
                address,
                within,
            }
        };
        let broken = |reason: String| ChannelError::Handshake { address, reason };
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| broken(error.to_string()))?;
        let authority = endpoint.to_string();
        let authority = authority.strip_prefix("https://").unwrap_or(&authority);
        let host = HeaderValue::from_str(authority).map_err(|error| broken(error.to_string()))?;
        let stream = timeout(within, TcpStream::connect(address))
            .await
            .map_err(late("TCP handshake"))?
            .map_err(|reason| ChannelError::Tcp { address, reason })?;
        if let Trust::Password(user) = trust {
            return Self::by_password(stream, address, host, (endpoint, user.as_ref()), within)
                .await;
        }
        let (mut config, seen) = trust.config().map_err(|error| broken(error.to_string()))?;
        if let Some(identity) = identity {
            let resolver = SingleCertAndKey::from(Arc::clone(identity));
            config.client_auth_cert_resolver = Arc::new(resolver);
        }
        let watch = Watch::default();
        config.key_log = Arc::new(watch.clone());
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, watch.over(stream));
        let handshake = timeout(within, connecting);
        let finished = match identity {
            None => handshake.await.map_err(late("TLS handshake"))?,
            // A key in a token signs in the middle of the handshake and may take its time: the event loop goes on.
            Some(_) => {
                let runtime = Handle::current();
                let beside = spawn_blocking(move || runtime.block_on(handshake));
                let beside = timeout(within, beside);
                let finished = beside.await.map_err(late("TLS handshake"))?;
                let finished = finished.map_err(|error| broken(error.to_string()))?;
                finished.map_err(late("TLS handshake"))?
            }
        };
        // A refusal is told as such, whatever the handshake made of it.
        let (presented, judgement) = seen.taken(address)?;
        let stream = finished.map_err(|error| failure(address, &error))?;
        let session = stream.get_ref().1;
        let name = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => session
                .export_keying_material([0; 32], CHANNEL_BINDING, None)
                .ok()
                .map(ChannelName::Exporter),
            _ => watch.tls_unique(session).map(ChannelName::TlsUnique),
        };
        let (sender, task) = speak(stream, address).await?;
        Ok(Self {
            address,
            host,
            within,
            most: BODY_OCTETS,
            sender,
            task,
            presented,
            judgement,
            name,
        })
    }

    /// Connects to the first of the addresses that answers. A certificate that is refused ends it: another address of the same name
    /// would be the same server. `None`: there is no address.
    pub(crate) async fn first(
        addresses: &[SocketAddr],
        endpoint: &Endpoint,
        trust: &Trust,
        identity: Option<&Arc<CertifiedKey>>,
        within: Duration,
    ) -> Result<Self, Option<ChannelError>> {
        let mut last = None;
        for &address in addresses {
            match Self::open(address, endpoint, trust, identity, within).await {
                Ok(channel) => return Ok(channel),
                Err(
                    error @ (ChannelError::Refused { .. } | ChannelError::ProofOfPossession { .. }),
                ) => return Err(Some(error)),
                Err(error) => last = Some(error),
            }
        }
        Err(last)
    }

    /// Goes on with a handshake that proves the password itself.
    #[cfg(feature = "tls-pake")]
    async fn by_password(
        stream: TcpStream,
        address: SocketAddr,
        host: HeaderValue,
        (endpoint, user): (&Endpoint, Option<&User>),
        within: Duration,
    ) -> Result<Self, ChannelError> {
        let proved = super::pake::proved(stream, address, endpoint.host(), user, within).await?;
        let name = proved.exporter("EXPORTER-Channel-Binding").ok();
        let (sender, task) = speak(proved, address).await?;
        Ok(Self {
            address,
            host,
            within,
            most: BODY_OCTETS,
            sender,
            task,
            presented: Presented::default(),
            judgement: None,
            name: name.map(ChannelName::Exporter),
        })
    }

    #[cfg(not(feature = "tls-pake"))]
    async fn by_password(
        _stream: TcpStream,
        address: SocketAddr,
        _host: HeaderValue,
        _named: (&Endpoint, Option<&User>),
        _within: Duration,
    ) -> Result<Self, ChannelError> {
        Err(ChannelError::Password {
            address,
            refusal: AuthenticationRefusal::NotOffered,
            reason: "this program was built without the feature `tls-pake`".into(),
        })
    }

    /// The same, which reads no larger body than this.
    pub(crate) fn reading_at_most(mut self, octets: usize) -> Self {
        self.most = octets;
        self
    }

    /// What the server presented.
    pub(super) const fn presented(&self) -> &Presented {
        &self.presented
    }

    /// The certificates that the server presented, its own first.
    pub(super) fn chain(&self) -> &[Der] {
        &self.presented.certificates
    }

    /// What the policies said in the handshake, where they were asked.
    pub(super) const fn judgement(&self) -> Option<&Judgement<Verdict>> {
        self.judgement.as_ref()
    }

    /// What binds a request to this connection (RFC 7030 section 3.5).
    pub(super) const fn binding(&self) -> Option<&[u8]> {
        match &self.name {
            Some(ChannelName::Exporter(exporter)) => Some(exporter),
            Some(ChannelName::TlsUnique(unique)) => Some(unique),
            None => None,
        }
    }

    /// The exporter of TLS 1.3.
    pub(super) const fn exporter(&self) -> Option<[u8; 32]> {
        match self.name {
            Some(ChannelName::Exporter(exporter)) => Some(exporter),
            _ => None,
        }
    }

    /// Where it leads.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether another exchange is possible.
    pub(super) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn exchange(
        &mut self,
        request: &HttpRequest,
        authorization: Option<&str>,
    ) -> Result<HttpReply, ChannelError> {
        let (address, within, most) = (self.address, self.within, self.most);
        let wrong = |reason: String| ChannelError::Http { address, reason };
        let request = self
            .message(request, authorization)
            .map_err(|error| wrong(error.to_string()))?;
        let failed = |error: hyper::Error| wrong(error.to_string());
        let exchange = async {
            // The exchange before may have left something to do, and hyper refuses what comes too early.
            self.sender.ready().await.map_err(failed)?;
            let response = self.sender.send_request(request).await;
            reply(address, most, response.map_err(failed)?).await
        };
        let late = |_| ChannelError::Timeout {
            step: "HTTP exchange",
            address,
            within,
        };
        timeout(within, exchange).await.map_err(late)?
    }

    fn message(
        &self,
        request: &HttpRequest,
        authorization: Option<&str>,
    ) -> Result<hyper::Request<Full<Bytes>>, hyper::http::Error> {
        let mut builder = hyper::Request::builder()
            .method(request.method.as_str())
            .uri(&request.path)
            .header(HOST, &self.host);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(authorization)?;
            value.set_sensitive(true);
            builder = builder.header(HeaderName::from_static("authorization"), value);
        }
        builder.body(Full::new(Bytes::copy_from_slice(&request.body)))
    }
}

/// HTTP/1.1 over what is secured.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    address: SocketAddr,
) -> Result<(SendRequest<Full<Bytes>>, AbortHandle), ChannelError> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_OCTETS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ChannelError::Http {
            address,
            reason: error.to_string(),
        })?;
    // How a connection ended is told by the exchange that it was needed for.
    let task = tokio::spawn(async move {
        let _ended = connection.await;
    });
    Ok((sender, task.abort_handle()))
}

async fn reply(
    address: SocketAddr,
    most: usize,
    response: hyper::Response<Incoming>,
) -> Result<HttpReply, ChannelError> {
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().take(limits::HEADERS);
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let collected = Limited::new(body, most).collect().await;
    let body = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return ChannelError::TooLarge { address, most };
        }
        ChannelError::Http {
            address,
            reason: error.to_string(),
        }
    })?;
    Ok(HttpReply {
        status: head.status.as_u16(),
        headers,
        body: body.to_bytes().to_vec().into(),
    })
}

fn failure(address: SocketAddr, error: &io::Error) -> ChannelError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            ChannelError::ProofOfPossession { address }
        }
        _ => ChannelError::Handshake {
            address,
            reason: error.to_string(),
        },
    }
}
