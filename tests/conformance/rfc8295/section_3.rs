//! Certificates of end entities: which one is the DNS server's (the draft's section 4).

use resolvet_proto::enrolment::est::{EndEntityError, dns_server};
use resolvet_proto::judgement::Der;

use crate::{
    forge::{dns, srv},
    world::World,
};

fn certificate(w: &World, names: &[Vec<u8>]) -> Der {
    w.server_named(names).sign(&w.authority)
}

/// The SRV-ID tells it, and the ADN is the DNS-ID equal to its name, whatever else stands there.
#[test]
fn the_srv_id_tells_the_dns_server() {
    let w = World::new();
    let other = certificate(&w, &[dns("www.example.net")]);
    let server = certificate(
        &w,
        &[
            dns("ns1.example.net"),
            dns("Example.NET"),
            srv("_domain-s.example.net"),
        ],
    );
    let found = dns_server(&[other, server.clone()], None).unwrap();
    assert_eq!(found.authentication_domain_name, "example.net");
    assert_eq!(found.srv_id.to_string(), "_domain-s.example.net");
    assert_eq!(found.certificates, [server]);
}

/// Where none is equal, the only DNS-ID without wildcard.
#[test]
fn the_only_dns_id_is_the_name() {
    let w = World::new();
    let server = certificate(
        &w,
        &[
            dns("*.example.net"),
            dns("ns.example.net"),
            srv("_domain-s.example.net"),
        ],
    );
    let found = dns_server(&[server], None).unwrap();
    assert_eq!(found.authentication_domain_name, "ns.example.net");
}

/// Several certificates with one SRV-ID are one server's.
#[test]
fn several_certificates_of_one_server() {
    let w = World::new();
    let names = [dns("example.net"), srv("_domain-s.example.net")];
    let mut second = w.server_named(&names);
    second.serial = vec![0x12];
    let both = [certificate(&w, &names), second.sign(&w.authority)];
    assert_eq!(dns_server(&both, None).unwrap().certificates, both);
}

/// Two SRV-IDs are ambiguous, unless the user says which domain.
#[test]
fn two_srv_ids_are_ambiguous() {
    let w = World::new();
    let a = certificate(&w, &[dns("a.net"), srv("_domain-s.a.net")]);
    let b = certificate(&w, &[dns("b.net"), srv("_domain-s.b.net")]);
    assert_eq!(
        dns_server(&[b.clone(), a.clone()], None),
        Err(EndEntityError::AmbiguousSrvId {
            presented: vec!["_domain-s.a.net".into(), "_domain-s.b.net".into()]
        })
    );
    let found = dns_server(&[b.clone(), a.clone()], Some("B.net.")).unwrap();
    assert_eq!(found.certificates, std::slice::from_ref(&b));
    assert!(matches!(
        dns_server(&[b, a], Some("c.net")),
        Err(EndEntityError::OtherDomain { .. })
    ));
}

/// Each way in which there is no name has its own error.
#[test]
fn no_name() {
    let w = World::new();
    let of = |names: &[Vec<u8>]| dns_server(&[certificate(&w, names)], None).unwrap_err();
    assert_eq!(
        of(&[dns("example.net"), srv("_imap.example.net")]),
        EndEntityError::NoSrvId { certificates: 1 }
    );
    assert!(matches!(
        of(&[dns("*.example.net"), srv("_domain-s.example.net")]),
        EndEntityError::NoDnsId { .. }
    ));
    assert!(matches!(
        of(&[dns("a.net"), dns("b.net"), srv("_domain-s.example.net")]),
        EndEntityError::AmbiguousDnsId { .. }
    ));
    let one = certificate(&w, &[dns("a.net"), srv("_domain-s.example.net")]);
    let two = certificate(&w, &[dns("b.net"), srv("_domain-s.example.net")]);
    assert!(matches!(
        dns_server(&[one, two], None),
        Err(EndEntityError::Contradiction { .. })
    ));
    assert_eq!(
        dns_server(&[[0x30, 0].as_slice().into()], None),
        Err(EndEntityError::NoSrvId { certificates: 1 })
    );
}
