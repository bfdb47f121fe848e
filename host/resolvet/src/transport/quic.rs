//! QUIC for DNS over QUIC and for HTTP/3: one socket for each connection, the same judging verifier.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use quinn::{
    ClientConfig, ConnectionError, Endpoint, IdleTimeout, TransportConfig, VarInt,
    crypto::rustls::QuicClientConfig,
};
use tokio::time::{Instant, timeout};

use super::{
    ConnectError, Cost, Target,
    handshake::{Completed, Protocol, concluded, prepared},
};

/// QUIC as errors name it.
const QUIC: &str = "QUIC";
/// A connection on which nothing is said for so many milliseconds ends (RFC 9250 section 5.5.1 leaves it to the parties).
const IDLE: u32 = 30_000;
/// Octets of one stream that may come before we take them: an answer and its length fit.
const STREAM_WINDOW: u32 = 131_072;
/// Octets of all streams that may come before we take them.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// The alert of a signature that is wrong (RFC 8446 section 6.2), which QUIC carries as 0x100 and its number.
const DECRYPT_ERROR: u64 = 0x100 + 51;
/// The alert of a protocol that is not spoken (RFC 7301 section 3.2).
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// Connects. `streams` says how many streams in one direction the server may open: HTTP/3 needs three.
pub(super) async fn connect(
    mut target: Target<'_>,
    protocol: Protocol,
    streams: u32,
    within: Duration,
) -> Result<(quinn::Connection, Completed), ConnectError> {
    let address = target.address();
    let broken = |reason: String| ConnectError::Handshake {
        handshake: QUIC,
        address,
        reason,
    };
    let ech = target.server.ech.clone();
    let handshake =
        prepared(&mut target, protocol, ech.as_ref()).map_err(|error| broken(error.to_string()))?;
    let config = QuicClientConfig::try_from(handshake.config())
        .map_err(|error| broken(error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(config));
    config.transport_config(Arc::new(transport(streams)));
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let began = Instant::now();
    let endpoint = Endpoint::client(SocketAddr::new(any, 0))
        .map_err(|source| ConnectError::Udp { address, source })?;
    let connecting = endpoint
        .connect_with(config, address, target.name)
        .map_err(|error| match error {
            quinn::ConnectError::InvalidServerName(name) => ConnectError::Name { name },
            other => broken(other.to_string()),
        })?;
    let late = |_| ConnectError::Timeout {
        step: QUIC,
        address,
        within,
    };
    let finished = match timeout(within, connecting).await.map_err(late) {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(failure(address, protocol, &error)),
        Err(error) => Err(error),
    };
    let (judged, resumed) = handshake.judged().unzip();
    let (connection, judged) = concluded(QUIC, address, finished, judged)?;
    let resumed = resumed == Some(true);
    let cost = Cost {
        tcp: Duration::ZERO,
        tls: began.elapsed(),
        round_trips: 1,
        resumed,
    };
    Ok((connection, Completed::of(handshake, judged, cost)))
}

fn transport(streams: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE))))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(streams))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(None);
    transport
}

/// What the end of a handshake means.
fn failure(address: SocketAddr, protocol: Protocol, error: &ConnectionError) -> ConnectError {
    let (handshake, reason) = (QUIC, error.to_string());
    match error {
        // Only a signature of the handshake is answered with this alert: refusals of policies have others.
        ConnectionError::TransportError(error) if u64::from(error.code) == DECRYPT_ERROR => {
            ConnectError::ProofOfPossession { handshake, address }
        }
        ConnectionError::TransportError(error)
            if u64::from(error.code) == NO_APPLICATION_PROTOCOL =>
        {
            protocol.missing(address, None)
        }
        // The server says so itself, too.
        ConnectionError::ConnectionClosed(close)
            if u64::from(close.error_code) == NO_APPLICATION_PROTOCOL =>
        {
            protocol.missing(address, None)
        }
        ConnectionError::ConnectionClosed(_)
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset => ConnectError::Closed {
            handshake,
            address,
            reason,
        },
        _ => ConnectError::Handshake {
            handshake,
            address,
            reason,
        },
    }
}
