//! The name form: `_Service.Name`.

use crate::{
    forge::{dns, srv},
    world::{SERVER, World, rejects},
};

/// What is not of the form spoils the certificate.
#[test]
fn malformed_names_refuse() {
    let w = World::new();
    for bad in [
        "domain-s.example.net",
        "_domain-s",
        "_.example.net",
        "_domain-s.",
        "_domain-s.*.example.net",
    ] {
        rejects(
            &w.request(&w.server_named(&[dns(SERVER), srv(bad)])),
            "alt-name-malformed",
        );
    }
}

/// An SRVName identifies a service, never a host: it does not answer to a DNS-ID.
#[test]
fn an_srv_name_is_no_host_name() {
    let w = World::new();
    rejects(
        &w.request(&w.server_named(&[srv("_domain-s.dns.example.net")])),
        "name-mismatch",
    );
}
