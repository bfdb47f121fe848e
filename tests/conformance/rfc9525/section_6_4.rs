//! Matching an IP address portion.

use resolvet_proto::judgement::ReferenceId;

use crate::{
    forge::{dns, ip},
    world::{World, accepts, rejects},
};

/// The octets are equal; a prefix, a range or a text is no match.
#[test]
fn addresses_are_equal_octet_for_octet() {
    let w = World::new();
    let v6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap();
    for (presented, reference, good) in [
        (ip(&[192, 0, 2, 1]), "192.0.2.1", true),
        (ip(&[192, 0, 2, 1]), "192.0.2.2", false),
        (ip(&v6.octets()), "2001:db8::1", true),
        (ip(&v6.octets()), "192.0.2.1", false),
        (
            ip(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]),
            "192.0.2.1",
            false,
        ),
        (dns("dns.example.net"), "192.0.2.1", false),
    ] {
        let mut request = w.request(&w.server_named(&[presented]));
        request.reference_ids = vec![ReferenceId::IpId(reference.parse().unwrap())];
        if good {
            accepts(&request)
        } else {
            rejects(&request, "name-mismatch")
        }
    }
}
