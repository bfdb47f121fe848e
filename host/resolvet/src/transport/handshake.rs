//! What all handshakes have in common: TCP and TLS for streams, and when a verdict counts.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use resolvet_proto::judgement::Der;
use rustls::{AlertDescription, CertificateError, HandshakeKind, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ConnectError, Cost, Target};
use crate::tls::{self, Handshake, Judged, Ticket};

/// TLS as errors name it.
const TLS: &str = "TLS";

/// What is spoken behind a handshake.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    /// Its name in ALPN.
    pub(super) alpn: &'static [u8],
    /// What was expected, and where that is written, for errors.
    pub(super) expected: &'static str,
}

impl Protocol {
    /// The peer speaks another one, or says none.
    pub(super) fn missing(self, address: SocketAddr, came: Option<&[u8]>) -> ConnectError {
        ConnectError::Alpn {
            address,
            came: came.map_or("none".to_owned(), |other| {
                format!("`{}`", other.escape_ascii())
            }),
            expected: self.expected,
        }
    }
}

/// What a completed handshake leaves beside the connection.
pub(super) struct Completed {
    pub(super) judged: Judged,
    pub(super) cost: Cost,
    /// What the next one may resume.
    pub(super) ticket: Option<Ticket>,
}

impl Completed {
    pub(super) fn of(handshake: Handshake, judged: Judged, cost: Cost) -> Self {
        let ticket = Some(handshake.ticket(&judged, cost.resumed));
        Self {
            judged,
            cost,
            ticket,
        }
    }
}

/// The handshake that is tried: one that the server may shorten, where there is a ticket that counts.
pub(super) fn prepared(
    target: &mut Target<'_>,
    protocol: Protocol,
    ech: Option<&Der>,
) -> Result<Handshake, rustls::Error> {
    let (judge, context) = (&target.judge, &target.context);
    let ticket = target.ticket.take();
    let resuming = |ticket| Handshake::resuming(ticket, judge.clone(), Arc::clone(context));
    if let Some(handshake) = ticket.and_then(resuming) {
        return Ok(handshake);
    }
    Handshake::full(judge.clone(), Arc::clone(context), &[protocol.alpn], ech)
}

/// Connects over TCP and TLS, with one time limit for each of the two handshakes. The caller looks at what ALPN brought.
pub(super) async fn over_tcp(
    mut target: Target<'_>,
    protocol: Protocol,
    within: Duration,
) -> Result<(TlsStream<TcpStream>, Completed), ConnectError> {
    let address = target.address();
    let name = ServerName::try_from(target.name.to_owned()).map_err(|_| ConnectError::Name {
        name: target.name.to_owned(),
    })?;
    let late = |step| {
        move |_| ConnectError::Timeout {
            step,
            address,
            within,
        }
    };
    let began = Instant::now();
    let mut tcp = Duration::ZERO;
    let mut ech = target.server.ech.clone();
    let mut may_retry = ech.is_some();
    let mut spent = 0;
    loop {
        let connecting = Instant::now();
        let stream = timeout(within, TcpStream::connect(address))
            .await
            .map_err(late("TCP"))?
            .map_err(|source| ConnectError::Tcp { address, source })?;
        // Queries are small and each is wanted at once; what waits is gathered by whoever writes.
        stream
            .set_nodelay(true)
            .map_err(|source| ConnectError::Tcp { address, source })?;
        tcp += connecting.elapsed();
        let broken = |error: rustls::Error| ConnectError::Handshake {
            handshake: TLS,
            address,
            reason: error.to_string(),
        };
        let handshake = prepared(&mut target, protocol, ech.as_ref()).map_err(broken)?;
        let connecting = TlsConnector::from(handshake.config()).connect(name.clone(), stream);
        let finished = timeout(within, connecting).await.map_err(late(TLS))?;
        let refused = finished.as_ref().err().and_then(cause);
        if let Some(configurations) = refused.and_then(tls::retry_configurations) {
            // RFC 9849 section 6.1.6: once more with what the public name's server gave, and never without encryption.
            match configurations.filter(|_| may_retry) {
                Some(configurations) => {
                    (ech, may_retry) = (Some(configurations), false);
                    spent += 2;
                    continue;
                }
                None => return Err(ConnectError::EchRefused { address }),
            }
        }
        let finished = finished.map_err(|error| failure(address, protocol, &error));
        let (judged, resumed) = handshake.judged().unzip();
        let (stream, judged) = concluded(TLS, address, finished, judged)?;
        let resumed = resumed == Some(true);
        let kind = stream.get_ref().1.handshake_kind();
        if resumed != (kind == Some(HandshakeKind::Resumed)) {
            return Err(unjudged(TLS, address));
        }
        let cost = Cost {
            tcp,
            tls: began.elapsed().saturating_sub(tcp),
            round_trips: round_trips(&stream).saturating_add(spent),
            resumed,
        };
        return Ok((stream, Completed::of(handshake, judged, cost)));
    }
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A verdict counts once the handshake is complete, and a handshake counts only with a verdict that accepts. A refusal is
/// told as such, whatever the handshake made of it.
pub(super) fn concluded<T>(
    handshake: &'static str,
    address: SocketAddr,
    finished: Result<T, ConnectError>,
    judged: Option<Judged>,
) -> Result<(T, Judged), ConnectError> {
    let accepted = |judged: &Judged| judged.judgement.as_ref().is_ok_and(|j| j.is_accepted());
    match (finished, judged) {
        (Ok(connection), Some(judged)) if accepted(&judged) => Ok((connection, judged)),
        (_, Some(judged)) if !accepted(&judged) => Err(ConnectError::Refused {
            address,
            judged: Box::new(judged),
        }),
        (Err(error), _) => Err(error),
        // A handshake that asked nobody about the certificate is none of ours.
        (Ok(_), _) => Err(unjudged(handshake, address)),
    }
}

fn unjudged(handshake: &'static str, address: SocketAddr) -> ConnectError {
    ConnectError::Handshake {
        handshake,
        address,
        reason: "no certificate was judged".to_owned(),
    }
}

/// Whether rustls says that the handshake's signature is wrong. The verifier maps refusals of policies itself, so it never
/// says this of a certificate.
pub(super) fn is_no_proof(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(CertificateError::BadSignature)
    )
}

/// Tells a proof of possession that failed from a peer that went away and from everything else.
fn failure(address: SocketAddr, protocol: Protocol, error: &io::Error) -> ConnectError {
    let (handshake, reason) = (TLS, error.to_string());
    match cause(error) {
        Some(cause) if is_no_proof(cause) => ConnectError::ProofOfPossession { handshake, address },
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            protocol.missing(address, None)
        }
        Some(rustls::Error::AlertReceived(_)) | None => ConnectError::Closed {
            handshake,
            address,
            reason,
        },
        Some(_) => ConnectError::Handshake {
            handshake,
            address,
            reason,
        },
    }
}

fn round_trips(stream: &TlsStream<TcpStream>) -> u8 {
    let session = stream.get_ref().1;
    let tls = if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) {
        2
    } else {
        1
    };
    let retried = session.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest);
    1 + tls + u8::from(retried)
}
