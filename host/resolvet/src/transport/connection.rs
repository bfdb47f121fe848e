//! A connection to a server, whatever it speaks.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Duration,
};

use resolvet_engine::Judge;
use resolvet_proto::{
    doh::Method,
    judgement::{Request, Server, Transport},
};

use super::{
    ConnectError, Cost, ExchangeError, doh, doh3, doq, dot, dtls, handshake::Completed,
    http::Requests, pipeline::Pipeline,
};
use crate::{
    Limits,
    tls::{Judged, Ticket},
};

/// An open connection; clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
    /// DNS over TLS.
    Dot(Pipeline),
    /// DNS over DTLS.
    Dtls(dtls::Dtls),
    /// DNS over HTTPS by HTTP/2.
    Doh(doh::Doh2),
    /// DNS over HTTPS by HTTP/3.
    Doh3(doh3::Doh3),
    /// DNS over QUIC.
    Doq(doq::Doq),
}

impl Connection {
    /// The transports that [`connect`] knows.
    pub(crate) const TRANSPORTS: [Transport; 5] = [
        Transport::Dot,
        Transport::Doh,
        Transport::Doh3,
        Transport::Doq,
        Transport::Dtls,
    ];

    /// Whether the connection still lives.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Dot(pipeline) => pipeline.is_open(),
            Self::Dtls(connection) => connection.is_open(),
            Self::Doh(connection) => connection.is_open(),
            Self::Doh3(connection) => connection.is_open(),
            Self::Doq(connection) => connection.is_open(),
        }
    }

    /// Ends the connection: queries under way get no answer.
    pub(crate) fn close(&self) {
        match self {
            Self::Dot(pipeline) => pipeline.close(),
            Self::Dtls(connection) => connection.close(),
            Self::Doh(connection) => connection.close(),
            Self::Doh3(connection) => connection.close(),
            Self::Doq(connection) => connection.close(),
        }
    }

    /// Sends a query and waits for its answer, which carries the query's own identifier and question.
    pub(crate) async fn exchange(
        &self,
        query: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, ExchangeError> {
        match self {
            Self::Dot(pipeline) => pipeline.exchange(query, within).await,
            Self::Dtls(connection) => connection.exchange(query, within).await,
            Self::Doh(connection) => connection.exchange(query, within).await,
            Self::Doh3(connection) => connection.exchange(query, within).await,
            Self::Doq(connection) => connection.exchange(query, within).await,
        }
    }
}

/// A completed handshake.
pub(crate) struct Established {
    /// The connection.
    pub(crate) connection: Connection,
    /// What the policies said, which counts from now on.
    pub(crate) judged: Judged,
    /// What it cost.
    pub(crate) cost: Cost,
    /// What the next one with this server may resume.
    pub(crate) ticket: Option<Ticket>,
}

/// Where a connection goes, and how it is judged.
pub(crate) struct Target<'a> {
    /// Where, and how it is spoken to.
    pub(crate) server: &'a Server,
    /// Its address on the link that it is on.
    pub(crate) at: SocketAddr,
    /// What the peer is addressed by: its name in the handshake, and the host of URIs.
    pub(crate) name: &'a str,
    /// How DNS over HTTPS sends queries.
    pub(crate) method: Method,
    /// Who judges.
    pub(crate) judge: Judge,
    /// What is judged, but for what the peer presents.
    pub(crate) context: Arc<Request>,
    /// What may be resumed.
    pub(crate) ticket: Option<Ticket>,
}

impl Target<'_> {
    pub(super) const fn address(&self) -> SocketAddr {
        self.at
    }

    /// Where requests of DNS over HTTPS go.
    fn requests(&self) -> Result<Requests, ConnectError> {
        let path = self.server.path.as_deref();
        Requests::new(self.name, self.server.port, path, self.method).map_err(|reason| {
            ConnectError::Template {
                address: self.address(),
                reason,
            }
        })
    }
}

/// Where a server is. A link-local address is one of each link, so the interface belongs to it (RFC 4007 section 6): `None` where
/// that is not known.
pub(crate) fn place(
    server: &Server,
    interface: impl FnOnce() -> Option<u32>,
) -> Option<SocketAddr> {
    match server.address {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            Some(SocketAddrV6::new(address, server.port, 0, interface()?).into())
        }
        address => Some(SocketAddr::new(address, server.port)),
    }
}

/// Connects, and has the validators judge what the peer presents.
pub(crate) async fn connect(
    target: Target<'_>,
    limits: &Limits,
) -> Result<Established, ConnectError> {
    let within = limits.handshake;
    let (connection, completed) = match &target.server.transport {
        Transport::Dot => {
            let (pipeline, completed) = dot::connect(target, within).await?;
            (Connection::Dot(pipeline), completed)
        }
        Transport::Dtls => {
            let (connection, completed) = dtls::connect(target, limits.datagrams).await?;
            (Connection::Dtls(connection), completed)
        }
        Transport::Doh => {
            let requests = target.requests()?;
            let (connection, completed) = doh::connect(target, requests, within).await?;
            (Connection::Doh(connection), completed)
        }
        Transport::Doh3 => {
            let requests = target.requests()?;
            let (connection, completed) = doh3::connect(target, requests, within).await?;
            (Connection::Doh3(connection), completed)
        }
        Transport::Doq => {
            let (connection, completed) = doq::connect(target, within).await?;
            (Connection::Doq(connection), completed)
        }
        other => return Err(ConnectError::Transport(other.clone())),
    };
    let Completed {
        judged,
        cost,
        ticket,
    } = completed;
    Ok(Established {
        connection,
        judged,
        cost,
        ticket,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_belongs_to_an_interface() {
        for (address, interface, expected) in [
            ("192.0.2.1", None, Some("192.0.2.1:853")),
            ("169.254.0.1", None, Some("169.254.0.1:853")),
            ("2001:db8::1", Some(3), Some("[2001:db8::1]:853")),
            ("fe80::1", Some(3), Some("[fe80::1%3]:853")),
            ("fe80::1", None, None),
        ] {
            let server = Server {
                transport: Transport::Dot,
                address: address.parse().unwrap(),
                port: 853,
                path: None,
                ech: None,
            };
            let place = place(&server, || interface);
            let place = place.map(|place| place.to_string());
            assert_eq!(place.as_deref(), expected, "{address}");
        }
    }
}
