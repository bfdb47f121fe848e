//! CRL validation.

use resolvet_proto::judgement::{Decision, Request};

use crate::{
    forge::{NOW, crl, key},
    world::{World, judge, rejects},
};

fn with(w: &World, revoked: &[&[u8]], until: u64, signer: &rcgen::KeyPair) -> Request {
    Request {
        crls: vec![crl("authority", revoked, until, signer)],
        ..w.request(&w.server())
    }
}

/// 6.3.3 (i): a certificate on the complete CRL is revoked.
#[test]
fn what_is_listed_is_revoked() {
    let w = World::new();
    rejects(
        &with(&w, &[&[0x10], &[0x11]], NOW + 9, &w.authority),
        "revoked",
    );
}

/// The accept ends when the CRL does.
#[test]
fn an_accept_ends_with_the_crl() {
    let w = World::new();
    let verdict = judge(&with(&w, &[&[0x10]], NOW + 9, &w.authority));
    assert_eq!(verdict.decision, Decision::Accept { lifetime: Some(9) });
}

/// 6.3.3 (a) and (g): one that has ended or that the issuer did not sign determines nothing.
#[test]
fn unusable_crls_refuse() {
    let w = World::new();
    rejects(&with(&w, &[], NOW - 1, &w.authority), "crl-unusable");
    rejects(&with(&w, &[], NOW + 9, &key()), "crl-unusable");
}

/// 6.3.3 (f): the issuer's key usage allows it to sign CRLs.
#[test]
fn the_issuer_may_sign_crls() {
    let w = World::new();
    let authority = w.authority().key_usage(&[0b0000_0100]);
    let crls = vec![crl("authority", &[], NOW + 9, &w.authority)];
    rejects(
        &Request {
            crls,
            ..w.request_of(&w.server(), &authority, &w.root())
        },
        "crl-unusable",
    );
}

/// A CRL by somebody else says nothing about the certificate.
#[test]
fn other_issuers_crls_say_nothing() {
    let w = World::new();
    let crls = vec![crl("somebody", &[&[0x11]], NOW + 9, &key())];
    let verdict = judge(&Request {
        crls,
        ..w.request(&w.server())
    });
    assert!(
        matches!(verdict.decision, Decision::Accept { .. }),
        "{verdict:#?}"
    );
}
