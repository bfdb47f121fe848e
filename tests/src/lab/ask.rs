//! A plain client for the lab's own tests and for waiting until a server of others is ready. It checks nothing that a
//! resolver must check: the journeys under test have their own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::RecordType;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};

use super::dns::absolute;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A stream of DNS messages over TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A recursive query with EDNS.
///
/// # Errors
/// When `name` is no domain name.
pub fn query(id: u16, name: &str, record_type: RecordType) -> Result<Message> {
    let mut query = Message::new(id, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(absolute(name)?, record_type));
    query.edns = Some(Edns::new());
    Ok(query)
}

/// Asks over UDP; the octets of the first datagram that comes back.
///
/// # Errors
/// When nothing comes back within two seconds.
pub fn udp(server: SocketAddr, query: &Message) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    socket.send(&query.to_vec()?)?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let length = socket.recv(&mut buffer).context("no answer over UDP")?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Asks over TCP; the octets of the answer.
///
/// # Errors
/// When no connection or no whole answer comes within two seconds each.
pub fn tcp(server: SocketAddr, query: &Message) -> Result<Vec<u8>> {
    let mut stream = connect(server)?;
    send(&mut stream, query)?;
    receive(&mut stream)
}

/// Opens a TLS connection that trusts `anchors` for `name`.
///
/// # Errors
/// When the connection or the handshake fails.
pub fn tls(
    server: SocketAddr,
    name: &str,
    anchors: &[CertificateDer<'static>],
) -> Result<TlsStream> {
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(anchor.clone())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"dot".to_vec()];
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned())?)?;
    let mut stream = StreamOwned::new(connection, connect(server)?);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Writes a message with its length before it.
///
/// # Errors
/// When the stream takes no more.
pub fn send(stream: &mut impl Write, query: &Message) -> Result<()> {
    let octets = query.to_vec()?;
    let length = u16::try_from(octets.len())?;
    stream.write_all(&[length.to_be_bytes().as_slice(), &octets].concat())?;
    Ok(stream.flush()?)
}

/// Reads a message by the length before it.
///
/// # Errors
/// When the stream ends before the message does.
pub fn receive(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 2];
    stream
        .read_exact(&mut length)
        .context("no answer on the stream")?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream
        .read_exact(&mut message)
        .context("the answer ended early")?;
    Ok(message)
}

/// A connection that does not wait for ever.
fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
