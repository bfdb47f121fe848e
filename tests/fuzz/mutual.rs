//! Header fields of HTTP Mutual authentication (RFC 8120), and both machines that read them.

use resolvet_proto::enrolment::{
    est::Endpoint,
    mutual::{
        Algorithm, Answer, Attempts, AuthScope, Binding, Challenge, Client, Credential, Incoming,
        Password, Proof, Random, Realm, Response, Server, Step, User, Verifiers, kam3::Verifier,
    },
};
use zeroize::Zeroizing;

struct Nobody;

impl Verifiers for Nobody {
    fn verifier(&self, _: Algorithm, _: &str) -> Option<Verifier> {
        None
    }
}

impl Attempts for Nobody {
    fn may_try(&mut self, _: &str, _: u64) -> bool {
        true
    }

    fn failed(&mut self, _: &str, _: u64) {}

    fn succeeded(&mut self, _: &str) {
        panic!("nobody is authentic");
    }
}

fn random() -> Random {
    Random::new([0x5a; Random::OCTETS])
}

fn binding() -> Binding {
    static CERTIFICATE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    });
    Binding::tls_server_end_point(&CERTIFICATE).unwrap()
}

fn endpoint() -> Endpoint {
    Endpoint::new("est.example.net", 443).unwrap()
}

/// A field that begins as an honest one does, so that more of the reader is reached.
fn behind(honest: &str, input: &[u8]) -> Vec<u8> {
    [honest.as_bytes(), input].concat()
}

const SPACE: &str = "Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, \
    validation=tls-server-end-point, auth-scope=\"https://est.example.net\", realm=\"r\", ";

/// What is read is read again as it was written.
#[test]
fn messages() {
    bolero::check!().for_each(|input: &[u8]| {
        for field in [
            input.to_vec(),
            behind(SPACE, input),
            behind("Mutual ", input),
        ] {
            for challenge in Challenge::read_all(&[&field]).unwrap_or_default() {
                let again = Challenge::read_all(&[challenge.write().as_bytes()]);
                if is_writable(&challenge) {
                    assert_eq!(again, Ok(vec![challenge]));
                }
            }
            if let Ok(Some(credential)) = Credential::read(&field) {
                let _ = credential.write();
            }
        }
        let field = behind("version=1, sid=00, vks=", input);
        if let Ok(proof) = Proof::read(&field) {
            let again = Proof::read(proof.write().as_bytes());
            assert!(!proof.vks.is_ascii() || proof.vks.is_empty() || again == Ok(proof));
        }
    });
}

/// Tokens that came in quotation marks may be none, and are never written by our machines.
fn is_writable(challenge: &Challenge) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-')
    };
    match challenge {
        Challenge::Demand(demand) => {
            token(&demand.space.algorithm)
                && token(&demand.space.validation)
                && token(demand.reason.as_str())
        }
        Challenge::Key(answer) => {
            token(&answer.space.algorithm)
                && token(&answer.space.validation)
                && !answer.ks1.is_empty()
        }
        _ => false,
    }
}

/// Whatever a server says that does not know the password, its content is not taken.
#[test]
fn client() {
    bolero::check!().for_each(|input: &[u8]| {
        let password = Password::new(Zeroizing::new(b"p".to_vec())).unwrap();
        let user = User::new("u", password).unwrap();
        let mut client = Client::new(endpoint(), user, binding());
        client.begin(0);
        let status = if input.first().is_some_and(|octet| octet % 2 == 1) {
            200
        } else {
            401
        };
        let answers = [
            (401, behind(SPACE, b"reason=initial")),
            (401, behind(SPACE, input)),
            (status, behind("version=1, sid=00, vks=", input)),
        ];
        for (status, field) in answers {
            let response = Response {
                status,
                www_authenticate: &[&field],
                authentication_info: &[&field],
                binding: &binding(),
                content: (),
            };
            match client.receive(response, &random(), 0) {
                Ok(Step::Send(_)) => {}
                Ok(Step::Verified(())) => panic!("verified"),
                Err(_) => break,
            }
        }
    });
}

#[test]
fn server() {
    let scope = AuthScope::single_server(&endpoint());
    let realm = Realm::new("r", scope, &[Algorithm::P256]).unwrap();
    bolero::check!().for_each(move |input: &[u8]| {
        let mut server = Server::new(realm.clone(), [1; 32]);
        let key = behind(
            SPACE,
            b"user=u, kc1=01d74886b51084161ed43ef3a9b41987f58254e43d4d4824e9b55e197eddf4c19f",
        );
        let proof = behind(
            SPACE,
            &behind("sid=02020202020202020202020202020202, nc=1, vkc=", input),
        );
        for field in [input.to_vec(), behind(SPACE, input), key, proof] {
            let incoming = Incoming {
                authorization: Some(&field),
                binding: &binding(),
                random: &random(),
                sid: [2; 16],
                now: 0,
            };
            let answer = server.receive(&incoming, &Nobody, &mut Nobody);
            assert!(matches!(answer, Answer::Unauthorized { .. }));
        }
    });
}
