//! The published vectors of the configuration that the profile uses, through the library that does the arithmetic: with the
//! vectors' own stretching, which is none.

use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialRequest, CredentialResponse, Identifiers,
    Ristretto255, ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, TripleDh,
    ksf::Identity,
    rand::{CryptoRng, Error, RngCore},
};
use serde_json::Value;

struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_of_opaque::Sha512>;
    type Ksf = Identity;
}

/// Gives the octets of a vector in the order in which the library draws them.
struct Octets(Vec<u8>);

impl Octets {
    fn new(parts: &[Vec<u8>]) -> Self {
        Self(parts.concat())
    }

    /// A scalar is drawn with 64 octets, little endian, and reduced: the upper half is 0.
    fn scalar(octets: Vec<u8>) -> Vec<u8> {
        [octets, vec![0; 32]].concat()
    }
}

impl RngCore for Octets {
    fn next_u32(&mut self) -> u32 {
        unreachable!("only octets are drawn")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("only octets are drawn")
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        let rest = self.0.split_off(octets.len());
        octets.copy_from_slice(&std::mem::replace(&mut self.0, rest));
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(octets);
        Ok(())
    }
}

impl CryptoRng for Octets {}

struct Vector(Value);

impl Vector {
    fn all() -> Vec<Self> {
        let text = include_str!("../../vectors/rfc9807/ristretto255.json");
        let all: Vec<Value> = serde_json::from_str(text).unwrap();
        all.into_iter().map(Vector).collect()
    }

    fn is_fake(&self) -> bool {
        self.0["config"]["Fake"] == "True"
    }

    fn maybe(&self, part: &str, name: &str) -> Option<Vec<u8>> {
        let text = self.0[part][name].as_str()?;
        let pairs = text.as_bytes().chunks(2);
        let octet = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Some(pairs.map(octet).collect())
    }

    fn input(&self, name: &str) -> Vec<u8> {
        self.maybe("inputs", name).unwrap()
    }

    fn output(&self, name: &str) -> Vec<u8> {
        self.maybe("outputs", name).unwrap()
    }

    fn context(&self) -> Vec<u8> {
        self.maybe("config", "Context").unwrap()
    }

    /// The server's keys. The last part, which only answers for unknown users need, is that of a fake vector or any.
    fn setup(&self) -> ServerSetup<Suite> {
        let nobody = self.maybe("inputs", "client_public_key");
        let octets = [
            self.input("oprf_seed"),
            self.input("server_private_key"),
            nobody.unwrap_or_else(|| self.input("server_public_key")),
        ];
        ServerSetup::deserialize(&octets.concat()).unwrap()
    }
}

/// A vector's identities.
struct Both(Option<Vec<u8>>, Option<Vec<u8>>);

impl Both {
    fn of(vector: &Vector) -> Self {
        Self(
            vector.maybe("inputs", "client_identity"),
            vector.maybe("inputs", "server_identity"),
        )
    }

    fn identifiers(&self) -> Identifiers<'_> {
        Identifiers {
            client: self.0.as_deref(),
            server: self.1.as_deref(),
        }
    }
}

/// C.1: registration and login.
#[test]
fn real_vectors() {
    let vectors = Vector::all();
    let real: Vec<_> = vectors.iter().filter(|vector| !vector.is_fake()).collect();
    assert_eq!(real.len(), 2);
    for vector in real {
        let setup = vector.setup();
        let both = Both::of(vector);
        let (password, context) = (vector.input("password"), vector.context());
        let identifier = vector.input("credential_identifier");

        let mut drawn = Octets::new(&[
            Octets::scalar(vector.input("blind_registration")),
            vector.input("envelope_nonce"),
        ]);
        let request = ClientRegistration::<Suite>::start(&mut drawn, &password).unwrap();
        assert_eq!(
            *request.message.serialize(),
            vector.output("registration_request")
        );
        let response =
            ServerRegistration::<Suite>::start(&setup, request.message, &identifier).unwrap();
        assert_eq!(
            *response.message.serialize(),
            vector.output("registration_response")
        );
        let parameters = ClientRegistrationFinishParameters::new(both.identifiers(), None);
        let upload = request
            .state
            .finish(&mut drawn, &password, response.message, parameters)
            .unwrap();
        assert_eq!(
            *upload.message.serialize(),
            vector.output("registration_upload")
        );
        let record = ServerRegistration::finish(upload.message);

        let mut drawn = Octets::new(&[
            Octets::scalar(vector.input("blind_login")),
            vector.input("client_keyshare_seed"),
            vector.input("client_nonce"),
        ]);
        let ke1 = ClientLogin::<Suite>::start(&mut drawn, &password).unwrap();
        assert_eq!(*ke1.message.serialize(), vector.output("KE1"));
        // What an unknown user's masking key would be is drawn in any case.
        let mut drawn = Octets::new(&[
            vec![0; 64],
            vector.input("masking_nonce"),
            vector.input("server_keyshare_seed"),
            vector.input("server_nonce"),
        ]);
        let parameters = || ServerLoginParameters {
            context: Some(&context),
            identifiers: both.identifiers(),
        };
        let ke2 = ServerLogin::start(
            &mut drawn,
            &setup,
            Some(record),
            ke1.message,
            &identifier,
            parameters(),
        )
        .unwrap();
        assert_eq!(*ke2.message.serialize(), vector.output("KE2"));
        let octets = ke2.message.serialize();
        let answer = CredentialResponse::<Suite>::deserialize(&octets).unwrap();
        let finish = ClientLoginFinishParameters::new(Some(&context), both.identifiers(), None);
        let mut nothing = Octets::new(&[]);
        let ke3 = ke1
            .state
            .finish(&mut nothing, &password, answer, finish)
            .unwrap();
        assert_eq!(*ke3.message.serialize(), vector.output("KE3"));
        assert_eq!(*ke3.session_key, vector.output("session_key"));
        let server = ke2.state.finish(ke3.message, parameters()).unwrap();
        assert_eq!(*server.session_key, vector.output("session_key"));
    }
}

/// C.2: the answer for an unknown user.
#[test]
fn fake_vectors() {
    let vectors = Vector::all();
    let fake: Vec<_> = vectors.iter().filter(|vector| vector.is_fake()).collect();
    assert_eq!(fake.len(), 1);
    for vector in fake {
        let both = Both::of(vector);
        let mut drawn = Octets::new(&[
            vector.input("masking_key"),
            vector.input("masking_nonce"),
            vector.input("server_keyshare_seed"),
            vector.input("server_nonce"),
        ]);
        let context = vector.context();
        let ke2 = ServerLogin::start(
            &mut drawn,
            &vector.setup(),
            None,
            CredentialRequest::<Suite>::deserialize(&vector.input("KE1")).unwrap(),
            &vector.input("credential_identifier"),
            ServerLoginParameters {
                context: Some(&context),
                identifiers: both.identifiers(),
            },
        )
        .unwrap();
        assert_eq!(*ke2.message.serialize(), vector.output("KE2"));
    }
}
