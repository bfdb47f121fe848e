//! Cases of CRLs and stapled OCSP responses.

use resolvet_proto::judgement::Der;
use serde_json::json;

use super::{Case, case, settled};
use crate::{
    forge::{Certificate, NOW, OCSP_SIGNING, OcspStatus, crl, key, ocsp, ocsp_of},
    world::World,
};

pub(super) fn cases(w: &World) -> Vec<Case> {
    let stranger = key();
    let with_crls = |crls: Vec<Der>| settled(w.request(&w.server()), |r| r.crls = crls);
    let by_authority = |revoked: &[&[u8]], until, signer| crl("authority", revoked, until, signer);
    let stapled = |response: Der| {
        settled(w.request(&w.server()), |r| {
            r.presented.ocsp_response = Some(response)
        })
    };
    let issuer = ("authority", &w.authority);
    let delegate_key = key();
    let delegate = Certificate::bare("responder", "authority", &delegate_key)
        .key_usage(&[0b1000_0000])
        .extended_key_usage(&[OCSP_SIGNING])
        .sign(&w.authority);
    let until = NOW + 3_600;
    let of_then = |status, made| {
        let times = (made, None);
        stapled(ocsp_of(status, &[0x11], issuer, issuer, None, times))
    };
    let without_next_update = |made| of_then(OcspStatus::Good, made);
    vec![
        case(
            "crl-good",
            "A CRL that does not list the certificate; the accept ends with it.",
            with_crls(vec![by_authority(&[&[0x12]], until, &w.authority)]),
            "accept",
            &[],
        ),
        case(
            "revoked-by-crl",
            "The certificate is on its issuer's CRL.",
            with_crls(vec![by_authority(&[&[0x11]], until, &w.authority)]),
            "reject",
            &["revoked"],
        ),
        case(
            "crl-forged",
            "A CRL in the issuer's name by another key settles nothing.",
            with_crls(vec![by_authority(&[], until, &stranger)]),
            "reject",
            &["crl-unusable"],
        ),
        case(
            "crl-expired",
            "Nor does one that is too old.",
            with_crls(vec![by_authority(&[], NOW - 60, &w.authority)]),
            "reject",
            &["crl-unusable"],
        ),
        case(
            "revocation-unknown",
            "The setting wants the status of every certificate to be known.",
            w.request(&w.server()),
            "reject",
            &["revocation-unknown", "revocation-unknown"],
        )
        .with(json!({"revocation": "require"})),
        case(
            "ocsp-good",
            "A stapled response by the issuer.",
            stapled(ocsp(OcspStatus::Good, &[0x11], issuer, issuer, None)),
            "accept",
            &[],
        )
        .with(json!({"stapled-ocsp": "require"})),
        case(
            "ocsp-without-next-update",
            "A response that does not say when the next one comes counts for seven days.",
            without_next_update(NOW - 604_800),
            "accept",
            &[],
        )
        .with(json!({"stapled-ocsp": "require"})),
        case(
            "ocsp-without-next-update-old",
            "And no second longer.",
            without_next_update(NOW - 604_801),
            "reject",
            &["ocsp-unusable"],
        )
        .with(json!({"stapled-ocsp": "require"})),
        case(
            "ocsp-revoked-long-ago",
            "What was revoked stays so, whether the response says when the next one comes or not.",
            of_then(OcspStatus::Revoked, NOW - 63_072_000),
            "reject",
            &["revoked"],
        ),
        case(
            "ocsp-delegated",
            "A stapled response by a responder that the issuer authorized.",
            stapled(ocsp(
                OcspStatus::Good,
                &[0x11],
                issuer,
                ("responder", &delegate_key),
                Some(&delegate),
            )),
            "accept",
            &[],
        )
        .with(json!({"stapled-ocsp": "require"})),
        case(
            "revoked-by-ocsp",
            "The stapled response says that the certificate is revoked.",
            stapled(ocsp(OcspStatus::Revoked, &[0x11], issuer, issuer, None)),
            "reject",
            &["revoked"],
        ),
        case(
            "ocsp-forged",
            "A response that nobody authorized signed is a warning.",
            stapled(ocsp(
                OcspStatus::Good,
                &[0x11],
                issuer,
                ("authority", &stranger),
                None,
            )),
            "accept",
            &["ocsp-unusable"],
        ),
        case(
            "ocsp-unusable",
            "And a reject when a response is required.",
            stapled(ocsp(OcspStatus::Good, &[0x22], issuer, issuer, None)),
            "reject",
            &["ocsp-unusable"],
        )
        .with(json!({"stapled-ocsp": "require"})),
        case(
            "ocsp-missing",
            "A response is required and none was stapled.",
            w.request(&w.server()),
            "reject",
            &["ocsp-missing"],
        )
        .with(json!({"stapled-ocsp": "require"})),
    ]
}
