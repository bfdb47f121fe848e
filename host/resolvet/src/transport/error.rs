//! Why there is no connection, and why a query got no answer.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use resolvet_proto::{doh::ReplyError, doq::StreamError, judgement::Transport};
use thiserror::Error;

use super::{http::DohError, table::UNDER_WAY};
use crate::tls::Judged;

/// No connection came about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// This build does not speak it.
    #[error("transport `{0}` is not in this build")]
    Transport(Transport),
    /// The address is of a link, and nobody said which.
    #[error(
        "{address} is an address of one link, and no interface is known that it is on (RFC 4007 6)"
    )]
    Link {
        /// Where to.
        address: IpAddr,
    },
    /// TCP failed.
    #[error("TCP connection to {address} failed: {source}")]
    Tcp {
        /// Where to.
        address: SocketAddr,
        /// How.
        source: io::Error,
    },
    /// No datagram could be sent or received.
    #[error("datagrams to {address} failed: {source}")]
    Udp {
        /// Where to.
        address: SocketAddr,
        /// How.
        source: io::Error,
    },
    /// It took too long.
    #[error("{step} handshake with {address} took longer than {} ms", .within.as_millis())]
    Timeout {
        /// Which handshake.
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
    /// There is no place for queries.
    #[error("{address} cannot be asked over HTTPS: {reason}")]
    Template {
        /// Who.
        address: SocketAddr,
        /// Why.
        reason: DohError,
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
    #[error("{address} did not prove possession of its certificate's key ({})", proof(.handshake))]
    ProofOfPossession {
        /// Which handshake.
        handshake: &'static str,
        /// Who.
        address: SocketAddr,
    },
    /// The peer ended the handshake.
    #[error("{address} ended the {handshake} handshake: {reason}")]
    Closed {
        /// Which handshake.
        handshake: &'static str,
        /// Who.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// The handshake failed otherwise.
    #[error("{handshake} handshake with {address} failed: {reason}")]
    Handshake {
        /// Which handshake.
        handshake: &'static str,
        /// Who with.
        address: SocketAddr,
        /// How.
        reason: String,
    },
    /// The peer does not read what was encrypted for it, and gave nothing else to encrypt with.
    #[error(
        "{address} refused the encrypted ClientHello, and the name is not sent in clear text (RFC 9849 6.1.6)"
    )]
    EchRefused {
        /// Who.
        address: SocketAddr,
    },
    /// The peer speaks another protocol on this connection.
    #[error("{address} chose the protocol {came}: expected {expected}")]
    Alpn {
        /// Who.
        address: SocketAddr,
        /// What it chose.
        came: String,
        /// What was expected, and where that is written.
        expected: &'static str,
    },
}

/// Where it is written that the key must be proved.
fn proof(handshake: &str) -> &'static str {
    match handshake {
        "DTLS" => "RFC 5246 7.4.3",
        _ => "RFC 8446 4.4.3",
    }
}

/// A query got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The peer closed the connection, or it was withdrawn.
    #[error("connection closed before the answer came")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Too many queries are under way.
    #[error("more than {UNDER_WAY} queries are under way on this connection")]
    Busy,
    /// What should be sent is no query of one question, or longer than 65,535 octets.
    #[error("message of {octets} octets is no query with one question")]
    NoQuery {
        /// Its size.
        octets: usize,
    },
    /// What should be sent does not fit into one datagram.
    #[error("query of {octets} octets: at most {limit} fit into a datagram (RFC 8094 5)")]
    TooLong {
        /// Its size.
        octets: usize,
        /// What fits.
        limit: usize,
    },
    /// The answer was cut, since it did not fit into one datagram, and no other encrypted server could be asked.
    #[error("the answer was cut and no server over a stream can be asked (RFC 8094 5)")]
    Truncated,
    /// The answer is to another question, or has another identifier than the query had.
    #[error("the answer is to another query")]
    OtherQuery,
    /// An HTTP response without an answer.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Nothing was sent: the server had asked to be left alone (RFC 9110 section 10.2.3).
    #[error("the server wants no query for another {} s (RFC 9110 10.2.3)", .0.as_secs().saturating_add(1))]
    Wait(Duration),
    /// The server gave up the query's stream.
    #[error("the server ended the query's stream with code {code:#x} (RFC 9250 4.3)")]
    Stream {
        /// Its code.
        code: u64,
    },
    /// The server broke the protocol; the connection is closed.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] StreamError),
    /// HTTP failed.
    #[error("HTTP exchange failed: {0}")]
    Http(String),
}
