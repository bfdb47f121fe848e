//! A password inside the handshake of TLS 1.3, by BoringSSL.

use std::{net::SocketAddr, time::Duration};

use resolvet_proto::enrolment::{authentication::User, journey::AuthenticationRefusal};
use resolvet_tls_pake::{Connection, HandshakeError, Names, Registration, connect};
use tokio::{net::TcpStream, task::spawn_blocking, time::timeout};

use super::ChannelError;

/// Proves the user's password to this server, and has the server prove it, under this host name.
pub(super) async fn proved(
    stream: TcpStream,
    address: SocketAddr,
    host: &str,
    user: Option<&User>,
    within: Duration,
) -> Result<Connection<TcpStream>, ChannelError> {
    let refused = |refusal, reason: String| ChannelError::Password {
        address,
        refusal,
        reason,
    };
    let user = user.ok_or_else(|| {
        refused(
            AuthenticationRefusal::Cancelled,
            "there is no password".into(),
        )
    })?;
    let (known, server) = (user.clone(), host.to_owned());
    // Stretching a password is work that would hold up the event loop.
    let registering = spawn_blocking(move || {
        let names = names(&known, &server);
        Registration::new(known.reveal().as_bytes(), names)
    });
    let registration = registering
        .await
        .map_err(|error| refused(AuthenticationRefusal::Connection, error.to_string()))?
        .map_err(|error| refused(AuthenticationRefusal::Protocol, error.to_string()))?;
    let handshake = connect(stream, &registration, names(user, host), super::trust::ALPN);
    let finished = timeout(within, handshake).await;
    let finished = finished.map_err(|_| ChannelError::Timeout {
        step: "TLS handshake",
        address,
        within,
    })?;
    finished.map_err(|error| {
        let refusal = match error {
            HandshakeError::Password => AuthenticationRefusal::Password,
            HandshakeError::NotOffered { .. } => AuthenticationRefusal::NotOffered,
            HandshakeError::Io(_) => AuthenticationRefusal::Connection,
            _ => AuthenticationRefusal::Protocol,
        };
        refused(refusal, error.to_string())
    })
}

fn names<'a>(user: &'a User, server: &'a str) -> Names<'a> {
    Names {
        client: user.name().as_bytes(),
        server: server.as_bytes(),
    }
}
