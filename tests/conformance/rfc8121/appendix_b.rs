//! Derived numerical values.

use resolvet_proto::enrolment::mutual::{Algorithm, kam3::ClientKey, kam3::ExchangeError};

#[test]
fn lengths_of_values() {
    for (algorithm, element, kc1, proof) in [
        (Algorithm::Modp2048, 256, 344, 44),
        (Algorithm::Modp4096, 512, 684, 88),
        (Algorithm::P256, 33, 66, 64),
        (Algorithm::P521, 66, 132, 128),
    ] {
        assert_eq!(algorithm.element_octets(), element);
        assert_eq!(algorithm.to_text(&vec![0; element]).len(), kc1);
        assert_eq!(
            algorithm.to_text(&vec![0; algorithm.proof_octets()]).len(),
            proof
        );
    }
}

/// Below log q, g^S is the same number among the integers, and its logarithm is seen at once.
#[test]
fn small_secrets_are_refused() {
    for (algorithm, least) in [
        (Algorithm::Modp2048, 2_049_u16),
        (Algorithm::Modp4096, 4_097),
        (Algorithm::P256, 1),
        (Algorithm::P521, 1),
    ] {
        let key = |secret: u16| ClientKey::with_secret(algorithm, &secret.to_be_bytes());
        assert_eq!(
            key(least - 1).unwrap_err(),
            ExchangeError::Secret { algorithm }
        );
        assert!(key(least).is_ok(), "{algorithm:?}");
    }
}
