//! Test vectors: with these random octets, these messages.

use resolvet_proto::enrolment::{
    authentication::{Attempts, Password, Step, User},
    opaque::{
        Answer, Binding, Client, Incoming, Random, Record, Records, Response, Server,
        ServerSecrets, register,
    },
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

const CERTIFICATE: &[u8] = include_bytes!("../../vectors/opaque-profile/server.der");

struct One(Record);

impl Records for One {
    fn record(&self, _: &str) -> Option<Record> {
        Some(self.0.clone())
    }
}

impl Attempts for One {
    fn may_try(&mut self, _: &str, _: u64) -> bool {
        true
    }

    fn failed(&mut self, _: &str, _: u64) {}

    fn succeeded(&mut self, _: &str) {}
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex<const N: usize>(value: &Value) -> [u8; N] {
    let text = value.as_str().unwrap();
    assert_eq!(text.len(), 2 * N);
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

#[test]
fn version_1() {
    let text = include_str!("../../vectors/opaque-profile/version-1.json");
    let vector: Value = serde_json::from_str(text).unwrap();
    let inputs = &vector["inputs"];
    let text = |name: &str| inputs[name].as_str().unwrap();
    let random = |name: &str| Random::new(unhex(&inputs[name]));
    let user = || {
        let password = Password::new(Zeroizing::new(text("password").into())).unwrap();
        User::new(text("user"), password).unwrap()
    };
    let secrets = ServerSecrets::generate(&random("random-secrets")).unwrap();
    let octets = hex(secrets.to_octets().as_slice());
    let record = register(
        &secrets,
        text("realm"),
        &user(),
        &random("random-registration"),
    );
    let mut one = One(record.unwrap());
    let mut outputs = json!({
        "secrets": octets,
        "record": hex(one.0.to_octets().as_slice()),
    });

    let mut server = Server::new(text("realm"), secrets).unwrap();
    let mut client = Client::new(user());
    let binding = Binding::new(unhex(&inputs["exporter"]), CERTIFICATE);
    let (client_random, server_random) = (random("random-client"), random("random-server"));
    let records = One(one.0.clone());
    // Two requests: the first one has the login.
    for request in 1..=2 {
        let mut authorization = client.begin(Some(&binding), &client_random).unwrap();
        for message in 1..=3 {
            let incoming = Incoming {
                authorization: authorization.as_deref().map(str::as_bytes),
                binding: &binding,
                random: &server_random,
                now: 0,
            };
            let answer = server.receive(&incoming, &records, &mut one);
            let (status, challenge, information) = match answer {
                Answer::Unauthorized {
                    www_authenticate, ..
                } => (401, Some(www_authenticate), None),
                Answer::Authenticated {
                    authentication_info,
                    ..
                } => (200, None, Some(authentication_info)),
            };
            outputs[format!("request-{request}-{message}")] = json!({
                "authorization": authorization,
                "www-authenticate": challenge,
                "authentication-info": information,
            });
            let challenges: Vec<_> = challenge.iter().map(String::as_bytes).collect();
            let information: Vec<_> = information.iter().map(String::as_bytes).collect();
            let response = Response {
                status,
                www_authenticate: &challenges,
                authentication_info: &information,
                binding: &binding,
                content: (),
            };
            match client.receive(response, &client_random).unwrap() {
                Step::Send(next) => authorization = Some(next),
                Step::Verified(()) => break,
            }
        }
        assert!(client.has_session());
    }
    assert_eq!(vector["outputs"], outputs, "{outputs:#}");
}
