//! One HTTPS connection: HTTP/1.1 over TLS whose certificates are judged by policies, or, on a provisional connection, by
//! nobody yet.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use resolvet_engine::Judge;
use resolvet_proto::{
    enrolment::est::{Endpoint, HttpReply, HttpRequest, limits},
    judgement::{Der, Judgement, Request, Verdict, limits as judged_limits},
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error;
use tokio::{net::TcpStream, task::AbortHandle, time::timeout};
use tokio_rustls::TlsConnector;

use crate::tls;

/// Octets of a response's body: what is fetched here are certificates.
const BODY_OCTETS: usize = limits::CERTIFICATES_OCTETS;
/// Octets of a response's header.
const HEAD_OCTETS: usize = 65_536;
/// The exporter's label (RFC 9266 section 2).
const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";
/// The protocol's name in the handshake.
const ALPN: &[u8] = b"http/1.1";

/// Whom a connection is trusted to reach.
#[derive(Clone)]
pub(super) enum Trust {
    /// Nobody: the certificate is kept and judged later. Only proof of possession of its key is verified.
    Provisional,
    /// Who presents these certificates again, octet for octet (RFC 8995 section 5.1).
    Same(Vec<Der>),
    /// Who the policies accept in this context.
    Judged {
        /// What evaluates.
        judge: Judge,
        /// The context.
        context: Arc<Request>,
    },
}

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
    #[error("the certificate that {address} presented is not acceptable as that of the EST server: {}", super::why(.judgement))]
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
    /// HTTP failed.
    #[error("HTTP exchange with {address} failed: {reason}")]
    Http {
        /// Who with.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// More came than is read.
    #[error("{address} sent a body of more than {BODY_OCTETS} octets")]
    TooLarge {
        /// Who.
        address: SocketAddr,
    },
}

/// An open connection.
pub(super) struct Channel {
    address: SocketAddr,
    host: HeaderValue,
    within: Duration,
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
    chain: Vec<Der>,
    judgement: Option<Judgement<Verdict>>,
    binding: Option<[u8; 32]>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Channel {
    /// Connects. `within` bounds each of the two handshakes, and later each exchange.
    pub(super) async fn open(
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
        let (mut config, seen) = trust.config().map_err(|error| broken(error.to_string()))?;
        if let Some(identity) = identity {
            let resolver = SingleCertAndKey::from(Arc::clone(identity));
            config.client_auth_cert_resolver = Arc::new(resolver);
        }
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let finished = timeout(within, connecting)
            .await
            .map_err(late("TLS handshake"))?;
        // A refusal is told as such, whatever the handshake made of it.
        let (chain, judgement) = seen.taken(address)?;
        let stream = finished.map_err(|error| failure(address, &error))?;
        let session = stream.get_ref().1;
        let binding = session
            .export_keying_material([0; 32], CHANNEL_BINDING, None)
            .ok();
        let wrong = |error: hyper::Error| ChannelError::Http {
            address,
            reason: error.to_string(),
        };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_OCTETS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(wrong)?;
        // How a connection ended is told by the exchange that it was needed for.
        let task = tokio::spawn(async move {
            let _ended = connection.await;
        });
        let task = task.abort_handle();
        Ok(Self {
            address,
            host,
            within,
            sender,
            task,
            chain,
            judgement,
            binding,
        })
    }

    /// What the server presented, its own certificate first.
    pub(super) fn chain(&self) -> &[Der] {
        &self.chain
    }

    /// What the policies said in the handshake, where they were asked.
    pub(super) const fn judgement(&self) -> Option<&Judgement<Verdict>> {
        self.judgement.as_ref()
    }

    /// The exporter's value that names this connection (RFC 9266).
    pub(super) const fn binding(&self) -> Option<&[u8; 32]> {
        self.binding.as_ref()
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
    pub(super) async fn exchange(
        &mut self,
        request: &HttpRequest,
        authorization: Option<&str>,
    ) -> Result<HttpReply, ChannelError> {
        let (address, within) = (self.address, self.within);
        let wrong = |reason: String| ChannelError::Http { address, reason };
        let request = self
            .message(request, authorization)
            .map_err(|error| wrong(error.to_string()))?;
        let failed = |error: hyper::Error| wrong(error.to_string());
        let exchange = async {
            // The exchange before may have left something to do, and hyper refuses what comes too early.
            self.sender.ready().await.map_err(failed)?;
            let response = self.sender.send_request(request).await;
            reply(address, response.map_err(failed)?).await
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

async fn reply(
    address: SocketAddr,
    response: hyper::Response<Incoming>,
) -> Result<HttpReply, ChannelError> {
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().take(limits::HEADERS);
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let collected = Limited::new(body, BODY_OCTETS).collect().await;
    let body = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return ChannelError::TooLarge { address };
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

/// What the verifier saw.
enum Seen {
    Provisional(Arc<Mutex<Vec<Der>>>),
    Judged(tls::Verdicts),
}

impl Seen {
    fn taken(
        &self,
        address: SocketAddr,
    ) -> Result<(Vec<Der>, Option<Judgement<Verdict>>), ChannelError> {
        match self {
            Self::Provisional(chain) => {
                let chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
                Ok((chain.clone(), None))
            }
            Self::Judged(verdicts) => {
                let Some(judged) = tls::taken(verdicts) else {
                    // The handshake failed before there was a certificate; its own error says how.
                    return Ok((Vec::new(), None));
                };
                match judged.judgement {
                    Ok(judgement) if judgement.is_accepted() => {
                        let chain = judged.request.presented.certificates.clone();
                        Ok((chain, Some(judgement)))
                    }
                    Ok(judgement) => {
                        let judgement = Box::new(judgement);
                        Err(ChannelError::Refused { address, judgement })
                    }
                    Err(error) => Err(ChannelError::Handshake {
                        address,
                        reason: error.to_string(),
                    }),
                }
            }
        }
    }
}

impl Trust {
    fn config(&self) -> Result<(ClientConfig, Seen), rustls::Error> {
        match self {
            Self::Judged { judge, context } => {
                let (config, verdicts) =
                    tls::client_config(judge.clone(), Arc::clone(context), &[ALPN])?;
                Ok((config, Seen::Judged(verdicts)))
            }
            Self::Provisional | Self::Same(_) => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                let chain = Arc::default();
                let verifier = Provisional {
                    algorithms: provider.signature_verification_algorithms,
                    chain: Arc::clone(&chain),
                    expected: match self {
                        Self::Same(certificates) => Some(certificates.clone()),
                        _ => None,
                    },
                };
                let mut config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_no_client_auth();
                config.alpn_protocols = vec![ALPN.to_vec()];
                config.resumption = Resumption::disabled();
                Ok((config, Seen::Provisional(chain)))
            }
        }
    }
}

/// Takes any certificate, or one that is known, and keeps it; the handshake's signature by its key is verified as ever.
struct Provisional {
    algorithms: WebPkiSupportedAlgorithms,
    chain: Arc<Mutex<Vec<Der>>>,
    expected: Option<Vec<Der>>,
}

impl fmt::Debug for Provisional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisional").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Provisional {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain: Vec<Der> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|der| der.as_ref().into())
            .collect();
        let octets = |der: &Der| der.len() > judged_limits::CERTIFICATE_OCTETS;
        if chain.len() > judged_limits::PRESENTED || chain.iter().any(octets) {
            return Err(CertificateError::BadEncoding.into());
        }
        if self.expected.as_ref().is_some_and(|known| *known != chain) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
