//! Authentication by name and by pinned key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::PublicKeyData as _;
use resolvet_proto::judgement::{Decision, Digest, Pin, Request, Verdict};

use crate::{
    forge::{dns, key},
    world::{World, judge, judge_with},
};

fn pinned(request: &Request, keys: &[&rcgen::KeyPair]) -> Verdict {
    let pins: Vec<String> = keys
        .iter()
        .map(|key| STANDARD.encode(Digest::of(&key.subject_public_key_info()).as_octets()))
        .collect();
    judge_with(request, &serde_json::json!({"spki-pins": pins}).to_string())
}

/// RFC 7858 section 4.2: any key of the validated path may be the pinned one, the anchor's too.
#[test]
fn any_key_of_the_path_may_be_pinned() {
    let w = World::new();
    let request = w.request(&w.server());
    for key in [&w.server, &w.authority, &w.root] {
        let verdict = pinned(&request, &[key]);
        assert!(
            matches!(verdict.decision, Decision::Accept { .. }),
            "{verdict:#?}"
        );
    }
    let verdict = pinned(&request, &[&key()]);
    assert_eq!(
        (verdict.decision, verdict.findings[0].code.as_str()),
        (Decision::Reject, "pin-mismatch")
    );
}

/// What is pinned beside a server holds for that server (section 7.1): a key, or as in DNS stamps the signed part of a
/// certificate.
#[test]
fn what_is_pinned_beside_a_server() {
    let w = World::new();
    let request = w.request(&w.server());
    let signed_part = |der: &[u8]| {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
        Digest::of(certificate.tbs_certificate.as_ref())
    };
    let spki = |key: &rcgen::KeyPair| Pin::SpkiSha256(Digest::of(&key.subject_public_key_info()));
    let other = spki(&key());
    for (pins, expected) in [
        (vec![spki(&w.server)], true),
        (vec![other, spki(&w.authority)], true),
        (
            vec![Pin::TbsSha256(signed_part(
                &request.presented.certificates[1],
            ))],
            true,
        ),
        (vec![other], false),
        (vec![Pin::TbsSha256(Digest::of(b"another"))], false),
    ] {
        let request = Request {
            pins: pins.clone(),
            ..request.clone()
        };
        let verdict = judge(&request);
        assert_eq!(
            matches!(verdict.decision, Decision::Accept { .. }),
            expected,
            "{pins:?}"
        );
        let told = verdict
            .findings
            .iter()
            .any(|finding| finding.code == "pin-mismatch");
        assert_eq!(told, !expected);
    }
}

/// Where a name and pins are configured, both must succeed.
#[test]
fn name_and_pin_must_both_hold() {
    let w = World::new();
    let verdict = pinned(
        &w.request(&w.server_named(&[dns("other.example.net")])),
        &[&w.server],
    );
    assert_eq!(
        (verdict.decision, verdict.findings[0].code.as_str()),
        (Decision::Reject, "name-mismatch")
    );
}

/// A pinned key alone authenticates where no name is configured.
#[test]
fn a_pin_alone_authenticates() {
    let w = World::new();
    let request = Request {
        reference_ids: vec![],
        ..w.request(&w.server())
    };
    let verdict = pinned(&request, &[&w.server, &key()]);
    assert!(
        matches!(verdict.decision, Decision::Accept { .. }),
        "{verdict:#?}"
    );
    assert_eq!(verdict.findings[0].code, "authenticated-by-pin");
}

/// Section 8.1: only subject alternative names, so a chain without the name is refused whatever its subject says.
#[test]
fn the_adn_is_matched_with_alternative_names_only() {
    let w = World::new();
    let server = crate::forge::Certificate {
        subject: crate::forge::name(crate::world::SERVER),
        ..w.server_named(&[dns("x.example")])
    };
    assert_eq!(
        judge_with(&w.request(&server), "{}").decision,
        Decision::Reject
    );
}
