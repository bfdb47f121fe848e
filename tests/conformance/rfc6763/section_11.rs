//! Domains to browse.

use hickory_proto::rr::{RData, rdata::PTR};
use resolvet_proto::discovery::{
    DomainName,
    dns_sd::{browse_domains, browse_domains_of_network, domains},
    limits::DOMAINS,
};

use super::{answer, domain, name};

#[test]
fn domains_to_browse_are_proposed() {
    let lookup = browse_domains(&domain()).unwrap();
    assert_eq!(lookup.name, name("b._dns-sd._udp.example.net."));
    let to = |text| (lookup.name.clone(), RData::PTR(PTR(name(text))));
    let mut records = vec![
        to("Corp.example."),
        to("corp.example."),
        to("."),
        to("local."),
        to("my.local."),
        to("a~b.example."),
    ];
    assert_eq!(
        domains(&answer(&lookup, records.clone())),
        [DomainName::parse("corp.example").unwrap()]
    );
    let more: Vec<_> = (0..50).map(|n| format!("d{n}.example.")).collect();
    records.extend(more.iter().map(|text| to(text)));
    assert_eq!(domains(&answer(&lookup, records)).len(), DOMAINS);
}

#[test]
fn a_network_has_a_name_in_the_reverse_tree() {
    for (address, prefix, expected) in [
        (
            [192, 168, 1, 77],
            24,
            "b._dns-sd._udp.0.1.168.192.in-addr.arpa.",
        ),
        (
            [10, 20, 30, 40],
            12,
            "b._dns-sd._udp.0.0.16.10.in-addr.arpa.",
        ),
        (
            [10, 20, 30, 40],
            32,
            "b._dns-sd._udp.40.30.20.10.in-addr.arpa.",
        ),
        ([10, 20, 30, 40], 0, "b._dns-sd._udp.0.0.0.0.in-addr.arpa."),
    ] {
        let lookup = browse_domains_of_network(address.into(), prefix).unwrap();
        assert_eq!(lookup.name, name(expected));
    }
    assert_eq!(browse_domains_of_network([10, 0, 0, 1].into(), 33), None);
}
