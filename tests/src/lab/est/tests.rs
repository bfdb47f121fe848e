//! The EST server as a plain client sees it.

use base64::Engine as _;
use resolvet_proto::enrolment::est::{
    CsrAttributes, Endpoint, Operation, RequestToSign, Subject, certificates, challenge_password,
    crls, decode, encode,
};
use resolvet_proto::enrolment::mutual::{
    self, Algorithm, Binding, Error, Password, Random, Reason, Step, User,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::{EstFault, EstOptions, Layout, PASSWORD, Relay, USER};
use crate::lab::ca::Leaf;
use crate::lab::https::{Client, Response};
use crate::lab::masa::SIGNATURE;
use crate::lab::{Lab, Options};

fn lab() -> Lab {
    Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap()
}

/// A lab whose server gives nothing but its authority's certificates to everybody.
fn closed_lab() -> Lab {
    let mut options = EstOptions::new("example.net");
    options.open = vec![Operation::CaCerts];
    Lab::start(Options::new().est(options)).unwrap()
}

fn client(lab: &Lab) -> Client {
    let server = lab.est().addresses()[0];
    Client::connect(server, "localhost", Some(&lab.anchors()), None).unwrap()
}

fn basic(user: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

#[test]
fn authority_certificates_are_there_for_everybody_in_every_layout() {
    let lab = lab();
    let mut client = client(&lab);
    for layout in Layout::EVERY {
        lab.est().write_as(layout);
        for path in ["/.well-known/est/cacerts", "/.well-known/est/lab/cacerts"] {
            let response = client.exchange("GET", path, &[], b"").unwrap();
            assert_eq!(response.status, 200);
            let found = certificates(&decode(&response.body, 1 << 20).unwrap()).unwrap();
            assert_eq!(found.len(), 2, "{layout:?}");
            assert!(found.iter().any(|der| **der == **lab.authority().root()));
        }
    }
    let unknown = client.exchange("GET", "/.well-known/est/other/cacerts", &[], b"");
    assert_eq!(unknown.unwrap().status, 404);
}

#[test]
fn end_entities_may_need_a_user() {
    let lab = closed_lab();
    let mut client = client(&lab);
    let path = "/.well-known/est/eecerts";
    let refused = client.exchange("GET", path, &[], b"").unwrap();
    assert_eq!(refused.status, 401);
    let challenges: Vec<_> = refused
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        challenges,
        ["OPAQUE", "Mutual", "Mutual", "Mutual", "Mutual", "Basic"]
    );
    let wrong = basic(USER, "wrong");
    let refused = client
        .exchange("GET", path, &[("authorization", &wrong)], b"")
        .unwrap();
    assert_eq!(refused.status, 401);
    let right = basic(USER, PASSWORD);
    let response = client
        .exchange("GET", path, &[("authorization", &right)], b"")
        .unwrap();
    let found = certificates(&decode(&response.body, 1 << 20).unwrap()).unwrap();
    let conveyed = lab.site().servers()[0].identity.conveyed();
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0], **conveyed);
    let journal = lab.est().journal();
    let statuses: Vec<_> = journal.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [401, 401, 200]);
    assert_eq!(journal[2].user.as_deref(), Some(USER));
}

#[test]
fn faults_come_when_they_are_asked_for() {
    let lab = lab();
    let mut client = client(&lab);
    let mut get = || {
        client
            .exchange("GET", "/.well-known/est/cacerts", &[], b"")
            .unwrap()
    };
    lab.est().fail(EstFault::Status(500));
    assert_eq!(get().status, 500);
    lab.est()
        .fail(EstFault::Redirect("https://other.example/".to_owned()));
    assert_eq!(get().header("location"), Some("https://other.example/"));
    lab.est().fail(EstFault::Huge);
    assert_eq!(get().body.len(), 10 << 20);
    lab.est().fail(EstFault::Truncated);
    assert!(decode(&get().body, 1 << 20).is_err());
    lab.est().fail(EstFault::NoCertificates);
    assert!(certificates(&decode(&get().body, 1 << 20).unwrap()).is_err());
    lab.est().behave();
    lab.est().fail_at(Operation::EeCerts, EstFault::Status(500));
    assert_eq!(get().status, 200);
}

/// A device that believes nobody but who knows the password.
struct Device {
    connection: Client,
    mutual: mutual::Client,
    binding: Binding,
}

impl Device {
    fn new(server: std::net::SocketAddr, user: &str, password: &str) -> Self {
        let connection = Client::connect(server, "localhost", None, None).unwrap();
        let binding = Binding::tls_server_end_point(&connection.server_certificates()[0]).unwrap();
        let endpoint = Endpoint::new("localhost", server.port()).unwrap();
        let password = Password::new(password.as_bytes().to_vec().into()).unwrap();
        let user = User::new(user, password).unwrap();
        Self {
            mutual: mutual::Client::new(endpoint, user, binding.clone()),
            connection,
            binding,
        }
    }

    fn get(&mut self, path: &str) -> Result<Response, Error> {
        let mut authorization = self.mutual.begin(0);
        loop {
            let headers: Vec<_> = authorization
                .iter()
                .map(|value| ("authorization", value.as_str()))
                .collect();
            let response = self
                .connection
                .exchange("GET", path, &headers, b"")
                .unwrap();
            match self.receive(response)? {
                Step::Send(next) => authorization = Some(next),
                Step::Verified(response) => return Ok(response),
            }
        }
    }

    fn receive(&mut self, response: Response) -> Result<Step<Response>, Error> {
        let headers = response.headers.clone();
        let fields = |name: &str| -> Vec<&[u8]> {
            let fields = headers.iter().filter(|(key, _)| key == name);
            fields.map(|(_, value)| value.as_bytes()).collect()
        };
        let mut random = [0; Random::OCTETS];
        rustls::crypto::aws_lc_rs::default_provider()
            .secure_random
            .fill(&mut random)
            .unwrap();
        let response = mutual::Response {
            status: response.status,
            www_authenticate: &fields("www-authenticate"),
            authentication_info: &fields("authentication-info"),
            binding: &self.binding,
            content: response,
        };
        self.mutual.receive(response, &Random::new(random), 0)
    }
}

const END_ENTITIES: &str = "/.well-known/est/eecerts";

#[test]
fn a_password_proves_both_sides_with_every_algorithm() {
    let lab = closed_lab();
    for algorithm in Algorithm::ALL {
        let mut device = Device::new(lab.est().addresses()[0], USER, PASSWORD);
        device.mutual = device.mutual.with_algorithms(&[algorithm]);
        for path in [END_ENTITIES, "/.well-known/est/cacerts"] {
            let response = device.get(path).unwrap();
            assert_eq!(response.status, 200, "{algorithm:?}");
        }
    }
    let journal = lab.est().journal();
    let statuses: Vec<_> = journal.iter().take(4).map(|entry| entry.status).collect();
    assert_eq!(statuses, [401, 401, 200, 200]);
    assert_eq!(
        (journal[2].scheme, journal[2].user.as_deref()),
        ("mutual", Some(USER))
    );
}

#[test]
fn wrong_and_unknown_users_are_refused_alike() {
    let lab = closed_lab();
    for (user, password) in [(USER, "wrong"), ("mallory", PASSWORD)] {
        let error = Device::new(lab.est().addresses()[0], user, password)
            .get(END_ENTITIES)
            .unwrap_err();
        let reason = Reason::AuthFailed;
        assert_eq!(
            error,
            Error::Refused {
                user: user.into(),
                reason
            }
        );
    }
}

#[test]
fn guesses_are_counted_for_each_name() {
    let lab = closed_lab();
    for _ in 0..5 {
        let mut device = Device::new(lab.est().addresses()[0], USER, "wrong");
        device.get(END_ENTITIES).unwrap_err();
    }
    let mut device = Device::new(lab.est().addresses()[0], USER, PASSWORD);
    let error = device.get(END_ENTITIES).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let last = lab.est().journal().pop().unwrap();
    assert!(last.diagnosis.contains(USER), "{}", last.diagnosis);
}

#[test]
fn faults_of_the_proof_are_noticed() {
    let lab = closed_lab();
    let server = lab.est().addresses()[0];
    Device::new(server, USER, PASSWORD)
        .get(END_ENTITIES)
        .unwrap();
    lab.est().fail(EstFault::WrongProof);
    let error = Device::new(server, USER, PASSWORD)
        .get(END_ENTITIES)
        .unwrap_err();
    assert_eq!(error, Error::WrongProof);
    lab.est().fail(EstFault::Replayed);
    let error = Device::new(server, USER, PASSWORD)
        .get(END_ENTITIES)
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Altered {
                parameter: "sid",
                ..
            }
        ),
        "{error}"
    );
    lab.est().fail(EstFault::NotAsked);
    let error = Device::new(server, USER, PASSWORD)
        .get(END_ENTITIES)
        .unwrap_err();
    assert_eq!(error, Error::NotAsked { status: 200 });
}

#[test]
fn a_relay_with_another_certificate_gets_nothing() {
    let lab = closed_lab();
    let leaf = EstOptions::new("example.net").leaf();
    let other = lab.authority().issue(&leaf).unwrap();
    let relay = Relay::start(&other, lab.est().addresses()[0]).unwrap();
    let mut device = Device::new(relay.addresses()[0], USER, PASSWORD);
    // The device means the relay's port; who it asks for is the same host, so the exchange goes through to its end.
    let error = device.get(END_ENTITIES).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(relay.relayed(), 1);
    let journal = lab.est().journal();
    assert!(
        journal.iter().all(|entry| entry.status == 401),
        "{journal:?}"
    );
}

#[test]
fn another_leaf_is_presented_when_asked_for() {
    let lab = lab();
    let other = lab
        .authority()
        .issue(&Leaf::good("elsewhere.example"))
        .unwrap();
    lab.est().present(&other).unwrap();
    let connection = Client::connect(lab.est().addresses()[0], "localhost", None, None).unwrap();
    assert_eq!(connection.server_certificates()[0], other.end_entity());
}

#[test]
fn revocation_lists_are_there_for_everybody() {
    let lab = lab();
    let mut client = client(&lab);
    let mut get = || {
        let path = "/.well-known/est/crls";
        let response = client.exchange("GET", path, &[], b"").unwrap();
        crls(&decode(&response.body, 1 << 20).unwrap()).unwrap()
    };
    assert_eq!(get().len(), 2);
    let revoked = &lab.site().servers()[0].identity;
    let [list, _] = lab.authority().crls(&[revoked]).unwrap();
    lab.est().publish_crls(vec![list.clone()]);
    assert_eq!(*get()[0], *list);
}

#[test]
fn a_request_for_another_connection_is_refused() {
    let lab = lab();
    let owner = lab.authority().issue_client("laptop").unwrap();
    let (_, certificate) = X509Certificate::from_der(owner.end_entity()).unwrap();
    let request = |binding: [u8; 32]| {
        let binding = challenge_password(&binding).unwrap();
        let subject = Subject::Text("CN=laptop".to_owned());
        let (key, wanted) = (certificate.public_key().raw, CsrAttributes::default());
        let to_sign = RequestToSign::new(&subject, key, &wanted, Some(&binding)).unwrap();
        let signature = owner.sign(to_sign.octets()).unwrap();
        to_sign.signed(&SIGNATURE, &signature).unwrap()
    };
    let mut client = client(&lab);
    let login = basic(USER, PASSWORD);
    let headers = [
        ("authorization", login.as_str()),
        ("content-type", "application/pkcs10"),
    ];
    let exporter = client.exporter().unwrap();
    for (binding, status) in [([0; 32], 400), (exporter, 200)] {
        let body = encode(request(binding).der());
        let path = "/.well-known/est/simpleenroll";
        let response = client
            .exchange("POST", path, &headers, body.as_bytes())
            .unwrap();
        assert_eq!(response.status, status);
    }
    assert_eq!(lab.est().issued().len(), 1);
}
