//! Cases of what certificates may contain (RFC 5280 section 4).

use serde_json::json;

use super::{Case, case};
use crate::{
    forge::{Certificate, NOW, dns, id_ce, name, seq, tlv},
    world::{SERVER, World, request},
};

pub(super) fn cases(w: &World) -> Vec<Case> {
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
            "The key may encipher keys and not sign, which every handshake needs.",
            w.server().key_usage(&[0b0010_0000]),
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
