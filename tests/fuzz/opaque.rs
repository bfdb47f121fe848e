//! Header fields of OPAQUE over HTTP, and both machines that read them.

use std::sync::LazyLock;

use resolvet_proto::enrolment::{
    authentication::{Attempts, Password, Step, User},
    opaque::{
        Answer, Binding, Challenge, Client, Credential, Incoming, Information, Random, Record,
        Records, Response, Server, ServerSecrets,
    },
};
use zeroize::Zeroizing;

struct Nobody;

impl Records for Nobody {
    fn record(&self, _: &str) -> Option<Record> {
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
    Binding::new([1; 32], b"certificate")
}

fn client() -> Client {
    let password = Password::new(Zeroizing::new(b"p".to_vec())).unwrap();
    Client::new(User::new("u", password).unwrap())
}

/// A field that begins as an honest one does, so that more of the reader is reached.
fn behind(honest: &str, input: &[u8]) -> Vec<u8> {
    [honest.as_bytes(), input].concat()
}

const DEMAND: &[u8] = b"OPAQUE version=1, realm=\"r\", reason=initial";
const BEGINNING: &str = "OPAQUE version=1, realm=\"r\", ";

/// What is read is read again as it was written.
#[test]
fn messages() {
    bolero::check!().for_each(|input: &[u8]| {
        for field in [input.to_vec(), behind(BEGINNING, input)] {
            for challenge in Challenge::read_all(&[&field]).unwrap_or_default() {
                // A reason in quotation marks may be no token, and is never written by our machines.
                let is_written = match &challenge {
                    Challenge::Demand(demand) => {
                        let reason = demand.reason.as_str();
                        !reason.is_empty() && reason.bytes().all(|o| o.is_ascii_alphanumeric())
                    }
                    _ => true,
                };
                let again = Challenge::read_all(&[challenge.write().as_bytes()]);
                assert!(!is_written || again == Ok(vec![challenge]));
            }
            if let Ok(Some(credential)) = Credential::read(&field) {
                let again = Credential::read(credential.write().as_bytes());
                assert_eq!(again, Ok(Some(credential)));
            }
        }
        let field = behind("version=1, nc=1, proof=", input);
        if let Ok(information) = Information::read(&field) {
            let again = Information::read(information.write().as_bytes());
            assert_eq!(again, Ok(information));
        }
    });
}

/// Whatever a server says that has no record, its content is not taken.
#[test]
fn client_of_anybody() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut client = client();
        assert_eq!(client.begin(Some(&binding()), &random()), Ok(None));
        let answers = [
            (401, DEMAND.to_vec()),
            (401, behind(BEGINNING, input)),
            (200, behind("version=1, nc=1, proof=", input)),
        ];
        for (status, field) in answers {
            let response = Response {
                status,
                www_authenticate: &[&field],
                authentication_info: &[&field],
                binding: &binding(),
                content: (),
            };
            match client.receive(response, &random()) {
                Ok(Step::Send(_)) => {}
                Ok(Step::Verified(())) => panic!("verified"),
                Err(_) => break,
            }
        }
    });
}

#[test]
fn server() {
    static KE1: LazyLock<String> = LazyLock::new(|| {
        let mut client = client();
        client.begin(Some(&binding()), &random()).unwrap();
        let response = Response {
            status: 401,
            www_authenticate: &[DEMAND],
            authentication_info: &[],
            binding: &binding(),
            content: (),
        };
        match client.receive(response, &random()) {
            Ok(Step::Send(ke1)) => ke1,
            other => panic!("{other:?}"),
        }
    });
    bolero::check!().for_each(|input: &[u8]| {
        let secrets = ServerSecrets::generate(&random()).unwrap();
        let mut server = Server::new("r", secrets).unwrap();
        for field in [
            input.to_vec(),
            behind(BEGINNING, input),
            KE1.as_bytes().to_vec(),
            behind(BEGINNING, &behind("ke3=", input)),
            behind(BEGINNING, &behind("nc=2, proof=", input)),
        ] {
            let incoming = Incoming {
                authorization: Some(&field),
                binding: &binding(),
                random: &random(),
                now: 0,
            };
            let answer = server.receive(&incoming, &Nobody, &mut Nobody);
            assert!(matches!(answer, Answer::Unauthorized { .. }));
        }
    });
}

/// Octets of files that administrators keep.
#[test]
fn secrets_and_records() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(secrets) = ServerSecrets::from_octets(input) {
            assert_eq!(secrets.to_octets().as_slice(), input);
        }
        if let Ok(record) = Record::from_octets(input) {
            assert_eq!(record.to_octets().as_slice(), input);
        }
    });
}
