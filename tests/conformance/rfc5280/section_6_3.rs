//! CRL validation.

use resolvet_proto::judgement::{Decision, Request};

use crate::{
    forge::{NOW, critical, crl, crl_with, directory, id_ce, key, seq, tlv},
    world::{World, accepts, judge, rejects},
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

/// 6.3.3 (b)(1): the certificate says that somebody else lists it. Such lists are not processed, so nothing is settled.
#[test]
fn an_indirect_list_settles_nothing() {
    let w = World::new();
    let lister = key();
    let point = seq(&[&tlv(0xa2, &directory("lister"))]);
    let server = w.server().extension(&id_ce(31), false, seq(&[&point]));
    let with = |crls| Request {
        crls,
        ..w.request(&server)
    };
    let indirect = critical(&id_ce(28), &seq(&[&tlv(0x84, &[0xff])]));
    for extension in [&*indirect, &[]] {
        let list = crl_with("lister", &[&[0x11]], NOW + 9, &lister, extension);
        rejects(&with(vec![list]), "crl-unusable");
    }
    let list = crl_with("somebody", &[], NOW + 9, &lister, &indirect);
    accepts(&with(vec![list]));
}

/// 6.3.3: a certificate without distribution points is taken to have one, the name of its issuer.
#[test]
fn the_issuer_is_a_distribution_point() {
    let w = World::new();
    let with = |point: &str, revoked: &[&[u8]]| {
        let full_name = tlv(0xa0, &tlv(0xa0, &directory(point)));
        let extension = critical(&id_ce(28), &seq(&[&full_name]));
        let list = crl_with("authority", revoked, NOW + 9, &w.authority, &extension);
        Request {
            crls: vec![list],
            ..w.request(&w.server())
        }
    };
    accepts(&with("authority", &[]));
    rejects(&with("authority", &[&[0x11]]), "revoked");
    rejects(&with("elsewhere", &[]), "crl-unusable");
}
