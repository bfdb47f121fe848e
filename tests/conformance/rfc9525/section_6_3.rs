//! Matching the DNS domain name portion.

use crate::{
    forge::dns,
    world::{World, accepts, rejects},
};

/// Each label matches without regard to case, and all of them do.
#[test]
fn every_label_matches() {
    let w = World::new();
    accepts(&w.request(&w.server_named(&[dns("DNS.Example.NET")])));
    for other in [
        "example.net",
        "a.dns.example.net",
        "dns.example.org",
        "xdns.example.net",
    ] {
        rejects(&w.request(&w.server_named(&[dns(other)])), "name-mismatch");
    }
}

/// A wildcard is the complete left-most label and stands for exactly one label.
#[test]
fn a_wildcard_is_the_left_most_label() {
    let w = World::new();
    accepts(&w.request(&w.server_named(&[dns("*.example.net")])));
    rejects(
        &w.request(&w.server_named(&[dns("*.dns.example.net")])),
        "name-mismatch",
    );
    let mut deeper = w.request(&w.server_named(&[dns("*.example.net")]));
    deeper.reference_ids = vec![resolvet_proto::judgement::ReferenceId::DnsId(
        "a.dns.example.net".into(),
    )];
    rejects(&deeper, "name-mismatch");
}

/// A wildcard that is part of a label, or not the first label, matches nothing and spoils the certificate.
#[test]
fn other_wildcards_are_malformed() {
    let w = World::new();
    for bad in ["d*.example.net", "*s.example.net", "dns.*.net", "*.*.net"] {
        let mut request = w.request(&w.server_named(&[dns(bad), dns("dns.example.net")]));
        rejects(&request, "alt-name-malformed");
        request.reference_ids = vec![resolvet_proto::judgement::ReferenceId::DnsId(bad.into())];
        assert_eq!(
            crate::world::judge(&request).decision,
            resolvet_proto::judgement::Decision::Reject
        );
    }
}

/// Section 7.1: a wildcard directly below a registry's name is too wide.
#[test]
fn wildcards_below_registries_are_too_wide() {
    let w = World::new();
    for wide in ["*.net", "*.co.uk", "*"] {
        let request = w.request(&w.server_named(&[dns(wide), dns("dns.example.net")]));
        let codes: Vec<_> = crate::world::judge(&request)
            .findings
            .into_iter()
            .map(|finding| finding.code)
            .collect();
        assert!(
            codes.contains(&"wildcard-too-wide".to_owned()),
            "{wide}: {codes:?}"
        );
    }
}
