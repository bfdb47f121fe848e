//! Basic certificate fields.

use crate::{
    forge::{Certificate, ECDSA_SHA1, NOW, name},
    world::{World, accepts, rejects},
};

/// 4.1.1.2: this field MUST contain the same algorithm identifier as the signature field.
#[test]
fn both_signature_algorithms_are_equal() {
    let w = World::new();
    let server = Certificate {
        inner_algorithm: ECDSA_SHA1.to_vec(),
        ..w.server()
    };
    rejects(&w.request(&server), "signature-algorithm-mismatch");
}

/// 4.1.2.2: the serial number MUST be a positive integer, at most 20 octets long.
#[test]
fn serial_numbers_are_positive_and_at_most_twenty_octets() {
    let w = World::new();
    for (serial, good) in [
        (vec![0x7f; 20], true),
        (vec![0x7f; 21], false),
        (vec![0], false),
        (vec![0x80], false),
        (vec![0, 0x80], true),
    ] {
        let request = w.request(&Certificate {
            serial: serial.clone(),
            ..w.server()
        });
        if good {
            accepts(&request)
        } else {
            rejects(&request, "serial-number-invalid")
        }
    }
}

/// 4.1.2.4: the issuer field MUST contain a non-empty distinguished name.
#[test]
fn an_issuer_has_a_name() {
    let w = World::new();
    let root = Certificate {
        issuer: name(""),
        ..w.root()
    };
    rejects(
        &w.request_of(
            &w.server(),
            &w.authority(),
            &root.authority_key_identifier(&w.root),
        ),
        "issuer-empty",
    );
}

/// 4.1.2.5: the period is inclusive of both its ends.
#[test]
fn both_ends_of_the_validity_belong_to_it() {
    let w = World::new();
    let valid = |from, to| {
        w.request(&Certificate {
            validity: (from, to),
            ..w.server()
        })
    };
    accepts(&valid(NOW, NOW));
    rejects(&valid(NOW + 1, NOW + 2), "not-yet-valid");
    rejects(&valid(NOW - 2, NOW - 1), "expired");
}
