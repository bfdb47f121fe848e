//! Constructing a list of reference identifiers.

use resolvet_proto::judgement::ReferenceId;

use crate::{
    forge::{Certificate, dns, name},
    world::{SERVER, World, accepts, rejects},
};

/// Without reference identifiers there is nothing to match, so nothing is accepted.
#[test]
fn there_is_a_reference_identifier() {
    let w = World::new();
    let mut request = w.request(&w.server());
    request.reference_ids.clear();
    rejects(&request, "no-reference-identifier");
}

/// Any one of them suffices (section 6.2).
#[test]
fn any_one_suffices() {
    let w = World::new();
    let mut request = w.request(&w.server());
    request
        .reference_ids
        .insert(0, ReferenceId::DnsId("other.example.net".into()));
    accepts(&request);
}

/// Section 2: the subject's common name MUST NOT be used.
#[test]
fn the_subject_does_not_count() {
    let w = World::new();
    let server = Certificate {
        subject: name(SERVER),
        ..w.server_named(&[dns("other.example.net")])
    };
    rejects(&w.request(&server), "name-mismatch");
}
