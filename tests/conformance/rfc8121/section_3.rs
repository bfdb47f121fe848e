//! The four algorithms: known answers, through what a program of others would call.

use resolvet_proto::enrolment::mutual::{
    Algorithm,
    kam3::{ClientKey, PasswordNumber, ServerKey, Verifier},
};
use serde_json::Value;

pub(super) fn vectors() -> Vec<Value> {
    let text = include_str!("../../vectors/rfc8121/kam3-vectors.json");
    serde_json::from_str(text).unwrap()
}

pub(super) fn octets(digits: &str) -> Vec<u8> {
    let digits = digits.trim_start_matches("0x");
    let digits = format!(
        "{}{digits}",
        if digits.len().is_multiple_of(2) {
            ""
        } else {
            "0"
        }
    );
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn known_answers() {
    let vectors = vectors();
    for algorithm in Algorithm::ALL {
        let of_this = vectors
            .iter()
            .filter(|v| v["algorithm"] == algorithm.name());
        assert_eq!(of_this.count(), 2, "{algorithm:?}");
    }
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let algorithm = Algorithm::from_name(text("algorithm")).unwrap();
        let pi = PasswordNumber::derive(
            algorithm,
            text("password").as_bytes(),
            text("auth_scope"),
            text("realm"),
            text("username"),
        );
        let stored = Verifier::from_text(algorithm, text("J")).unwrap();
        assert_eq!(*pi.verifier().unwrap().to_text(), text("J"));
        let client = ClientKey::with_secret(algorithm, &octets(text("S_c1"))).unwrap();
        assert_eq!(algorithm.to_text(client.kc1()), text("kc1"));
        let server = ServerKey::with_secret(algorithm, &octets(text("S_s1"))).unwrap();
        let (ks1, at_server) = server.answer(&stored, client.kc1()).unwrap();
        assert_eq!(algorithm.to_text(&ks1), text("ks1"));
        let at_client = client.finish(&pi, &ks1).unwrap();
        let nc = vector["nc"].as_u64().unwrap() as u32;
        let vh = octets(text("vh_hex"));
        for secret in [at_client, at_server] {
            assert_eq!(algorithm.to_text(&secret.vkc(nc, &vh)), text("vkc"));
            assert_eq!(algorithm.to_text(&secret.vks(nc, &vh)), text("vks"));
        }
    }
}
