//! Certificate extensions.

use crate::{
    forge::{ANY_PURPOSE, CLIENT_AUTH, Certificate, SERVER_AUTH, dns, id_ce, seq, tlv},
    world::{SERVER, World, accepts, rejects},
};

/// 4.2: a certificate MUST NOT include more than one instance of a particular extension.
#[test]
fn an_extension_stands_once() {
    let w = World::new();
    for position in 0..w.server().extensions.len() {
        let mut server = w.server();
        let copy = server.extensions[position].clone();
        server.extensions.push(copy);
        rejects(&w.request(&server), "extension-repeated");
    }
}

/// 4.2: a system MUST reject a certificate with a critical extension that it does not recognize; it may ignore one that
/// is not critical.
#[test]
fn unknown_critical_extensions_refuse() {
    let w = World::new();
    let unknown: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 7];
    accepts(&w.request(&w.server().extension(unknown, false, tlv(5, &[]))));
    rejects(
        &w.request(&w.server().extension(unknown, true, tlv(5, &[]))),
        "critical-extension-unknown",
    );
    let root = w.root().extension(unknown, true, tlv(5, &[]));
    rejects(
        &w.request_of(&w.server(), &w.authority(), &root),
        "critical-extension-unknown",
    );
}

/// 4.2.1.1 and 4.2.1.2: key identifiers are there and not critical.
#[test]
fn key_identifiers() {
    let w = World::new();
    rejects(
        &w.request(&w.server().without(&id_ce(35))),
        "authority-key-identifier-missing",
    );
    accepts(&w.request(&w.server().without(&id_ce(14))));
    let authority = w.authority().without(&id_ce(14));
    rejects(
        &w.request_of(&w.server(), &authority, &w.root()),
        "subject-key-identifier-missing",
    );
    let critical = w.server().extension(&id_ce(14), true, tlv(4, &[1]));
    rejects(&w.request(&critical), "extension-criticality");
    accepts(&w.request_of(&w.server(), &w.authority(), &w.root().without(&id_ce(35))));
}

/// 4.2.1.3: at least one bit MUST be set; 4.2.1.9: keyCertSign goes with cA.
#[test]
fn key_usage() {
    let w = World::new();
    rejects(
        &w.request(&w.server().key_usage(&[0b1000_0100])),
        "key-usage-cert-sign",
    );
    let authority = w.authority().key_usage(&[0b1000_0010]);
    rejects(
        &w.request_of(&w.server(), &authority, &w.root()),
        "key-usage-no-cert-sign",
    );
    accepts(&w.request(&w.server().without(&id_ce(15))));
}

/// 4.2.1.3 and RFC 8446 section 4.4.2.2: the key signs the handshake, so it may sign. Bits beyond the end of the BIT STRING
/// give it no right.
#[test]
fn a_server_may_sign() {
    let w = World::new();
    let server = |bits: &[u8]| w.request(&w.server().extension(&id_ce(15), true, tlv(3, bits)));
    accepts(&server(&[5, 0b1010_0000]));
    rejects(&server(&[5, 0b0010_0000]), "key-usage-no-handshake");
    rejects(&server(&[3, 0b0000_1000]), "key-usage-no-handshake");
    rejects(&server(&[7, 0b1000_0001]), "extension-malformed");
}

/// 4.2.1.4: where the extension is critical, qualifiers are understood, or the certificate is rejected.
#[test]
fn qualifiers_of_policies() {
    let w = World::new();
    let policies = |critical, qualifier: &[u8]| {
        let policy = tlv(6, &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 2]);
        let qualifier = seq(&[&tlv(6, qualifier), &tlv(0x16, b"https://example.net/")]);
        let value = seq(&[&seq(&[&policy, &seq(&[&qualifier])])]);
        w.request(&w.server().extension(&id_ce(32), critical, value))
    };
    let (pointer, unknown) = ([0x2b, 6, 1, 5, 5, 7, 2, 1], [0x2b, 6, 1, 5, 5, 7, 2, 99]);
    accepts(&policies(true, &pointer));
    accepts(&policies(false, &unknown));
    rejects(&policies(true, &unknown), "critical-extension-unknown");
}

/// 4.2.1.6: with an empty subject the subject alternative name is critical, and it is never empty.
#[test]
fn alternative_names() {
    let w = World::new();
    let nameless = Certificate {
        subject: seq(&[]),
        ..w.server()
    };
    rejects(&w.request(&nameless), "alt-name-not-critical");
    let critical = nameless.extension(&id_ce(17), true, seq(&[&dns(SERVER)]));
    accepts(&w.request(&critical));
    for bad in [
        "192.0.2.1",
        "",
        " ",
        ".dns.example.net",
        "a..b",
        "-a.example",
    ] {
        rejects(
            &w.request(&w.server_named(&[dns(SERVER), dns(bad)])),
            "alt-name-malformed",
        );
    }
}

/// 4.2.1.9: basic constraints are critical in an authority's certificate, and a path length only with cA.
#[test]
fn basic_constraints() {
    let w = World::new();
    let uncritical = w
        .authority()
        .extension(&id_ce(19), false, seq(&[&tlv(1, &[0xff])]));
    rejects(
        &w.request_of(&w.server(), &uncritical, &w.root()),
        "extension-criticality",
    );
    rejects(
        &w.request(&w.server().basic_constraints(false, Some(0))),
        "path-length-misplaced",
    );
}

/// 4.2.1.12: where the extension is present, the certificate MUST only be used for one of its purposes.
#[test]
fn extended_key_usage() {
    let w = World::new();
    accepts(&w.request(&w.server().without(&id_ce(37))));
    accepts(&w.request(&w.server().extended_key_usage(&[CLIENT_AUTH, SERVER_AUTH])));
    rejects(
        &w.request(&w.server().extended_key_usage(&[CLIENT_AUTH])),
        "purpose-not-allowed",
    );
    rejects(
        &w.request(&w.server().extended_key_usage(&[ANY_PURPOSE])),
        "any-extended-key-usage",
    );
    accepts(&w.request(&w.server().extended_key_usage(&[SERVER_AUTH, ANY_PURPOSE])));
    let authority = w.authority().extended_key_usage(&[CLIENT_AUTH]);
    rejects(
        &w.request_of(&w.server(), &authority, &w.root()),
        "purpose-not-allowed",
    );
    accepts(&w.request_of(
        &w.server(),
        &w.authority().extended_key_usage(&[ANY_PURPOSE]),
        &w.root(),
    ));
}
