//! Path validation.

use resolvet_proto::judgement::Decision;

use crate::{
    forge::{Certificate, NOW, dns, key, seq, tlv},
    world::{SERVER, World, accepts, judge, rejects, request},
};

/// 6.1.3 (a)(1): each signature is verified with the key of the certificate before it.
#[test]
fn signatures_are_verified() {
    let w = World::new();
    let stranger = key();
    let chain = |server: &rcgen::KeyPair, authority: &rcgen::KeyPair| {
        request(
            vec![w.server().sign(server), w.authority().sign(authority)],
            vec![w.root().sign(&w.root)],
        )
    };
    accepts(&chain(&w.authority, &w.root));
    rejects(&chain(&stranger, &w.root), "signature-invalid");
    rejects(&chain(&w.authority, &stranger), "signature-invalid");
}

/// 6.1.3 (a)(2): every certificate of the path is valid at the time, the anchor's too (RFC 5280 6.2 leaves that open).
#[test]
fn every_certificate_is_valid_now() {
    let w = World::new();
    let old = (NOW - 200, NOW - 100);
    let authority = Certificate {
        validity: old,
        ..w.authority()
    };
    rejects(&w.request_of(&w.server(), &authority, &w.root()), "expired");
    let root = Certificate {
        validity: old,
        ..w.root()
    };
    rejects(
        &w.request_of(&w.server(), &w.authority(), &root),
        "anchor-expired",
    );
}

/// 6.1.3 (a)(4): issuer and subject chain.
#[test]
fn names_chain() {
    let w = World::new();
    let server = Certificate::end_entity(&[dns(SERVER)], "somebody", &w.server, &w.authority);
    rejects(&w.request(&server), "issuer-unknown");
}

/// 6.1.4 (k): an issuer says that it is an authority.
#[test]
fn issuers_are_authorities() {
    let w = World::new();
    let request = w.request_of(
        &w.server(),
        &w.authority()
            .basic_constraints(false, None)
            .key_usage(&[0b1000_0000]),
        &w.root(),
    );
    let verdict = judge(&request);
    assert_eq!(verdict.decision, Decision::Reject);
    assert!(
        verdict
            .findings
            .iter()
            .any(|finding| finding.code == "not-an-authority"),
        "{verdict:#?}"
    );
}

/// 6.1.4 (l) and (m): path lengths bind, and self-issued certificates do not count.
#[test]
fn path_lengths() {
    let w = World::new();
    let (lower, renewed) = (key(), key());
    let anchors = || vec![w.root().sign(&w.root)];
    let limited = |limit| {
        w.authority()
            .basic_constraints(true, Some(limit))
            .sign(&w.root)
    };
    let below =
        Certificate::authority("lower", "authority", &lower, &w.authority).sign(&w.authority);
    let server = Certificate::end_entity(&[dns(SERVER)], "lower", &w.server, &lower).sign(&lower);
    rejects(
        &request(vec![server.clone(), below.clone(), limited(0)], anchors()),
        "path-too-long",
    );
    accepts(&request(vec![server, below, limited(1)], anchors()));
    let again =
        Certificate::authority("authority", "authority", &renewed, &w.authority).sign(&w.authority);
    let server =
        Certificate::end_entity(&[dns(SERVER)], "authority", &w.server, &renewed).sign(&renewed);
    accepts(&request(vec![server, again, limited(0)], anchors()));
}

/// Section 7.1: names that differ in case and white space chain.
#[test]
fn names_are_compared_folded() {
    let w = World::new();
    let server = Certificate::end_entity(&[dns(SERVER)], "  AUTHORITY ", &w.server, &w.authority);
    accepts(&w.request(&server));
}

/// 6.1.3 (a)(4) and 7.1: an anchor's name too, and where it is another kind of string.
#[test]
fn names_of_anchors_are_compared_folded() {
    let w = World::new();
    let printable = |text: &str| {
        let attribute = seq(&[&tlv(6, &[0x55, 4, 3]), &tlv(0x13, text.as_bytes())]);
        seq(&[&tlv(0x31, &attribute)])
    };
    let root = |subject: &str| Certificate {
        subject: printable(subject),
        issuer: printable(subject),
        ..w.root()
    };
    for (subject, code) in [
        ("root", None),
        ("ROOT", None),
        ("roof", Some("issuer-unknown")),
    ] {
        let request = w.request_of(&w.server(), &w.authority(), &root(subject));
        match code {
            None => accepts(&request),
            Some(code) => rejects(&request, code),
        }
    }
}

/// An accept ends with the first certificate of the path that ends.
#[test]
fn an_accept_ends_with_the_path() {
    let w = World::new();
    let authority = Certificate {
        validity: (0, NOW + 77),
        ..w.authority()
    };
    let verdict = judge(&w.request_of(&w.server(), &authority, &w.root()));
    assert_eq!(verdict.decision, Decision::Accept { lifetime: Some(77) });
}

/// Another path is tried when one fails: the first anchor of this name has expired, the second has not.
#[test]
fn another_path_is_tried() {
    let w = World::new();
    let chain = vec![w.server().sign(&w.authority), w.authority().sign(&w.root)];
    let expired = Certificate {
        validity: (0, NOW - 1),
        ..w.root()
    };
    accepts(&request(
        chain,
        vec![expired.sign(&w.root), w.root().sign(&w.root)],
    ));
}
