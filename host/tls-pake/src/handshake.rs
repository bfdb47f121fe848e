//! The client's handshake.

use std::{
    error::Error as _,
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use boring::{
    error::ErrorStack,
    ssl::{self, SslContext, SslMethod, SslVersion},
};
use boring_sys as ffi;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_boring::{SslStream, SslStreamBuilder};

use crate::{Names, Registration, RegistrationError};

/// Alerts stand above this number among BoringSSL's reasons.
const ALERTS: i32 = 1_000;

/// There is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server's proof does not fit.
    #[error(
        "the password or the user's name is wrong, or the server is another (draft-ietf-tls-pake)"
    )]
    Password,
    /// The server takes part in no PAKE, or not for this user and this name of its own.
    #[error(
        "the server offers no PAKE inside TLS 1.3 for this user and this server name: {reason}"
    )]
    NotOffered {
        /// What it did instead.
        reason: String,
    },
    /// The connection ended.
    #[error("the connection ended in the handshake: {0}")]
    Io(#[from] io::Error),
    /// The handshake broke otherwise.
    #[error("the handshake failed: {reason}")]
    Broken {
        /// How.
        reason: String,
    },
    /// The password cannot be used.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
}

/// A connection to a server that proved the password, and was proved it.
pub struct Connection<S>(SslStream<S>);

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Proves a password to a server over this stream, and has the server prove it. One guess is spent.
///
/// `server` is sent as the server name too (SNI) and must be a host name.
///
/// # Errors
/// See [`HandshakeError`].
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin + fmt::Debug>(
    stream: S,
    registration: &Registration,
    names: Names<'_>,
    alpn: &[u8],
) -> Result<Connection<S>, HandshakeError> {
    let ssl = session(registration, names, alpn)?;
    let connected = SslStreamBuilder::new(ssl, stream).connect().await;
    let stream = connected.map_err(|error| {
        if let Some(error) = error.as_io_error() {
            return HandshakeError::Io(io::Error::new(error.kind(), error.to_string()));
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        match cause.and_then(ssl::Error::ssl_error) {
            Some(stack) => why(stack),
            None => HandshakeError::Io(io::ErrorKind::UnexpectedEof.into()),
        }
    })?;
    Ok(Connection(stream))
}

pub(crate) fn broken(error: &ErrorStack) -> HandshakeError {
    HandshakeError::Broken {
        reason: error.to_string(),
    }
}

fn session(
    registration: &Registration,
    names: Names<'_>,
    alpn: &[u8],
) -> Result<ssl::Ssl, HandshakeError> {
    let broken = |error: ErrorStack| broken(&error);
    let credential = registration.client(names)?;
    let mut context = SslContext::builder(SslMethod::tls()).map_err(broken)?;
    context
        .set_min_proto_version(Some(SslVersion::TLS1_3))
        .map_err(broken)?;
    // With this credential BoringSSL takes no certificate in the proof's place.
    context.add_credential(&credential).map_err(broken)?;
    let length = u8::try_from(alpn.len()).unwrap_or_default();
    context
        .set_alpn_protos(&[&[length], alpn].concat())
        .map_err(broken)?;
    let mut ssl = ssl::Ssl::new(&context.build()).map_err(broken)?;
    let host = String::from_utf8_lossy(names.server);
    ssl.set_hostname(&host).map_err(broken)?;
    Ok(ssl)
}

/// What BoringSSL's reasons amount to. A proof that does not fit is a ServerHello that cannot be decoded, to BoringSSL.
fn why(stack: &ErrorStack) -> HandshakeError {
    let reasons = stack.errors().iter();
    let reasons: Vec<i32> = reasons
        .filter_map(|error| error.library_reason(ffi::ERR_LIB_SSL))
        .collect();
    let reason = stack.to_string();
    if reasons.contains(&ffi::SSL_R_DECODE_ERROR) {
        HandshakeError::Password
    } else if reasons.contains(&ffi::SSL_R_MISSING_EXTENSION)
        || reasons.iter().any(|&reason| reason >= ALERTS)
    {
        HandshakeError::NotOffered { reason }
    } else {
        HandshakeError::Broken { reason }
    }
}

impl<S> Connection<S> {
    pub(crate) const fn over(stream: SslStream<S>) -> Self {
        Self(stream)
    }

    /// Octets that both ends of this connection alone can compute (RFC 8446 section 7.5).
    ///
    /// # Errors
    /// BoringSSL refuses.
    pub fn exporter(&self, label: &str) -> Result<[u8; 32], HandshakeError> {
        let mut octets = [0; 32];
        let exported = self
            .0
            .ssl()
            .export_keying_material(&mut octets, label, None);
        exported.map_err(|error| broken(&error))?;
        Ok(octets)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
