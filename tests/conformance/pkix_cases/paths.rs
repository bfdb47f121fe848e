//! Cases of certification paths (RFC 5280 section 6).

use std::sync::Arc;

use resolvet_proto::judgement::Der;
use serde_json::json;

use super::{Case, case, settled};
use crate::{
    forge::{Certificate, ECDSA_SHA1, NOW, dns, id_ce, key, seq, srv, tlv},
    world::{SERVER, World, request},
};

/// The key of an authority that was compromised, content of a `SubjectPublicKeyInfo`: emSign DV TLS CA - G3B.
const COMPROMISED: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x22, 0x03, 0x62, 0x00, 0x04, 0xe7, 0x9e, 0xd9, 0xc0, 0x4a, 0x97, 0x73, 0xc4, 0x73, 0x5e,
    0x51, 0x11, 0x1d, 0xa8, 0x5a, 0xc2, 0xbd, 0x5e, 0x64, 0xab, 0x37, 0x4b, 0x80, 0xe1, 0x2c, 0xbc,
    0x20, 0x38, 0xec, 0x1e, 0x4f, 0x0e, 0x3b, 0x81, 0x2f, 0xc9, 0x85, 0x9e, 0x1e, 0x67, 0xaf, 0xb0,
    0x4e, 0x2f, 0x8b, 0xc9, 0x7f, 0x74, 0x85, 0xba, 0x65, 0xaa, 0x91, 0x1e, 0xe8, 0xa4, 0xe4, 0x5b,
    0x62, 0xd5, 0xcc, 0x03, 0xd5, 0x6b, 0xe6, 0x78, 0xb3, 0xc3, 0x8c, 0xb4, 0xdc, 0x93, 0x7c, 0xa2,
    0x46, 0x0e, 0x23, 0x84, 0x53, 0xc8, 0x92, 0x93, 0x5d, 0x29, 0xd4, 0x4f, 0x91, 0xe1, 0x56, 0x06,
    0xb6, 0x3c, 0xce, 0xda, 0xb4, 0x68,
];

/// Authorities of the anchor's name, each signed by the next; the way up takes the one that is presented last.
fn namesakes(w: &World) -> Vec<Der> {
    let keys: Vec<_> = (0..16).map(|_| key()).collect();
    let authority = |pair: &[rcgen::KeyPair]| {
        Certificate::authority("root", "root", &pair[0], &pair[1]).sign(&pair[1])
    };
    let server = Certificate::end_entity(&[dns(SERVER)], "root", &w.server, &keys[0]);
    let mut chain: Vec<Der> = keys.windows(2).map(authority).collect();
    chain.push(server.sign(&keys[0]));
    chain.reverse();
    chain
}

pub(super) fn cases(w: &World) -> Vec<Case> {
    let compromised = |certificate: Certificate| Certificate {
        key_info: seq(&[COMPROMISED]),
        ..certificate
    };
    let policy = seq(&[&seq(&[&tlv(6, &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 2])])]);
    let other_authority = Certificate::authority("authority", "root", &key(), &w.root);
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
            "distrusted",
            "A key that is known to be compromised.",
            w.request(&compromised(w.server())),
            "reject",
            &["distrusted"],
        ),
        case(
            "distrusted-critical-policies",
            "A critical extension on the way does not hide it.",
            w.request(&compromised(w.server()).extension(&id_ce(32), true, policy)),
            "reject",
            &["distrusted"],
        ),
        case(
            "distrusted-beside-expired",
            "Nor does another authority of the same name that has expired.",
            settled(w.request(&compromised(w.server())), |r| {
                let expired = Certificate {
                    validity: (0, NOW - 1),
                    ..other_authority
                };
                r.presented.certificates.push(expired.sign(&w.root));
            }),
            "reject",
            &["distrusted"],
        ),
        case(
            "too-much-work",
            "Fifteen authorities of the anchor's name take more signatures than a search verifies.",
            request(namesakes(w), anchors.clone()),
            "reject",
            &["too-much-work"],
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
