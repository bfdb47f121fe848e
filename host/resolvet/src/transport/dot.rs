//! DNS over TLS (RFC 7858).

use std::time::Duration;

use super::{
    ConnectError, Target,
    handshake::{self, Completed, Protocol},
    pipeline::Pipeline,
};

/// The protocol's name in the handshake (RFC 7858's registration of `dot`).
const PROTOCOL: Protocol = Protocol {
    alpn: b"dot",
    expected: "`dot` or none (RFC 7858)",
};

/// Connects. A server that chooses no protocol is older than the name.
pub(super) async fn connect(
    target: Target<'_>,
    within: Duration,
) -> Result<(Pipeline, Completed), ConnectError> {
    let address = target.address();
    let (stream, completed) = handshake::over_tcp(target, PROTOCOL, within).await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(other) if other != PROTOCOL.alpn => Err(PROTOCOL.missing(address, Some(other))),
        _ => Ok((Pipeline::over_stream(stream), completed)),
    }
}
