//! Asks the network on one interface what it offers (RFC 9463): by DHCPINFORM, by an Information-request of DHCPv6, and by a
//! router solicitation. No address is taken, and no other client of DHCP is disturbed; the system must let this program bind
//! the clients' ports and open a raw socket.
//!
//! Whoever is on the link may answer: everything that comes is a proposal.

mod again;
mod exchange;
mod near;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use if_addrs::Interface;
use resolvet_proto::discovery::{
    dnr::NetworkOption,
    parameters::{self, Parameters},
};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::{net::UdpSocket, time::Instant};

pub use again::Offers;
use exchange::{Exchange, exchange};

/// The ports of servers and clients (RFC 2131 section 4.1, RFC 8415 section 7.2).
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCP_V6_SERVER: u16 = 547;
const DHCP_V6_CLIENT: u16 = 546;
/// All DHCPv6 servers and relays of a link (RFC 8415 section 7.1), and all routers (RFC 4291 section 2.7.1).
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The hop limit of what must not have passed a router (RFC 4861 section 4.1).
const HOPS: u32 = 255;
/// The longest that the first question of IPv6 is held back, so that hosts of one link do not ask all at once (RFC 8415
/// section 18.2.6, RFC 4861 section 6.3.7).
const DELAY: Duration = Duration::from_secs(1);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A DHCP server.
    DhcpV4,
    /// A DHCPv6 server.
    DhcpV6,
    /// A router.
    Router,
}

impl Source {
    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DhcpV4 => "DHCP",
            Self::DhcpV6 => "DHCPv6",
            Self::Router => "router advertisement",
        }
    }
}

/// What was said on an interface.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Asked {
    /// The answers, in no order.
    pub answers: Vec<(Source, Parameters)>,
    /// Which ways of asking failed.
    pub failures: Vec<(Source, OfferError)>,
}

impl Asked {
    /// The options that designate encrypted resolvers: what a session takes
    /// ([`resolvet_proto::session::Config::network_options`]). What is said twice counts once: a router answers others on the link,
    /// too.
    #[must_use]
    pub fn options(&self) -> Vec<NetworkOption> {
        let mut options: Vec<NetworkOption> = Vec::new();
        for option in self.answers.iter().flat_map(|(_, said)| &said.options) {
            if !options.contains(option) {
                options.push(option.clone());
            }
        }
        options
    }
}

/// The network cannot be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OfferError {
    /// There is no such interface, or it is down.
    #[error("interface `{}` has no address", .interface.escape_debug())]
    Interface {
        /// Its name.
        interface: String,
    },
    /// The interface has no address of this family.
    #[error("interface `{}` has no {family} address to ask from", .interface.escape_debug())]
    Address {
        /// Its name.
        interface: String,
        /// `IPv4` or `link-local IPv6`.
        family: &'static str,
    },
    /// The interface is of no kind that DHCP is asked over here.
    #[error("interface `{}` has no Ethernet address", .interface.escape_debug())]
    Hardware {
        /// Its name.
        interface: String,
    },
    /// The system does not let this program ask.
    #[error("the system does not let {source_name} be asked: {error}", source_name = .what.as_str())]
    System {
        /// What was to be asked.
        what: Source,
        /// What the system said.
        error: io::Error,
    },
}

/// Asks on this interface, in all three ways at once, and waits for answers this long at most. Where somebody answers it takes
/// less.
///
/// # Errors
/// There is no such interface. That nobody answers is no error.
pub async fn ask(interface: &str, within: Duration) -> Result<Asked, OfferError> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let own = all.into_iter().filter(|other| other.name == interface);
    let own: Vec<Interface> = own.collect();
    if own.is_empty() {
        let interface = interface.to_owned();
        return Err(OfferError::Interface { interface });
    }
    let until = Instant::now() + within;
    let (four, six, routers) = tokio::join!(
        dhcp_v4(interface, &own, until),
        dhcp_v6(interface, &own, until),
        router(interface, &own, until),
    );
    let mut asked = Asked::default();
    for (source, came) in [
        (Source::DhcpV4, four),
        (Source::DhcpV6, six),
        (Source::Router, routers),
    ] {
        match came {
            Ok(answers) => asked
                .answers
                .extend(answers.into_iter().map(|said| (source, said))),
            Err(error) => asked.failures.push((source, error)),
        }
    }
    Ok(asked)
}

async fn dhcp_v4(
    interface: &str,
    own: &[Interface],
    until: Instant,
) -> Result<Vec<Parameters>, OfferError> {
    let mut addresses = own.iter().filter_map(|own| match own.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let address = addresses.next().ok_or_else(|| OfferError::Address {
        interface: interface.to_owned(),
        family: "IPv4",
    })?;
    let hardware = hardware(interface).ok_or_else(|| OfferError::Hardware {
        interface: interface.to_owned(),
    })?;
    let socket = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // A client of DHCP may be running.
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, DHCP_CLIENT)).into())?;
        tokio_socket(socket)
    };
    let transaction = random()?;
    let asking = Exchange {
        socket: socket().map_err(system(Source::DhcpV4))?,
        to: (Ipv4Addr::BROADCAST, DHCP_SERVER).into(),
        after: Duration::ZERO,
        until,
    };
    let question = |_| parameters::inform(transaction, address, hardware);
    let read = |message: &[u8], from: SocketAddr| {
        let is_server = from.port() == DHCP_SERVER;
        parameters::acknowledgement(message, transaction, hardware).filter(|_| is_server)
    };
    let came = exchange(asking, question, read).await;
    came.map_err(system(Source::DhcpV4))
}

async fn dhcp_v6(
    interface: &str,
    own: &[Interface],
    until: Instant,
) -> Result<Vec<Parameters>, OfferError> {
    let (address, index) = link_local(interface, own)?;
    let socket = || {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_only_v6(true)?;
        socket.set_reuse_address(true)?;
        socket.set_multicast_if_v6(index)?;
        socket.bind(&SocketAddrV6::new(address, DHCP_V6_CLIENT, 0, index).into())?;
        tokio_socket(socket)
    };
    let transaction = random()?;
    let asking = Exchange {
        socket: socket().map_err(system(Source::DhcpV6))?,
        to: SocketAddrV6::new(SERVERS, DHCP_V6_SERVER, 0, index).into(),
        after: delay()?,
        until,
    };
    let question = |elapsed: Duration| {
        let hundredths = u16::try_from(elapsed.as_millis() / 10).unwrap_or(u16::MAX);
        parameters::information_request(transaction, hundredths)
    };
    let read = |message: &[u8], _| parameters::reply(message, transaction);
    let came = exchange(asking, question, read).await;
    came.map_err(system(Source::DhcpV6))
}

async fn router(
    interface: &str,
    own: &[Interface],
    until: Instant,
) -> Result<Vec<Parameters>, OfferError> {
    let (_, index) = link_local(interface, own)?;
    let socket = || {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_multicast_if_v6(index)?;
        socket.set_multicast_hops_v6(HOPS)?;
        near::only(&socket)?;
        tokio_socket(socket)
    };
    let asking = Exchange {
        socket: socket().map_err(system(Source::Router))?,
        to: SocketAddrV6::new(ROUTERS, 0, 0, index).into(),
        after: delay()?,
        until,
    };
    let question = |_| parameters::solicitation().to_vec();
    let read = |message: &[u8], from: SocketAddr| {
        // RFC 4861 section 6.1.2: what is no router's own address is none that advertises.
        let is_near = matches!(from.ip(), IpAddr::V6(from) if from.is_unicast_link_local());
        parameters::advertisement(message).filter(|_| is_near)
    };
    let came = exchange(asking, question, read).await;
    came.map_err(system(Source::Router))
}

/// The number of an interface that has an address, by its name: the zone of its link-local addresses (RFC 4007 section 11).
#[must_use]
pub fn interface_index(interface: &str) -> Option<u32> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let mut own = all.into_iter().filter(|other| other.name == interface);
    own.find_map(|own| own.index)
}

fn system(what: Source) -> impl Fn(io::Error) -> OfferError {
    move |error| OfferError::System { what, error }
}

/// An interface's link-local address and index.
fn link_local(interface: &str, own: &[Interface]) -> Result<(Ipv6Addr, u32), OfferError> {
    let mut addresses = own.iter().filter_map(|own| match own.ip() {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some((address, own.index?)),
        _ => None,
    });
    addresses.next().ok_or_else(|| OfferError::Address {
        interface: interface.to_owned(),
        family: "link-local IPv6",
    })
}

/// An interface's Ethernet address.
fn hardware(interface: &str) -> Option<[u8; 6]> {
    if interface.contains(['/', '\0']) || interface.starts_with('.') {
        return None;
    }
    let text = std::fs::read_to_string(format!("/sys/class/net/{interface}/address")).ok()?;
    let octets = text.trim().split(':');
    let octets: Option<Vec<u8>> = octets
        .map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    octets?.try_into().ok()
}

fn tokio_socket(socket: Socket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    // The same calls send to and receive from a raw socket.
    UdpSocket::from_std(socket.into())
}

fn random() -> Result<u32, OfferError> {
    let mut octets = [0; 4];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| OfferError::System {
        what: Source::DhcpV4,
        error: io::Error::other("no random numbers"),
    })?;
    Ok(u32::from_be_bytes(octets))
}

/// A part of [`DELAY`].
fn delay() -> Result<Duration, OfferError> {
    Ok(DELAY.mul_f64(f64::from(random()?) / f64::from(u32::MAX)))
}
