//! Section 5: certificate usages.

use std::sync::Arc;

use rcgen::PublicKeyData as _;
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Decision, DnsRecord, Dnssec, Request, Verdict,
};

use super::{DANE_EE, DANE_TA, PKIX_EE, PKIX_TA, REQUIRE, USE, tlsa, with};
use crate::{
    forge::{Certificate, NOW, dns},
    world::{World, judge_with},
};

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict.decision, Decision::Accept { .. })
}

#[track_caller]
fn accepts(request: &Request, code: Option<&str>) {
    let verdict = judge_with(request, USE);
    assert!(accepted(&verdict), "{verdict:#?}");
    if let Some(code) = code {
        let mut findings = verdict.findings.iter();
        assert!(findings.any(|finding| finding.code == code), "{verdict:#?}");
    }
}

#[track_caller]
fn rejects(request: &Request, settings: &str, code: &str) {
    let verdict = judge_with(request, settings);
    assert_eq!(verdict.decision, Decision::Reject, "{verdict:#?}");
    let mut findings = verdict.findings.iter();
    assert!(findings.any(|finding| finding.code == code), "{verdict:#?}");
}

/// Nobody is believed but the domain.
fn without_anchors(mut request: Request) -> Request {
    request.anchors = Arc::new(AnchorSet::new(AnchorDatabase::None, Vec::new()));
    request
}

fn expired(mut certificate: Certificate) -> Certificate {
    certificate.validity = (NOW - 1_000, NOW - 10);
    certificate
}

fn leaf(request: &Request) -> Vec<u8> {
    request.presented.certificates[0].to_vec()
}

fn issuer(request: &Request) -> Vec<u8> {
    request.presented.certificates[1].to_vec()
}

#[test]
fn section_5_1_dane_ee_needs_neither_name_nor_dates_nor_issuer() {
    let world = World::new();
    let stranger = expired(world.server_named(&[dns("other.example.org")]));
    let request = without_anchors(world.request(&stranger));
    let key = world.server.subject_public_key_info();
    for (selector, octets) in [(0, leaf(&request)), (1, key)] {
        for matching in 0..=2 {
            let record = tlsa(DANE_EE, selector, matching, &octets);
            accepts(&with(request.clone(), [record]), Some("dane-ee-matched"));
        }
    }
}

#[test]
fn section_5_1_another_key_is_refused_whatever_its_path() {
    let world = World::new();
    let record = tlsa(DANE_EE, 1, 1, &world.root.subject_public_key_info());
    let request = with(world.request(&world.server()), [record]);
    rejects(&request, USE, "dane-mismatch");
}

#[test]
fn section_5_2_dane_ta_needs_a_path_to_it_and_the_name() {
    let world = World::new();
    let good = without_anchors(world.request(&world.server()));
    let key = world.authority.subject_public_key_info();
    for (selector, octets) in [(0, issuer(&good)), (1, key.clone())] {
        for matching in 0..=2 {
            let record = tlsa(DANE_TA, selector, matching, &octets);
            accepts(&with(good.clone(), [record]), Some("dane-ta-matched"));
        }
    }
    let record = || tlsa(DANE_TA, 1, 1, &key);
    let stranger = world.request(&world.server_named(&[dns("other.example.org")]));
    rejects(&with(stranger, [record()]), USE, "name-mismatch");
    let late = world.request(&expired(world.server()));
    rejects(&with(late, [record()]), USE, "expired");
}

#[test]
fn section_5_2_the_end_entity_is_no_authority_of_its_own() {
    let world = World::new();
    let request = world.request(&world.server());
    let record = tlsa(DANE_TA, 0, 1, &leaf(&request));
    rejects(&with(request, [record]), USE, "dane-mismatch");
}

#[test]
fn section_5_2_a_path_is_proved_by_signatures_and_not_by_what_lies_beside_it() {
    let world = World::new();
    let other = World::new();
    let mut request = world.request(&world.server());
    // The authority that the domain vouches for is presented and has signed nothing.
    request.presented.certificates.truncate(1);
    request
        .presented
        .certificates
        .push(other.authority().sign(&other.root));
    let record = tlsa(DANE_TA, 1, 1, &other.authority.subject_public_key_info());
    let request = with(without_anchors(request), [record]);
    rejects(&request, USE, "signature-invalid");
}

#[test]
fn section_5_3_and_5_4_pkix_usages_narrow_the_path() {
    let world = World::new();
    let request = world.request(&world.server());
    let own = world.server.subject_public_key_info();
    let authority = world.authority.subject_public_key_info();
    let root = world.root.subject_public_key_info();
    for (usage, key) in [(PKIX_EE, &own), (PKIX_TA, &authority), (PKIX_TA, &root)] {
        let records = || [tlsa(usage, 1, 1, key)];
        accepts(&with(request.clone(), records()), None);
        // The anchors go on to be demanded.
        let alone = with(without_anchors(request.clone()), records());
        rejects(&alone, USE, "no-trust-anchors");
    }
    for (usage, key) in [(PKIX_EE, &authority), (PKIX_TA, &own)] {
        let record = tlsa(usage, 1, 1, key);
        rejects(&with(request.clone(), [record]), USE, "dane-mismatch");
    }
}

#[test]
fn one_of_several_is_enough() {
    let world = World::new();
    let request = world.request(&world.server());
    let stranger = World::new().server.subject_public_key_info();
    let own = world.server.subject_public_key_info();
    let records = |usage| [tlsa(DANE_EE, 1, 1, &stranger), tlsa(usage, 1, 1, &own)];
    accepts(
        &with(request.clone(), records(DANE_EE)),
        Some("dane-ee-matched"),
    );
    accepts(&with(request, records(PKIX_EE)), None);
}

#[test]
fn what_was_not_validated_or_is_not_usable_or_belongs_to_another_port_says_nothing() {
    let world = World::new();
    let stranger = World::new().server.subject_public_key_info();
    let wrong = || tlsa(DANE_EE, 1, 1, &stranger);
    let of = |dnssec| DnsRecord { dnssec, ..wrong() };
    let unusable = tlsa(4, 1, 1, &stranger);
    let elsewhere = |owner: &str| DnsRecord {
        owner: owner.into(),
        ..wrong()
    };
    for record in [
        of(Dnssec::Insecure),
        of(Dnssec::Indeterminate),
        of(Dnssec::Bogus),
        unusable,
        elsewhere("_443._tcp.dns.example.net."),
        elsewhere("_853._udp.dns.example.net."),
        elsewhere("_853._tcp.example.net."),
    ] {
        let request = with(world.request(&world.server()), [record]);
        accepts(&request, None);
        rejects(&request, REQUIRE, "dane-missing");
    }
}

#[test]
fn without_the_setting_the_records_are_evidence_and_nothing_more() {
    let world = World::new();
    let stranger = World::new().server.subject_public_key_info();
    let request = with(
        world.request(&world.server()),
        [tlsa(DANE_EE, 1, 1, &stranger)],
    );
    assert!(accepted(&judge_with(&request, "{}")));
}
