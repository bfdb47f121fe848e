//! Cases of certification paths (RFC 5280 section 6).

use std::sync::Arc;

use resolvet_proto::judgement::Der;
use serde_json::json;

use super::{Case, case, settled};
use crate::{
    forge::{Certificate, ECDSA_SHA1, NOW, dns, key, srv},
    world::{SERVER, World, request},
};

pub(super) fn cases(w: &World) -> Vec<Case> {
    let stranger = key();
    let good = w.request(&w.server());
    let chain = good.presented.certificates.clone();
    let anchors = good.anchors.certificates().to_vec();
    let malformed_anchor = {
        let mut der = anchors[0].to_vec();
        der.truncate(der.len() - 8);
        let length = der.len() - 4;
        der[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        Der::from(der)
    };
    let lower = key();
    let third = Certificate::authority("lower", "authority", &lower, &w.authority);
    let deep = Certificate::end_entity(&[dns(SERVER)], "lower", &w.server, &lower);
    vec![
        case(
            "no-certificate",
            "Nothing was presented.",
            request(vec![], anchors.clone()),
            "reject",
            &["no-certificate"],
        ),
        case(
            "certificate-malformed",
            "The end entity's certificate is none.",
            request(vec![b"no certificate".as_slice().into()], anchors.clone()),
            "reject",
            &["certificate-malformed"],
        ),
        case(
            "no-trust-anchors",
            "Without trust anchors nothing can be validated.",
            settled(good.clone(), |r| r.anchors = Arc::default()),
            "reject",
            &["no-trust-anchors"],
        ),
        case(
            "issuer-unknown",
            "No path leads to a trust anchor.",
            request(vec![chain[0].clone()], anchors.clone()),
            "reject",
            &["issuer-unknown"],
        ),
        case(
            "signature-invalid",
            "A certificate is signed by another key than its issuer's.",
            request(
                vec![w.server().sign(&stranger), chain[1].clone()],
                anchors.clone(),
            ),
            "reject",
            &["signature-invalid"],
        ),
        case(
            "signature-algorithm-unsupported",
            "SHA-1 signs nothing any more.",
            w.request(&Certificate {
                inner_algorithm: ECDSA_SHA1.to_vec(),
                outer_algorithm: ECDSA_SHA1.to_vec(),
                ..w.server()
            }),
            "reject",
            &["signature-algorithm-unsupported"],
        ),
        case(
            "signature-algorithm-mismatch",
            "The two signature algorithms of a certificate must be equal.",
            w.request(&Certificate {
                inner_algorithm: ECDSA_SHA1.to_vec(),
                ..w.server()
            }),
            "reject",
            &["signature-algorithm-mismatch"],
        ),
        case(
            "anchor-malformed",
            "An anchor that cannot be read is not used.",
            request(chain.clone(), vec![malformed_anchor]),
            "reject",
            &["anchor-malformed", "issuer-unknown"],
        ),
        case(
            "anchor-expired",
            "A trust anchor that has expired is no anchor.",
            w.request_of(
                &w.server(),
                &w.authority(),
                &Certificate {
                    validity: (0, NOW - 1),
                    ..w.root()
                },
            ),
            "reject",
            &["anchor-expired"],
        ),
        case(
            "anchor-expired-accepted",
            "Unless only its name and key count.",
            w.request_of(
                &w.server(),
                &w.authority(),
                &Certificate {
                    validity: (0, NOW - 1),
                    ..w.root()
                },
            ),
            "accept",
            &["anchor-expired"],
        )
        .with(json!({"anchor-certificates": "warn"})),
        case(
            "anchor-inconsistent",
            "A self-signed anchor names itself as its issuer's key.",
            w.request_of(
                &w.server(),
                &w.authority(),
                &w.root().authority_key_identifier(&stranger),
            ),
            "reject",
            &["anchor-inconsistent"],
        ),
        case(
            "path-too-long",
            "An authority allows none below it.",
            request(
                vec![
                    deep.sign(&lower),
                    third.sign(&w.authority),
                    w.authority().basic_constraints(true, Some(0)).sign(&w.root),
                ],
                anchors.clone(),
            ),
            "reject",
            &["path-too-long"],
        ),
        case(
            "name-constraints-violated",
            "The name lies outside of what its authority may certify.",
            w.request_of(
                &w.server(),
                &w.authority().name_constraints(&[dns("example.org")], &[]),
                &w.root(),
            ),
            "reject",
            &["name-constraints-violated"],
        ),
        case(
            "name-constraints-srv",
            "A constraint on SRVNames binds SRV-IDs (RFC 4985 section 4).",
            w.request_of(
                &w.server(),
                &w.authority().name_constraints(&[], &[srv("_domain-s")]),
                &w.root(),
            ),
            "reject",
            &["name-constraints-violated"],
        ),
        case(
            "name-constraints-malformed",
            "A constraint with a leading period is malformed.",
            w.request_of(
                &w.server(),
                &w.authority().name_constraints(&[dns(".example.net")], &[]),
                &w.root(),
            ),
            "reject",
            &["name-constraints-malformed"],
        ),
        case(
            "name-constraints-misplaced",
            "An end entity constrains nobody.",
            w.request(&w.server().name_constraints(&[dns("example.net")], &[])),
            "reject",
            &["name-constraints-misplaced"],
        ),
        case(
            "certificate-policies",
            "A certificate policy is required and none holds.",
            good,
            "reject",
            &["certificate-policies"],
        )
        .with(json!({"require-explicit-policy": true})),
    ]
}
