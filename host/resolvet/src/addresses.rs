//! What an address leads to, whatever form it is written in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, and the IPv4 address that is written inside it: mapped (RFC 4291), of NAT64 (RFC 6052), of 6to4 (RFC 3056).
pub(crate) fn forms(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(outer) => inside(outer),
    };
    [Some(address), inner.map(IpAddr::V4)].into_iter().flatten()
}

fn inside(outer: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match outer.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}
