//! What no router has forwarded.

use std::{io, mem::MaybeUninit};

use socket2::{SockFilter, Socket};

use super::HOPS;

/// A filter of the system for packets (BPF): an octet of the packet to the accumulator, a jump by its value, an end.
const LOAD_OCTET: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// Where the header of IPv6 begins for such a filter, which sees what comes after it, and the hop limit in it.
const HEADER: u32 = 0xfff0_0000;
const HOP_LIMIT: u32 = 7;
/// Packets that may have come before the filter.
const EARLY: usize = 4_096;

/// Has a socket of IPv6 get only packets with a hop limit of 255, which have passed no router (RFC 4861 section 6.1.2). The socket
/// does not block afterwards.
pub(super) fn only(socket: &Socket) -> io::Result<()> {
    socket.attach_filter(&[
        SockFilter::new(LOAD_OCTET, 0, 0, HEADER + HOP_LIMIT),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, HOPS),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ])?;
    socket.set_nonblocking(true)?;
    let mut octet = [MaybeUninit::uninit()];
    for _ in 0..EARLY {
        if socket.recv(&mut octet).is_err() {
            return Ok(());
        }
    }
    Err(io::Error::other("more packets came than can be looked at"))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv6Addr, SocketAddr, UdpSocket},
        time::Duration,
    };

    use socket2::{Domain, SockRef, Type};

    use super::*;

    #[test]
    fn what_passed_a_router_is_not_seen() {
        let here = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
        socket.bind(&here.into()).unwrap();
        let receiver = UdpSocket::from(socket.try_clone().unwrap());
        let to = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind(here).unwrap();
        let send = |hops: u32| {
            SockRef::from(&sender).set_unicast_hops_v6(hops).unwrap();
            sender.send_to(&hops.to_be_bytes(), to).unwrap();
        };
        send(64);
        only(&socket).unwrap();
        for hops in [64, 254, 1, 255] {
            send(hops);
        }
        receiver.set_nonblocking(false).unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut came = [0; 4];
        receiver.recv(&mut came).unwrap();
        assert_eq!(u32::from_be_bytes(came), 255);
        receiver.set_nonblocking(true).unwrap();
        assert!(receiver.recv(&mut came).is_err(), "nothing else came");
    }
}
