//! Writes `policies/pkix/cases`: one case for each finding, with keys made anew.
//!
//! `cargo test -p resolvet-tests --test conformance -- --ignored write_pkix_cases`

mod dane;
mod enrolment;

use std::{fs, path::Path, sync::Arc};

use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Clock, Conveyed, Decision, Der, Purpose, ReferenceId, Request,
    Server, Transport, UsageProfile,
};
use serde_json::{Value, json};

use crate::{
    forge::{
        ANY_PURPOSE, CLIENT_AUTH, CMC_RA, Certificate, ECDSA_SHA1, NOW, OCSP_SIGNING, OcspStatus,
        SERVER_AUTH, crl, dns, id_ce, ip, key, name, ocsp, seq, srv, tlv,
    },
    world::{SERVER, World, judge_with, request},
};

struct Case {
    name: &'static str,
    description: &'static str,
    settings: Value,
    request: Request,
    decision: &'static str,
    findings: Vec<&'static str>,
}

fn case(
    name: &'static str,
    description: &'static str,
    request: Request,
    decision: &'static str,
    findings: &[&'static str],
) -> Case {
    Case {
        name,
        description,
        settings: json!({}),
        request,
        decision,
        findings: findings.to_vec(),
    }
}

impl Case {
    fn with(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }
}

fn settled(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

fn conveyed(certificates: Vec<Der>) -> Conveyed {
    Conveyed::Certificates { certificates }
}

fn opportunistic(transport: Transport) -> impl FnOnce(&mut Request) {
    move |request| {
        request.usage_profile = UsageProfile::Opportunistic;
        request.server = Some(Server {
            ech: None,
            transport,
            path: None,
            address: [192, 0, 2, 1].into(),
            port: 853,
        });
    }
}

fn cases() -> Vec<Case> {
    let world = World::new();
    [
        names(&world),
        matches(&world),
        profiles(&world),
        paths(&world),
        certificates(&world),
        purposes(&world),
        revocation(&world),
        enrolment::cases(&world),
        dane::cases(&world),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn names(w: &World) -> Vec<Case> {
    let good = || w.request(&w.server());
    vec![
        case(
            "accepts-a-good-path",
            "A path that keeps every rule is accepted.",
            good(),
            "accept",
            &[],
        ),
        case(
            "accepts-srv-id",
            "An SRV-ID that answers to the reference identifier is enough (RFC 9525).",
            settled(good(), |r| {
                r.reference_ids = vec![ReferenceId::SrvId("_domain-s.dns.example.net".into())]
            }),
            "accept",
            &[],
        ),
        case(
            "accepts-ip-id",
            "An address is matched exactly.",
            settled(w.request(&w.server_named(&[ip(&[192, 0, 2, 1])])), |r| {
                r.reference_ids = vec![ReferenceId::IpId([192, 0, 2, 1].into())];
            }),
            "accept",
            &[],
        ),
        case(
            "accepts-wildcard",
            "A wildcard stands for one label.",
            w.request(&w.server_named(&[dns("*.example.net")])),
            "accept",
            &[],
        ),
        case(
            "name-mismatch",
            "The certificate is another server's.",
            w.request(&w.server_named(&[dns("other.example.net")])),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "name-mismatch-common-name",
            "The subject never counts, even when it is the name.",
            w.request(&Certificate {
                subject: name(SERVER),
                ..w.server_named(&[dns("other.example.net")])
            }),
            "reject",
            &["name-mismatch", "common-name-not-in-alt-names"],
        ),
        case(
            "no-reference-identifier",
            "There is nothing to match the certificate with.",
            settled(good(), |r| r.reference_ids.clear()),
            "reject",
            &["no-reference-identifier"],
        ),
        case(
            "alt-name-malformed",
            "An address as a DNS name is malformed.",
            w.request(&w.server_named(&[dns(SERVER), dns("192.0.2.1")])),
            "reject",
            &["alt-name-malformed"],
        ),
        case(
            "alt-name-not-critical",
            "With an empty subject the alternative name must be critical.",
            w.request(&Certificate {
                subject: name(""),
                ..w.server()
            }),
            "reject",
            &["alt-name-not-critical"],
        ),
        case(
            "wildcard-too-wide",
            "A wildcard below a registry's name is nobody's.",
            w.request(&w.server_named(&[dns(SERVER), dns("*.co.uk")])),
            "reject",
            &["wildcard-too-wide"],
        ),
        case(
            "pin-mismatch",
            "Name and pin must both hold when both are configured (RFC 8310).",
            good(),
            "reject",
            &["pin-mismatch"],
        )
        .with(json!({"spki-pins": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]})),
    ]
}

fn matches(w: &World) -> Vec<Case> {
    let server = w.server().sign(&w.authority);
    let presented = |r: &Request| r.presented.certificates[0].clone();
    let good = w.request(&w.server());
    let own = presented(&good);
    let with = |state: Conveyed| settled(good.clone(), |r| r.conveyed = state);
    vec![
        case(
            "accepts-what-was-conveyed",
            "The presented certificate is one of those that were conveyed.",
            with(conveyed(vec![w.root().sign(&w.root), own])),
            "accept",
            &[],
        ),
        case(
            "conveyed-mismatch",
            "The same names and key in another certificate are no match.",
            with(conveyed(vec![server.clone()])),
            "reject",
            &["conveyed-mismatch"],
        ),
        case(
            "conveyed-mismatch-opportunistic",
            "Where a certificate was conveyed, a failed match rejects under every profile (the draft's section 7).",
            settled(with(conveyed(vec![server])), opportunistic(Transport::Dot)),
            "reject",
            &["conveyed-mismatch"],
        ),
        case(
            "conveyed-is-no-dns-server",
            "What was conveyed is another peer's certificate: it has no SRV-ID `_domain-s`.",
            settled(w.request(&w.server_named(&[dns(SERVER)])), |r| {
                r.conveyed = conveyed(r.presented.certificates.clone());
            }),
            "reject",
            &["conveyed-without-srv-id"],
        ),
        case(
            "conveyed-none",
            "An enrolment that conveyed no certificate authenticates no server.",
            with(Conveyed::None {
                anchors_suffice: false,
            }),
            "reject",
            &["conveyed-none"],
        ),
        case(
            "conveyed-anchors-only",
            "Unless its profile says that its trust anchors alone suffice.",
            with(Conveyed::None {
                anchors_suffice: true,
            }),
            "accept",
            &["conveyed-anchors-only"],
        ),
    ]
}

fn profiles(w: &World) -> Vec<Case> {
    let wrong = || w.request(&w.server_named(&[dns("other.example.net")]));
    vec![
        case(
            "opportunistic-abstains",
            "Under the opportunistic profile a failure is told and binds nobody.",
            settled(wrong(), opportunistic(Transport::Dot)),
            "abstain",
            &["name-mismatch"],
        ),
        case(
            "opportunistic-doh-rejects",
            "DoH knows no opportunistic profile.",
            settled(wrong(), opportunistic(Transport::Doh)),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "unknown-profile-rejects",
            "A profile that is not known is strict.",
            settled(wrong(), |r| {
                r.usage_profile = UsageProfile::Other("relaxed".into())
            }),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "clock-lower-bound",
            "What begins after a lower bound may have begun.",
            settled(w.request(&w.server()), |r| {
                r.now = 1_600_000_000;
                r.clock = Clock::LowerBound;
            }),
            "accept",
            &["clock-not-trusted"],
        ),
        case(
            "clock-lower-bound-expired",
            "What ended before a lower bound has ended.",
            settled(w.request(&w.server()), |r| {
                r.now = NOW + 40_000_000;
                r.clock = Clock::LowerBound;
            }),
            "reject",
            &["clock-not-trusted", "expired", "expired", "anchor-expired"],
        ),
    ]
}

fn paths(w: &World) -> Vec<Case> {
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

fn certificates(w: &World) -> Vec<Case> {
    let server = |name, description, certificate: Certificate, code| {
        case(
            name,
            description,
            w.request(&certificate),
            "reject",
            &[code],
        )
    };
    let authority = |name, description, certificate: Certificate, code| {
        case(
            name,
            description,
            w.request_of(&w.server(), &certificate, &w.root()),
            "reject",
            &[code],
        )
    };
    let unknown: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1];
    let rsa_1024 = {
        let modulus = [&[0_u8, 0xc0][..], &[0x5b; 127]].concat();
        let key = seq(&[&tlv(2, &modulus), &tlv(2, &[1, 0, 1])]);
        let algorithm = seq(&[
            &tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]),
            &tlv(5, &[]),
        ]);
        seq(&[&algorithm, &tlv(3, &[&[0], key.as_slice()].concat())])
    };
    let dsa = {
        let algorithm = seq(&[&tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1])]);
        seq(&[&algorithm, &tlv(3, &[0, 2, 1, 1])])
    };
    let twice = {
        let mut certificate = w.server();
        let copy = certificate.extensions[0].clone();
        certificate.extensions.push(copy);
        certificate
    };
    vec![
        server(
            "expired",
            "The end entity's certificate has expired.",
            Certificate {
                validity: (0, NOW - 1),
                ..w.server()
            },
            "expired",
        ),
        server(
            "not-yet-valid",
            "The end entity's certificate begins tomorrow.",
            Certificate {
                validity: (NOW + 86_400, NOW + 172_800),
                ..w.server()
            },
            "not-yet-valid",
        ),
        server(
            "validity-inverted",
            "The certificate ends before it begins.",
            Certificate {
                validity: (NOW + 1, NOW - 1),
                ..w.server()
            },
            "validity-inverted",
        ),
        case(
            "version-unsupported",
            "A certificate of version 1 has no extensions, so no name either.",
            w.request(&Certificate {
                version: 0,
                extensions: vec![],
                ..w.server()
            }),
            "reject",
            &[
                "name-mismatch",
                "authority-key-identifier-missing",
                "version-unsupported",
            ],
        ),
        server(
            "serial-number-invalid",
            "The serial number is zero.",
            Certificate {
                serial: vec![0],
                ..w.server()
            },
            "serial-number-invalid",
        ),
        server(
            "extension-repeated",
            "An extension stands there twice.",
            twice,
            "extension-repeated",
        ),
        server(
            "critical-extension-unknown",
            "A critical extension that is not processed refuses.",
            w.server().extension(unknown, true, tlv(5, &[])),
            "critical-extension-unknown",
        ),
        server(
            "extension-malformed",
            "A key usage that is no BIT STRING.",
            w.server().extension(&id_ce(15), true, tlv(4, &[1])),
            "extension-malformed",
        ),
        case(
            "key-usage-empty",
            "A key usage that allows nothing.",
            w.request(&w.server().key_usage(&[0])),
            "reject",
            &["key-usage-empty", "key-usage-no-handshake"],
        ),
        server(
            "key-usage-cert-sign",
            "No authority, yet it may sign certificates.",
            w.server().key_usage(&[0b1000_0100]),
            "key-usage-cert-sign",
        ),
        server(
            "key-usage-no-handshake",
            "The key may sign CRLs and nothing else.",
            w.server().key_usage(&[0b0000_0010]),
            "key-usage-no-handshake",
        ),
        server(
            "path-length-misplaced",
            "A path length in a certificate that is no authority's.",
            w.server().basic_constraints(false, Some(0)),
            "path-length-misplaced",
        ),
        server(
            "key-weak",
            "RSA of 1024 bits.",
            Certificate {
                key_info: rsa_1024,
                ..w.server()
            },
            "key-weak",
        ),
        server(
            "key-unsupported",
            "A DSA key.",
            Certificate {
                key_info: dsa,
                ..w.server()
            },
            "key-unsupported",
        ),
        server(
            "authority-key-identifier-missing",
            "Every certificate names its issuer's key (RFC 5280 section 4.2.1.1).",
            w.server().without(&id_ce(35)),
            "authority-key-identifier-missing",
        ),
        case(
            "authority-key-identifier-missing-accepted",
            "Unless the setting makes it a warning.",
            w.request(&w.server().without(&id_ce(35))),
            "accept",
            &["authority-key-identifier-missing"],
        )
        .with(json!({"key-identifiers": "warn"})),
        authority(
            "subject-key-identifier-missing",
            "Every authority names its key (RFC 5280 section 4.2.1.2).",
            w.authority().without(&id_ce(14)),
            "subject-key-identifier-missing",
        ),
        authority(
            "extension-criticality",
            "Basic constraints of an authority are critical.",
            w.authority()
                .extension(&id_ce(19), false, seq(&[&tlv(1, &[0xff])])),
            "extension-criticality",
        ),
        authority(
            "not-an-authority",
            "An issuer that is no authority.",
            w.authority().without(&id_ce(19)),
            "not-an-authority",
        ),
        authority(
            "key-usage-no-cert-sign",
            "An issuer whose key may not sign certificates.",
            w.authority().key_usage(&[0b0000_0010]),
            "key-usage-no-cert-sign",
        ),
        authority(
            "key-usage-missing",
            "An authority without key usage.",
            w.authority().without(&id_ce(15)),
            "key-usage-missing",
        ),
        case(
            "subject-empty",
            "A trust anchor without a name.",
            {
                let nameless = Certificate {
                    subject: name(""),
                    issuer: name(""),
                    ..w.root()
                };
                let server = Certificate {
                    issuer: name(""),
                    ..Certificate::end_entity(&[dns(SERVER)], "", &w.server, &w.root)
                };
                request(vec![server.sign(&w.root)], vec![nameless.sign(&w.root)])
            },
            "reject",
            &[
                "issuer-empty",
                "issuer-empty",
                "subject-empty",
                "alt-name-not-critical",
            ],
        ),
    ]
}

fn purposes(w: &World) -> Vec<Case> {
    let registrar = w.server().extended_key_usage(&[CMC_RA]).without(&id_ce(17));
    let of = |purpose: Purpose, certificate: &Certificate| {
        settled(w.request(certificate), |r| {
            r.purpose = purpose;
            r.reference_ids.clear();
        })
    };
    let implicit = |request: Request| {
        settled(request, |r| {
            r.anchors = Arc::new(AnchorSet::new(
                AnchorDatabase::Implicit,
                r.anchors.certificates().to_vec(),
            ));
        })
    };
    vec![
        case(
            "purpose-not-allowed",
            "A client's certificate serves nobody.",
            w.request(&w.server().extended_key_usage(&[CLIENT_AUTH])),
            "reject",
            &["purpose-not-allowed"],
        ),
        case(
            "any-extended-key-usage",
            "A certificate for any purpose is for none.",
            w.request(&w.server().extended_key_usage(&[SERVER_AUTH, ANY_PURPOSE])),
            "reject",
            &["any-extended-key-usage"],
        ),
        case(
            "extended-key-usage-missing",
            "The setting asks for an extended key usage.",
            w.request(&w.server().without(&id_ce(37))),
            "reject",
            &["extended-key-usage-missing"],
        )
        .with(json!({"require-extended-key-usage": true})),
        case(
            "registrar-cmc-ra",
            "A registrar shows id-kp-cmcRA alone (RFC 8995).",
            of(Purpose::Registrar, &registrar),
            "accept",
            &[],
        ),
        case(
            "registrar-not-authorized",
            "A server's certificate makes no registrar.",
            of(Purpose::Registrar, &w.server()),
            "reject",
            &["registrar-not-authorized"],
        ),
        case(
            "registrar-implicit",
            "id-kp-cmcRA counts with explicit trust anchors only (RFC 7030 section 3.6.2).",
            implicit(of(Purpose::Registrar, &registrar)),
            "reject",
            &["registrar-not-authorized"],
        )
        .with(json!({"baseline-requirements": "never"})),
        case(
            "registrar-pinned",
            "A voucher may pin the registrar's own certificate.",
            settled(of(Purpose::Registrar, &registrar), |r| {
                let own = r.presented.certificates[0].clone();
                r.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, vec![own]));
            }),
            "accept",
            &["end-entity-pinned"],
        ),
        case(
            "registrar-without-a-clock",
            "A pledge without a clock cannot judge validity (RFC 8995 section 2.6.1).",
            settled(of(Purpose::Registrar, &registrar), |r| {
                r.now = 0;
                r.clock = Clock::Unsynchronized;
            }),
            "accept",
            &["clock-not-trusted"],
        ),
        case(
            "est-server-name",
            "An EST server is known by its name.",
            settled(w.request(&w.server()), |r| r.purpose = Purpose::EstServer),
            "accept",
            &[],
        ),
        case(
            "est-server-cmc-ra",
            "Or by id-kp-cmcRA with explicit trust anchors (RFC 7030 section 3.6.1).",
            settled(w.request(&registrar), |r| r.purpose = Purpose::EstServer),
            "accept",
            &[],
        ),
        case(
            "conveyed-without-srv-id",
            "A conveyed certificate is chosen by its SRV-ID; one without cannot be.",
            of(Purpose::ConveyedEndEntity, &w.server_named(&[dns(SERVER)])),
            "accept",
            &["conveyed-without-srv-id"],
        ),
        case(
            "baseline-common-name",
            "Public authorities repeat a common name that looks like a host's among the alternative names.",
            implicit(w.request(&Certificate {
                subject: name("www.example.net"),
                ..w.server()
            })),
            "reject",
            &["common-name-not-in-alt-names"],
        ),
        case(
            "baseline-common-name-in-words",
            "A common name that is no host's leads no software anywhere.",
            implicit(w.request(&w.server())),
            "accept",
            &[],
        ),
        case(
            "baseline-root-profile",
            "A public root has no extended key usage.",
            implicit(w.request_of(
                &Certificate {
                    subject: name(SERVER),
                    ..w.server()
                },
                &w.authority(),
                &w.root().extended_key_usage(&[SERVER_AUTH]),
            )),
            "reject",
            &["baseline-root-profile"],
        ),
    ]
}

fn revocation(w: &World) -> Vec<Case> {
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

fn outcome(case: &Case) -> (&'static str, Vec<String>) {
    let verdict = judge_with(&case.request, &case.settings.to_string());
    let decision = match verdict.decision {
        Decision::Accept { .. } => "accept",
        Decision::Reject => "reject",
        Decision::Abstain => "abstain",
    };
    (
        decision,
        verdict
            .findings
            .into_iter()
            .map(|finding| finding.code)
            .collect(),
    )
}

#[test]
fn every_case_holds_with_fresh_keys() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (decision, findings) = outcome(&case);
        if decision != case.decision || findings != case.findings {
            wrong.push(format!(
                "{}: {decision} {findings:?}, expected {} {:?}",
                case.name, case.decision, case.findings
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "writes files: run it by name after a change of the cases"]
fn write_pkix_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/pkix/cases");
    for case in cases() {
        let json = json!({
            "description": case.description,
            "settings": case.settings,
            "request": case.request,
            "expect": {"decision": case.decision, "findings": case.findings},
        });
        let text = serde_json::to_string_pretty(&json).unwrap() + "\n";
        fs::write(folder.join(format!("{}.json", case.name)), text).unwrap();
    }
}
