//! A plain client for the lab's own tests and for the registrar, which asks the MASA. One request after the other on one
//! connection; it follows nothing, and asks again for nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{CHANNEL_BINDING, Response};
use crate::lab::ca::Identity;

/// How long a response may take: a server may have to do a key exchange of 4,096 bits without optimization.
const PATIENCE: Duration = Duration::from_secs(30);
/// Octets of a header that are read.
const HEADER_OCTETS: u64 = 1 << 16;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    host: String,
}

impl Client {
    /// Connects to a server that `anchors` must certify for `name`; `None` believes whatever it presents, once it has shown
    /// that it has the key. `identity` is presented when the server asks for a certificate.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn connect(
        server: SocketAddr,
        name: &str,
        anchors: Option<&[CertificateDer<'static>]>,
        identity: Option<&Identity>,
    ) -> Result<Self> {
        let config = Arc::new(config(anchors, identity)?);
        let session = ClientConnection::new(config, ServerName::try_from(name.to_owned())?)?;
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self {
            stream: BufReader::new(stream),
            host: format!("{name}:{}", server.port()),
        })
    }

    /// What the server presented, end entity first.
    #[must_use]
    pub fn server_certificates(&self) -> Vec<Vec<u8>> {
        let presented = self.stream.get_ref().conn.peer_certificates();
        presented
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect()
    }

    /// The exporter's 32 octets (RFC 9266).
    ///
    /// # Errors
    /// When the connection has none.
    pub fn exporter(&self) -> Result<[u8; 32]> {
        let session = &self.stream.get_ref().conn;
        Ok(session.export_keying_material([0; 32], CHANNEL_BINDING, Some(&[]))?)
    }

    /// Sends a request and reads the whole response. Host and Content-Length are added.
    ///
    /// # Errors
    /// When the connection ends early or what comes is no HTTP/1.1 response with a length.
    pub fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n", body.len());
        let stream = self.stream.get_mut();
        stream.write_all(&[request.as_bytes(), body].concat())?;
        stream.flush()?;
        self.read()
    }

    fn read(&mut self) -> Result<Response> {
        let status_line = self.line()?;
        let mut words = status_line.split(' ');
        if words.next() != Some("HTTP/1.1") {
            bail!("`{}` is no status line", status_line.escape_debug());
        }
        let status = words.next().unwrap_or_default().parse()?;
        let mut response = Response::status(status);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            response = response.with(&name.to_ascii_lowercase(), value.trim());
        }
        let length = response.header("content-length").map(str::parse);
        let length: usize = length.transpose()?.unwrap_or(0);
        response.body = vec![0; length];
        self.stream
            .read_exact(&mut response.body)
            .context("the response ended early")?;
        Ok(response)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let mut bounded = (&mut self.stream).take(HEADER_OCTETS);
        if bounded.read_line(&mut line)? == 0 {
            bail!("the connection ended before the response did");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// rustls as a client.
pub(crate) fn config(
    anchors: Option<&[CertificateDer<'static>]>,
    identity: Option<&Identity>,
) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?;
    let builder = match anchors {
        Some(anchors) => {
            let mut roots = RootCertStore::empty();
            for anchor in anchors {
                roots.add(anchor.clone())?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified { provider })),
    };
    Ok(match identity {
        Some(identity) => {
            builder.with_client_auth_cert(identity.chain().to_vec(), identity.private_key())?
        }
        None => builder.with_no_client_auth(),
    })
}

/// Believes every certificate and verifies that the peer has its key.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
