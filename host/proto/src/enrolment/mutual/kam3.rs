//! KAM3, the key exchange of ISO/IEC 11770-4 in the form of RFC 8121 section 2, as pure functions.
//!
//! With g the generator of a group of order r, H the hash and pi the number that the password becomes:
//!
//! ```text
//! J    = g^pi                              all that the server stores
//! kc1  = g^S_c1                            t1 = H(1 | kc1)
//! ks1  = (J * kc1^t1)^S_s1                 t2 = H(2 | kc1 | ks1)
//! z    = ks1^((S_c1 + t2) / (S_c1 * t1 + pi))  on the client's side
//! z    = (kc1 * g^t2)^S_s1                 on the server's side
//! vkc  = H(4 | kc1 | ks1 | z | nc | vh),  vks  = H(3 | kc1 | ks1 | z | nc | vh)
//! ```
//!
//! What is secret (password, pi, J, both S, z) is wiped when it is dropped and never shown by `Debug`; every operation on it
//! takes a time that does not depend on its value.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    encoding::{variable_integer, variable_string},
    group::{Group, Modp2048, Modp4096, P256, P521},
};

/// Random octets for one secret, from a source that is fit for keys. Each is used once: a second use gives the secret away.
pub struct Random(Zeroizing<[u8; Self::OCTETS]>);

/// A step of the exchange cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The peer's number is no element of the group, or one that gives nothing away but its own smallness.
    #[error("the peer's `{parameter}` is not acceptable in the group of `{}` (RFC 8121 3.2, 3.3)", .algorithm.name())]
    Element {
        /// `kc1` or `ks1`.
        parameter: &'static str,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The random octets give no secret: all but impossible when they are random.
    #[error("the random octets give no secret of `{}` (RFC 8121 appendix B)", .algorithm.name())]
    Secret {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// J is no element of the group.
    #[error("what is stored for the user is no J of `{}` (RFC 8121 2)", .algorithm.name())]
    Verifier {
        /// The algorithm.
        algorithm: Algorithm,
    },
}

/// pi: the number that a password becomes for one algorithm, auth-scope, realm and user.
#[derive(Clone)]
pub struct PasswordNumber {
    algorithm: Algorithm,
    octets: Zeroizing<Vec<u8>>,
}

/// J: all that a server stores of a password. Whoever has it can guess offline and pose as the server, so it is kept like a
/// password's hash.
#[derive(Clone)]
pub struct Verifier {
    algorithm: Algorithm,
    octets: Zeroizing<Vec<u8>>,
}

/// The client's half of an exchange: S_c1 and kc1.
pub struct ClientKey {
    algorithm: Algorithm,
    secret: Zeroizing<Vec<u8>>,
    kc1: Vec<u8>,
}

/// The server's S_s1.
pub struct ServerKey {
    algorithm: Algorithm,
    secret: Zeroizing<Vec<u8>>,
}

/// z, and with it what both proofs are made of.
#[derive(Clone)]
pub struct SharedSecret {
    algorithm: Algorithm,
    /// kc1, ks1 and z, one after the other.
    transcript: Zeroizing<Vec<u8>>,
}

macro_rules! in_group {
    ($algorithm:expr, $group:ident => $value:expr) => {
        match $algorithm {
            Algorithm::P256 => {
                type $group = P256;
                $value
            }
            Algorithm::P521 => {
                type $group = P521;
                $value
            }
            Algorithm::Modp2048 => {
                type $group = Modp2048;
                $value
            }
            Algorithm::Modp4096 => {
                type $group = Modp4096;
                $value
            }
        }
    };
}

impl Random {
    /// How many octets: those of the largest group, and 16 more so that reduction leaves no bias.
    pub const OCTETS: usize = 528;

    /// Takes octets.
    #[must_use]
    pub fn new(octets: [u8; Self::OCTETS]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// A secret of a group as octets.
    fn secret<G: Group>(&self) -> Option<Zeroizing<Vec<u8>>> {
        secret::<G>(self.0.get(..G::RANDOM_OCTETS)?)
    }
}

fn secret<G: Group>(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let scalar = G::scalar(octets);
    G::is_secret(&scalar).then(|| G::scalar_octets(&scalar))
}

impl PasswordNumber {
    /// Derives pi from a password, prepared by the caller (RFC 8120 section 9). This takes 16,384 iterations of PBKDF2.
    #[must_use]
    pub fn derive(
        algorithm: Algorithm,
        password: &[u8],
        auth_scope: &str,
        realm: &str,
        user: &str,
    ) -> Self {
        let texts = [algorithm.name(), auth_scope, realm, user];
        let salt = texts.map(|text| variable_string(text.as_bytes())).concat();
        Self {
            algorithm,
            octets: algorithm.password_octets(password, &salt),
        }
    }

    /// J, which a server stores.
    ///
    /// # Errors
    /// pi is 0 modulo r: no password was ever seen to do that.
    pub fn verifier(&self) -> Result<Verifier, ExchangeError> {
        Verifier::of_exponent(self.algorithm, &self.octets)
    }
}

impl Verifier {
    fn of_exponent(algorithm: Algorithm, exponent: &[u8]) -> Result<Self, ExchangeError> {
        let octets = in_group!(algorithm, G => G::encode(&G::base_power(&G::scalar(exponent))));
        octets
            .map(|octets| Self { algorithm, octets })
            .ok_or(ExchangeError::Verifier { algorithm })
    }

    /// A J that belongs to no password, the same for the same key and user: what a server uses for users that it does not
    /// know, so that its answers do not tell who is known (RFC 8120 section 11).
    ///
    /// # Errors
    /// As [`PasswordNumber::verifier`].
    pub fn fake(algorithm: Algorithm, key: &[u8; 32], user: &str) -> Result<Self, ExchangeError> {
        let texts = ["unknown user", algorithm.name(), user];
        let octets = texts.map(|text| variable_string(text.as_bytes())).concat();
        Self::of_exponent(algorithm, &algorithm.keyed_digest(key, &octets))
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// It is no element of the algorithm's group.
    pub fn from_text(algorithm: Algorithm, text: &str) -> Result<Self, ExchangeError> {
        let octets = algorithm.element_from_text(text).map(Zeroizing::new);
        octets
            .filter(|octets| in_group!(algorithm, G => G::decode(octets).is_some()))
            .map(|octets| Self { algorithm, octets })
            .ok_or(ExchangeError::Verifier { algorithm })
    }

    /// J as text, to be stored; wiped when it is dropped.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<alloc::string::String> {
        Zeroizing::new(self.algorithm.to_text(&self.octets))
    }

    /// The algorithm that it belongs to.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl ClientKey {
    /// A fresh S_c1 and its kc1.
    ///
    /// # Errors
    /// The octets are not random.
    pub fn new(algorithm: Algorithm, random: &Random) -> Result<Self, ExchangeError> {
        let secret = in_group!(algorithm, G => random.secret::<G>());
        Self::of_secret(algorithm, secret)
    }

    /// S_c1 given as an integer, for known answers.
    ///
    /// # Errors
    /// It is 0 modulo r or too small.
    pub fn with_secret(algorithm: Algorithm, integer: &[u8]) -> Result<Self, ExchangeError> {
        Self::of_secret(algorithm, in_group!(algorithm, G => secret::<G>(integer)))
    }

    fn of_secret(
        algorithm: Algorithm,
        secret: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, ExchangeError> {
        let failed = ExchangeError::Secret { algorithm };
        let secret = secret.ok_or(failed)?;
        let kc1 = in_group!(algorithm, G => G::encode(&G::base_power(&G::scalar(&secret))));
        Ok(Self {
            algorithm,
            secret,
            kc1: kc1.ok_or(failed)?.to_vec(),
        })
    }

    /// kc1, as octets.
    #[must_use]
    pub fn kc1(&self) -> &[u8] {
        &self.kc1
    }

    /// z from the server's ks1.
    ///
    /// # Errors
    /// ks1 is not acceptable, then the exchange is over; or pi belongs to another algorithm.
    pub fn finish(self, pi: &PasswordNumber, ks1: &[u8]) -> Result<SharedSecret, ExchangeError> {
        let algorithm = self.algorithm;
        if pi.algorithm != algorithm {
            return Err(ExchangeError::Verifier { algorithm });
        }
        let z = in_group!(algorithm, G => {
            let element = G::decode(ks1).ok_or(ExchangeError::Element {
                parameter: "ks1",
                algorithm,
            })?;
            let secret = G::scalar(&self.secret);
            let (t1, t2) = (
                G::scalar(&t1(algorithm, &self.kc1)),
                G::scalar(&t2(algorithm, &self.kc1, ks1)),
            );
            let divisor = G::sum(&G::product(&secret, &t1), &G::scalar(&pi.octets));
            G::inverse(&divisor).and_then(|inverse| {
                let exponent = G::product(&G::sum(&secret, &t2), &inverse);
                G::encode(&G::power(&element, &exponent))
            })
        });
        let z = z.ok_or(ExchangeError::Secret { algorithm })?;
        Ok(SharedSecret::new(algorithm, &self.kc1, ks1, &z))
    }
}

impl ServerKey {
    /// A fresh S_s1.
    ///
    /// # Errors
    /// The octets are not random.
    pub fn new(algorithm: Algorithm, random: &Random) -> Result<Self, ExchangeError> {
        let secret = in_group!(algorithm, G => random.secret::<G>());
        let secret = secret.ok_or(ExchangeError::Secret { algorithm })?;
        Ok(Self { algorithm, secret })
    }

    /// S_s1 given as an integer, for known answers.
    ///
    /// # Errors
    /// It is 0 modulo r or too small.
    pub fn with_secret(algorithm: Algorithm, integer: &[u8]) -> Result<Self, ExchangeError> {
        let secret = in_group!(algorithm, G => secret::<G>(integer));
        let secret = secret.ok_or(ExchangeError::Secret { algorithm })?;
        Ok(Self { algorithm, secret })
    }

    /// ks1 and z from the client's kc1. S_s1 is not needed any more and goes.
    ///
    /// # Errors
    /// kc1 is not acceptable, or J belongs to another algorithm.
    pub fn answer(
        self,
        verifier: &Verifier,
        kc1: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), ExchangeError> {
        let algorithm = self.algorithm;
        if verifier.algorithm != algorithm {
            return Err(ExchangeError::Verifier { algorithm });
        }
        let failed = ExchangeError::Element {
            parameter: "kc1",
            algorithm,
        };
        in_group!(algorithm, G => {
            let client = G::decode(kc1).ok_or(failed)?;
            let j = G::decode(&verifier.octets).ok_or(ExchangeError::Verifier { algorithm })?;
            let secret = G::scalar(&self.secret);
            let blinded = G::combine(&j, &G::power(&client, &G::scalar(&t1(algorithm, kc1))));
            // A kc1 that makes J * kc1^t1 neutral would give an answer that hides nothing.
            let ks1 = G::encode(&G::power(&blinded, &secret)).ok_or(failed)?;
            let t2 = G::scalar(&t2(algorithm, kc1, &ks1));
            let shared = G::combine(&client, &G::base_power(&t2));
            let z = G::encode(&G::power(&shared, &secret)).ok_or(failed)?;
            let session = SharedSecret::new(algorithm, kc1, &ks1, &z);
            Ok((ks1.to_vec(), session))
        })
    }
}

impl SharedSecret {
    fn new(algorithm: Algorithm, kc1: &[u8], ks1: &[u8], z: &[u8]) -> Self {
        // One allocation of the final size: a growing one would leave z behind.
        let mut transcript = Zeroizing::new(Vec::with_capacity(kc1.len() + ks1.len() + z.len()));
        for part in [kc1, ks1, z] {
            transcript.extend_from_slice(part);
        }
        Self {
            algorithm,
            transcript,
        }
    }

    /// vkc, the client's proof for the request number `nc` over a connection that `vh` names.
    #[must_use]
    pub fn vkc(&self, nc: u32, vh: &[u8]) -> Vec<u8> {
        self.proof(4, nc, vh)
    }

    /// vks, the server's proof for the request number `nc` over a connection that `vh` names.
    #[must_use]
    pub fn vks(&self, nc: u32, vh: &[u8]) -> Vec<u8> {
        self.proof(3, nc, vh)
    }

    /// Whether `presented` is vkc, in constant time.
    #[must_use]
    pub fn is_vkc(&self, nc: u32, vh: &[u8], presented: &[u8]) -> bool {
        self.vkc(nc, vh).ct_eq(presented).into()
    }

    /// Whether `presented` is vks, in constant time.
    #[must_use]
    pub fn is_vks(&self, nc: u32, vh: &[u8], presented: &[u8]) -> bool {
        self.vks(nc, vh).ct_eq(presented).into()
    }

    /// The algorithm of the exchange.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn proof(&self, tag: u8, nc: u32, vh: &[u8]) -> Vec<u8> {
        let parts: [&[u8]; 4] = [
            &[tag],
            &self.transcript,
            &variable_integer(nc.into()),
            &variable_string(vh),
        ];
        self.algorithm.digest(&parts).to_vec()
    }
}

fn t1(algorithm: Algorithm, kc1: &[u8]) -> Zeroizing<Vec<u8>> {
    algorithm.digest(&[&[1], kc1])
}

fn t2(algorithm: Algorithm, kc1: &[u8], ks1: &[u8]) -> Zeroizing<Vec<u8>> {
    algorithm.digest(&[&[2], kc1, ks1])
}

macro_rules! hidden {
    ($($secret:ident),+) => {
        $(impl fmt::Debug for $secret {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($secret)).finish_non_exhaustive()
            }
        })+
    };
}

hidden!(
    Random,
    PasswordNumber,
    Verifier,
    ClientKey,
    ServerKey,
    SharedSecret
);

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use serde_json::Value;

    use super::*;

    /// Known answers of all four algorithms, two of each, made by a program that is not ours.
    const VECTORS: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/rfc8121/kam3-vectors.json"
    ));

    struct Vector(Value);

    impl Vector {
        fn text(&self, name: &str) -> &str {
            self.0[name].as_str().unwrap()
        }

        fn algorithm(&self) -> Algorithm {
            Algorithm::from_name(self.text("algorithm")).unwrap()
        }

        fn hex(&self, name: &str) -> Vec<u8> {
            let digits = self.text(name).trim_start_matches("0x");
            let even = if digits.len().is_multiple_of(2) {
                ""
            } else {
                "0"
            };
            crate::enrolment::mutual::encoding::from_hex(&format!("{even}{digits}")).unwrap()
        }

        fn pi(&self) -> PasswordNumber {
            PasswordNumber::derive(
                self.algorithm(),
                self.text("password").as_bytes(),
                self.text("auth_scope"),
                self.text("realm"),
                self.text("username"),
            )
        }
    }

    fn vectors() -> Vec<Vector> {
        let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        assert_eq!(all.len(), 8);
        all.into_iter().map(Vector).collect()
    }

    #[test]
    fn known_answers() {
        for vector in vectors() {
            let algorithm = vector.algorithm();
            let name = format!("{} nc {}", algorithm.name(), vector.0["nc"]);
            let pi = vector.pi();
            assert_eq!(*pi.octets, vector.hex("pi_hex"), "pi of {name}");
            let verifier = pi.verifier().unwrap();
            assert_eq!(*verifier.to_text(), vector.text("J"), "J of {name}");
            let client = ClientKey::with_secret(algorithm, &vector.hex("S_c1")).unwrap();
            let kc1 = client.kc1().to_vec();
            assert_eq!(algorithm.to_text(&kc1), vector.text("kc1"), "kc1 of {name}");
            let server = ServerKey::with_secret(algorithm, &vector.hex("S_s1")).unwrap();
            let (ks1, at_server) = server.answer(&verifier, &kc1).unwrap();
            assert_eq!(algorithm.to_text(&ks1), vector.text("ks1"), "ks1 of {name}");
            let at_client = client.finish(&pi, &ks1).unwrap();
            let nc = u32::try_from(vector.0["nc"].as_u64().unwrap()).unwrap();
            let vh = vector.hex("vh_hex");
            for secret in [at_client, at_server] {
                let z = &secret.transcript[2 * algorithm.element_octets()..];
                assert_eq!(z, vector.hex("z_hex"), "z of {name}");
                let (vkc, vks) = (secret.vkc(nc, &vh), secret.vks(nc, &vh));
                assert_eq!(algorithm.to_text(&vkc), vector.text("vkc"), "vkc of {name}");
                assert_eq!(algorithm.to_text(&vks), vector.text("vks"), "vks of {name}");
                assert!(secret.is_vkc(nc, &vh, &vkc) && secret.is_vks(nc, &vh, &vks));
                assert!(!secret.is_vkc(nc, &vh, &vks) && !secret.is_vks(nc, &vh, &vkc));
                assert!(!secret.is_vks(nc + 1, &vh, &vks) && !secret.is_vks(nc, &[], &vks));
                assert!(!secret.is_vks(nc, &vh, &vks[1..]) && !secret.is_vks(nc, &vh, &[]));
            }
        }
    }

    #[test]
    fn random_octets_that_are_not_random_are_refused() {
        let zero = Random::new([0; Random::OCTETS]);
        for algorithm in Algorithm::ALL {
            let failed = ExchangeError::Secret { algorithm };
            assert_eq!(ClientKey::new(algorithm, &zero).unwrap_err(), failed);
            assert_eq!(ServerKey::new(algorithm, &zero).unwrap_err(), failed);
        }
    }

    #[test]
    fn elements_outside_the_group_are_refused() {
        for vector in vectors().iter().step_by(2) {
            let algorithm = vector.algorithm();
            let pi = vector.pi();
            let bad = alloc::vec![0xff; algorithm.element_octets()];
            let server = ServerKey::with_secret(algorithm, &vector.hex("S_s1")).unwrap();
            let kc1 = server.answer(&pi.verifier().unwrap(), &bad).unwrap_err();
            let client = ClientKey::with_secret(algorithm, &vector.hex("S_c1")).unwrap();
            let ks1 = client.finish(&pi, &bad).unwrap_err();
            for (parameter, error) in [("kc1", kc1), ("ks1", ks1)] {
                let expected = ExchangeError::Element {
                    parameter,
                    algorithm,
                };
                assert_eq!(error, expected);
            }
            let text = algorithm.to_text(&bad);
            assert_eq!(
                Verifier::from_text(algorithm, &text).unwrap_err(),
                ExchangeError::Verifier { algorithm }
            );
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let vector = &vectors()[0];
        let text = vector.text("J");
        let verifier = Verifier::from_text(vector.algorithm(), text).unwrap();
        assert_eq!(*verifier.to_text(), text);
        let fake = |user| {
            Verifier::fake(Algorithm::P256, &[7; 32], user)
                .unwrap()
                .to_text()
        };
        assert_eq!(fake("a"), fake("a"));
        assert_ne!(fake("a"), fake("b"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let vector = &vectors()[0];
        let pi = vector.pi();
        let client = ClientKey::with_secret(vector.algorithm(), &vector.hex("S_c1")).unwrap();
        let server = ServerKey::with_secret(vector.algorithm(), &vector.hex("S_s1")).unwrap();
        let shown: [String; 4] = [
            format!("{pi:?}"),
            format!("{:?}", pi.verifier().unwrap()),
            format!("{client:?}"),
            format!("{server:?}"),
        ];
        assert_eq!(
            shown,
            [
                "PasswordNumber { .. }",
                "Verifier { .. }",
                "ClientKey { .. }",
                "ServerKey { .. }"
            ]
        );
    }
}
