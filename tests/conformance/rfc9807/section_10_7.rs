//! Input validation: numbers of the peer that are no elements of the group, or the one that gives nothing away.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use resolvet_proto::enrolment::opaque::{Denial, Error};
use sha2::{Digest as _, Sha256};

use super::{Parties, USER};

/// The identity; a number above the modulus; one that is no encoding.
const WRONG: [[u8; 32]; 3] = [[0; 32], [0xff; 32], [1; 32]];

#[test]
fn the_server_refuses_them_in_ke1() {
    for wrong in WRONG {
        // The OPRF's element, and the key share.
        for at in [0, 64] {
            let mut parties = Parties::good();
            let result = parties.request_through(|message| match message.parameter("ke1") {
                Some(ke1) => {
                    let mut octets = STANDARD.decode(&ke1).unwrap();
                    octets[at..at + 32].copy_from_slice(&wrong);
                    message.replace(&ke1, &STANDARD.encode(octets))
                }
                None => message,
            });
            assert!(matches!(result, Err(Error::Refused { .. })), "{result:?}");
            assert_eq!(parties.last_denial(), (Denial::Element, true));
            assert!(!parties.counter.0.contains_key(USER), "no guess was made");
        }
    }
}

#[test]
fn the_client_refuses_them_in_ke2() {
    for wrong in WRONG {
        for at in [0, 224] {
            let mut parties = Parties::good();
            let mut ke1 = Vec::new();
            let result = parties.request_through(|message| {
                if let Some(sent) = message.parameter("ke1") {
                    ke1 = STANDARD.decode(sent).unwrap();
                }
                let (Some(ke2), Some(digest)) =
                    (message.parameter("ke2"), message.parameter("digest"))
                else {
                    return message;
                };
                let mut octets = STANDARD.decode(&ke2).unwrap();
                octets[at..at + 32].copy_from_slice(&wrong);
                let hash = Sha256::new().chain_update(&ke1).chain_update(&octets);
                let message = message.replace(&ke2, &STANDARD.encode(octets));
                message.replace(&digest, &STANDARD.encode(hash.finalize()))
            });
            assert_eq!(result, Err(Error::Element), "at {at}");
        }
    }
}
