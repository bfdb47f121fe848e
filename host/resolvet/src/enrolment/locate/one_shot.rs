//! Questions to everybody on the link, each asked once (RFC 6762 section 5.1): the library that listens there gives neither
//! priority nor weight of an SRV record, and takes a dot in an instance's name for the end of a label.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use futures_util::future::join_all;
use hickory_proto::{
    op::{Message, Query},
    rr::RecordType,
};
use if_addrs::Interface;
use resolvet_proto::discovery::{Answer, dns_sd::Lookup};
use socket2::SockRef;
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::Interfaces;

/// The groups (RFC 6762 section 3).
const GROUP_4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Addresses of this machine that are asked from.
const SOCKETS: usize = 16;
/// Octets of the largest message (RFC 6762 section 17).
const MESSAGE: usize = 9_000;
/// Datagrams that one socket reads; a few answer each question.
const DATAGRAMS: usize = 256;

/// Asks everybody on the link, and gives the answers that came until then, each with the position of its lookup. The first
/// lookup's identifier is `id`; the others' follow.
pub(super) async fn ask(
    interfaces: &Interfaces,
    port: u16,
    lookups: &[Lookup],
    id: u16,
    until: Instant,
) -> Vec<(usize, Answer)> {
    let own = if_addrs::get_if_addrs().unwrap_or_default();
    let own = own.iter().filter(|interface| interfaces.include(interface));
    let asking = own
        .take(SOCKETS)
        .map(|interface| ask_from(interface, port, lookups, id, until));
    let answers = join_all(asking).await;
    answers.into_iter().flatten().flatten().collect()
}

async fn ask_from(
    interface: &Interface,
    port: u16,
    lookups: &[Lookup],
    id: u16,
    until: Instant,
) -> io::Result<Vec<(usize, Answer)>> {
    let index = interface.index.unwrap_or_default();
    let (own, group) = match interface.ip() {
        IpAddr::V4(own) => ((own, 0).into(), (GROUP_4, port).into()),
        IpAddr::V6(own) => {
            let own = SocketAddrV6::new(own, 0, 0, index);
            let group = SocketAddrV6::new(GROUP_6, port, 0, index);
            (SocketAddr::V6(own), SocketAddr::V6(group))
        }
    };
    let socket = UdpSocket::bind(own).await?;
    match interface.ip() {
        IpAddr::V4(own) => SockRef::from(&socket).set_multicast_if_v4(&own)?,
        IpAddr::V6(_) => SockRef::from(&socket).set_multicast_if_v6(index)?,
    }
    for (id, lookup) in numbered(id, lookups) {
        let rtype = RecordType::from(lookup.kind.number());
        let mut message = Message::query();
        message.metadata.id = id;
        message.add_query(Query::query(lookup.name.clone(), rtype));
        if let Ok(octets) = message.to_vec() {
            socket.send_to(&octets, group).await?;
        }
    }
    let mut answers: Vec<(usize, Answer)> = Vec::new();
    let mut buffer = vec![0; MESSAGE];
    for _ in 0..DATAGRAMS {
        let Ok(came) = timeout_at(until, socket.recv_from(&mut buffer)).await else {
            break;
        };
        let (length, from) = came?;
        let message = buffer.get(..length).unwrap_or_default();
        // Whoever answers does so from the port of multicast DNS (section 6).
        if from.port() != port {
            continue;
        }
        let mut questions = numbered(id, lookups).enumerate();
        let answer = questions.find_map(|(position, (id, lookup))| {
            let is_its = message.starts_with(&id.to_be_bytes());
            let answer = is_its.then(|| Answer::parse(message, &lookup.question()))?;
            Some((position, answer.ok()?))
        });
        answers.extend(answer);
    }
    Ok(answers)
}

/// Each lookup with its identifier.
fn numbered(id: u16, lookups: &[Lookup]) -> impl Iterator<Item = (u16, &Lookup)> {
    (0..=u16::MAX).map(move |n| id.wrapping_add(n)).zip(lookups)
}
