//! DNS over TLS (RFC 7858).

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use resolvet_engine::Judge;
use resolvet_proto::judgement::Request;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

use super::{Cost, Pipeline};
use crate::tls::{self, Judged};

/// The protocol's name in the handshake (RFC 7858's registration of `dot`).
const ALPN: &[u8] = b"dot";

/// No connection came about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// TCP failed.
    #[error("TCP connection to {address} failed: {source}")]
    Tcp {
        /// Where to.
        address: SocketAddr,
        /// How.
        source: io::Error,
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
    /// The name cannot stand in a handshake.
    #[error("`{name}` cannot be a server name in TLS (RFC 6066 3)")]
    Name {
        /// The name.
        name: String,
    },
    /// The policies refused what was presented.
    #[error("certificate of {address} was refused by policy")]
    Refused {
        /// Who presented it.
        address: SocketAddr,
        /// What was judged.
        judged: Box<Judged>,
    },
    /// The peer did not prove that it has the key of its certificate; what was said of the certificate is void.
    #[error("{address} did not prove possession of its certificate's key (RFC 8446 4.4.3)")]
    ProofOfPossession {
        /// Who.
        address: SocketAddr,
    },
    /// The peer ended the handshake.
    #[error("{address} ended the TLS handshake: {reason}")]
    Closed {
        /// Who.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// The handshake failed otherwise.
    #[error("TLS handshake with {address} failed: {reason}")]
    Handshake {
        /// Who with.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// The peer speaks another protocol on this connection.
    #[error("{address} chose the protocol `{came}`: expected `dot` or none (RFC 7858)")]
    Alpn {
        /// Who.
        address: SocketAddr,
        /// What it chose.
        came: String,
    },
}

/// A completed handshake.
pub(crate) struct Established {
    /// The connection.
    pub(crate) pipeline: Pipeline,
    /// What the policies said, which counts from now on.
    pub(crate) judged: Judged,
    /// How long it took.
    pub(crate) cost: Cost,
}

/// Connects, with one time limit for each of the two handshakes.
pub(crate) async fn connect(
    address: SocketAddr,
    name: &str,
    judge: Judge,
    context: Arc<Request>,
    within: Duration,
) -> Result<Established, ConnectError> {
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_| ConnectError::Name {
        name: name.to_owned(),
    })?;
    let late = |step| {
        move |_| ConnectError::Timeout {
            step,
            address,
            within,
        }
    };
    let began = Instant::now();
    let stream = timeout(within, TcpStream::connect(address))
        .await
        .map_err(late("TCP handshake"))?
        .map_err(|source| ConnectError::Tcp { address, source })?;
    // Queries are small and each is wanted at once; what waits is gathered by the pipeline.
    stream
        .set_nodelay(true)
        .map_err(|source| ConnectError::Tcp { address, source })?;
    let tcp = began.elapsed();

    let (config, verdicts) =
        tls::client_config(judge, context, &[ALPN]).map_err(|error| ConnectError::Handshake {
            address,
            reason: error.to_string(),
        })?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server_name, stream);
    let finished = timeout(within, connecting)
        .await
        .map_err(late("TLS handshake"))?;
    let judged = tls::taken(&verdicts);
    let accepted = |judged: &Judged| judged.judgement.as_ref().is_ok_and(|j| j.is_accepted());
    match (finished, judged) {
        (Ok(stream), Some(judged)) if accepted(&judged) => {
            match stream.get_ref().1.alpn_protocol() {
                None | Some(ALPN) => {}
                Some(other) => {
                    let came = String::from_utf8_lossy(other).into_owned();
                    return Err(ConnectError::Alpn { address, came });
                }
            }
            let tls = began.elapsed().saturating_sub(tcp);
            let cost = Cost { tcp, tls };
            Ok(Established {
                pipeline: Pipeline::start(stream),
                judged,
                cost,
            })
        }
        (_, Some(judged)) if !accepted(&judged) => Err(ConnectError::Refused {
            address,
            judged: Box::new(judged),
        }),
        (Err(error), _) => Err(failure(address, &error)),
        // A handshake that asked nobody about the certificate is none of ours.
        (Ok(_), _) => {
            let reason = "no certificate was judged".to_owned();
            Err(ConnectError::Handshake { address, reason })
        }
    }
}

/// Tells a proof of possession that failed from a peer that went away and from everything else.
fn failure(address: SocketAddr, error: &io::Error) -> ConnectError {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = error.to_string();
    match cause {
        // The verifier maps refusals of policies itself, so this one comes from the handshake's signature.
        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            ConnectError::ProofOfPossession { address }
        }
        Some(rustls::Error::AlertReceived(_)) | None => ConnectError::Closed { address, reason },
        Some(_) => ConnectError::Handshake { address, reason },
    }
}
