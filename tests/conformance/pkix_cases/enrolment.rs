//! What only an enrolment has: a way of authentication, and a voucher.

use std::sync::Arc;

use resolvet_proto::judgement::{AnchorDatabase, AnchorSet, Der, Purpose, ServerAuthentication};
use serde_json::json;

use super::{Case, case, settled};
use crate::{
    forge::{CMC_RA, NOW, crl, id_ce},
    world::World,
};

pub(super) fn cases(w: &World) -> Vec<Case> {
    let by = |way: Option<ServerAuthentication>| {
        settled(w.request(&w.server()), |r| {
            r.purpose = Purpose::EstServer;
            r.est_server_authentication = way;
        })
    };
    let strong = json!({"est-server-authentication": ["opaque", "reference-identifier"]});
    let registrar = |checks: bool, crls: Vec<Der>| {
        let certificate = w.server().extended_key_usage(&[CMC_RA]).without(&id_ce(17));
        settled(w.request(&certificate), |r| {
            r.purpose = Purpose::Registrar;
            r.reference_ids.clear();
            r.est_server_authentication = Some(ServerAuthentication::Voucher);
            r.domain_cert_revocation_checks = Some(checks);
            r.crls = crls;
        })
    };
    let until = NOW + 3_600;
    let by_root = || crl("root", &[], until, &w.root);
    let by_authority = |revoked: &[&[u8]]| crl("authority", revoked, until, &w.authority);
    vec![
        case(
            "est-server-authentication",
            "The setting names the ways of authentication that count, and this one is not among them.",
            by(Some(ServerAuthentication::HttpMutual)),
            "reject",
            &["est-server-authentication"],
        )
        .with(strong.clone()),
        case(
            "est-server-authentication-accepted",
            "One of the ways that count; coming back to a known network is a way of its own.",
            by(Some(ServerAuthentication::ReferenceIdentifier)),
            "accept",
            &[],
        )
        .with(strong.clone()),
        case(
            "est-server-authentication-absent",
            "A server of which nobody says how it was authenticated is none that counts.",
            by(None),
            "reject",
            &["est-server-authentication"],
        )
        .with(strong),
        case(
            "registrar-revocation-demanded",
            "The voucher demands revocation checks, and nobody knows the status (RFC 8366 section 5.3).",
            registrar(true, Vec::new()),
            "reject",
            &["revocation-unknown", "revocation-unknown"],
        )
        .with(json!({"revocation": "ignore"})),
        case(
            "registrar-revocation-demanded-and-known",
            "The voucher demands revocation checks, and CRLs settle every certificate of the path.",
            registrar(true, vec![by_authority(&[&[0x12]]), by_root()]),
            "accept",
            &[],
        ),
        case(
            "registrar-revocation-forbidden",
            "The voucher forbids revocation checks: not even a CRL that lists the registrar counts, and a finding says so.",
            registrar(false, vec![by_authority(&[&[0x11]]), by_root()]),
            "accept",
            &["revocation-not-checked"],
        )
        .with(json!({"revocation": "require", "stapled-ocsp": "require"})),
        case(
            "registrar-pinned-revocation-demanded",
            "Of a pinned certificate no issuer is known that could say that it was not revoked.",
            settled(registrar(true, Vec::new()), |r| {
                let own = r.presented.certificates[0].clone();
                r.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, vec![own]));
            }),
            "reject",
            &["end-entity-pinned", "revocation-unknown"],
        ),
        case(
            "voucher-speaks-of-the-registrar",
            "What a voucher forbids holds for the registrar that it names and for nobody else.",
            settled(by(Some(ServerAuthentication::Voucher)), |r| {
                r.domain_cert_revocation_checks = Some(false);
                r.crls = vec![by_authority(&[&[0x11]])];
            }),
            "reject",
            &["revoked"],
        ),
    ]
}
