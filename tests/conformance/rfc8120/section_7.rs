//! Host validation methods: the exchange is bound to the server's certificate (RFC 5929 section 4).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use resolvet_proto::{
    enrolment::mutual::{Algorithm, Binding, BindingError, Denial, Error, Reason},
    judgement::Digest,
};

use super::{
    Parties, Wire,
    parties::{PASSWORD, binding, certificate},
};

#[test]
fn the_hash_is_that_of_the_certificates_signature() {
    for (algorithm, octets) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, 32),
        (&rcgen::PKCS_ECDSA_P384_SHA384, 48),
        (&rcgen::PKCS_ECDSA_P521_SHA512, 64),
        (&rcgen::PKCS_RSA_SHA256, 32),
    ] {
        let certificate = certificate(algorithm);
        let binding = Binding::tls_server_end_point(&certificate).unwrap();
        assert_eq!(binding.octets().len(), octets, "{algorithm:?}");
        if octets == 32 {
            assert_eq!(binding.octets(), Digest::of(&certificate).as_octets());
        }
    }
}

/// Signed with RSASSA-PSS: SHA-384 twice, and SHA-512 with a mask by SHA-256. Made by OpenSSL, as is the hash.
#[test]
fn two_hashes_are_none() {
    let read = |text: &str| STANDARD.decode(text.replace('\n', "")).unwrap();
    let one = Binding::tls_server_end_point(&read(include_str!("pss-sha384.b64"))).unwrap();
    let hash = include_str!("pss-sha384.hash").trim();
    let hex: String = one
        .octets()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    assert_eq!(hex, hash);
    let two = Binding::tls_server_end_point(&read(include_str!("pss-two-hashes.b64")));
    let expected = BindingError::Undefined {
        algorithm: "1.2.840.113549.1.1.10".to_owned(),
    };
    assert_eq!(two, Err(expected));
}

/// RFC 5929 section 4.1: undefined without a single hash function, so nothing may be used in its place.
#[test]
fn without_a_hash_there_is_no_binding() {
    let expected = BindingError::Undefined {
        algorithm: "1.3.101.112".to_owned(),
    };
    let ed25519 = certificate(&rcgen::PKCS_ED25519);
    assert_eq!(Binding::tls_server_end_point(&ed25519), Err(expected));
    let good = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    for wrong in [
        &[][..],
        &good[1..],
        &good[..100],
        &[&good[..], b"x"].concat(),
    ] {
        assert_eq!(
            Binding::tls_server_end_point(wrong),
            Err(BindingError::Malformed)
        );
    }
}

#[test]
fn another_validation_is_not_used() {
    for validation in ["host", "tls-unique", "none"] {
        let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
        let result = parties.request_through(|m| m.replace("tls-server-end-point", validation));
        let expected = Error::Validation {
            presented: validation.to_owned(),
        };
        assert_eq!(result, Err(expected));
    }
}

/// A man in the middle shows a certificate of his own and passes everything on, word for word.
#[test]
fn a_man_in_the_middle_with_another_certificate_is_refused() {
    let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
    parties.own = binding();
    let result = parties.request();
    let expected = Error::Refused {
        user: "Renée".to_owned(),
        reason: Reason::AuthFailed,
    };
    assert_eq!(result, Err(expected));
    let last = parties.denials.last().unwrap();
    assert!(matches!(last, Denial::WrongProof { .. }), "{last:?}");
    assert_eq!(parties.counter.0["Renée"], 1);
}

/// The same man answers the last request himself, since the server would not.
#[test]
fn he_cannot_prove_anything_himself() {
    let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
    parties.own = binding();
    let mut sid = String::new();
    let result = parties.request_through(|message| {
        sid = message.parameter("sid").unwrap_or(sid.clone());
        match message.parameter("vkc") {
            // vkc itself has the right form, and is not vks.
            Some(vkc) => Wire::Response(
                200,
                vec![format!("version=1, sid={sid}, vks={vkc}")],
                "lies",
            ),
            None => message,
        }
    });
    assert_eq!(result, Err(Error::WrongProof));
}

#[test]
fn a_certificate_that_changes_during_the_exchange_is_refused() {
    for changes_at in 0..3 {
        let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
        let mut authorization = parties.client.begin(parties.now);
        let mut result = None;
        for step in 0..3 {
            if step == changes_at {
                parties.seen = binding();
            }
            let answer = parties.answer(authorization.as_deref());
            match parties.receive(&answer) {
                Ok(resolvet_proto::enrolment::mutual::Step::Send(next)) => {
                    authorization = Some(next);
                }
                other => {
                    result = Some((step, other));
                    break;
                }
            }
        }
        assert_eq!(result, Some((changes_at, Err(Error::OtherCertificate))));
    }
}
