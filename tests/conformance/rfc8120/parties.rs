//! A client and a server that talk to each other, with somebody between them.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use resolvet_proto::enrolment::{
    est::Endpoint,
    mutual::{
        Algorithm, Answer, Attempts, AuthScope, Binding, Client, Denial, Error, Incoming, Password,
        Random, Realm, Response, Server, Step, User, Verifiers, kam3::PasswordNumber,
        kam3::Verifier,
    },
};
use zeroize::Zeroizing;

pub(crate) const USER: &str = "Renée";
pub(crate) const PASSWORD: &str = "correct horse battery";
const REALM: &str = "enrolment";

/// What the server gives to whoever is authentic.
pub(crate) const CONTENT: &str = "end entity certificates";

/// Octets that nobody used before; here it does not matter that they can be guessed.
pub(crate) fn random() -> Random {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut state = NEXT
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Random::new(std::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    }))
}

/// A self-signed certificate.
pub(crate) fn certificate(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let parameters = CertificateParams::new(vec!["est.example.net".to_owned()]).unwrap();
    parameters.self_signed(&key).unwrap().der().to_vec()
}

pub(crate) fn binding() -> Binding {
    Binding::tls_server_end_point(&certificate(&rcgen::PKCS_ECDSA_P256_SHA256)).unwrap()
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::new("est.example.net", 8_443).unwrap()
}

/// Users and what they guessed.
#[derive(Default)]
pub(crate) struct Users {
    verifiers: BTreeMap<(Algorithm, String), Verifier>,
    pub(crate) asked: Cell<u32>,
}

impl Verifiers for Users {
    fn verifier(&self, algorithm: Algorithm, user: &str) -> Option<Verifier> {
        self.asked.set(self.asked.get() + 1);
        self.verifiers.get(&(algorithm, user.to_owned())).cloned()
    }
}

/// Three wrong proofs are allowed for each name.
#[derive(Default)]
pub(crate) struct Counter(pub(crate) BTreeMap<String, u32>);

impl Attempts for Counter {
    fn may_try(&mut self, user: &str, _: u64) -> bool {
        self.0.get(user).is_none_or(|failed| *failed < 3)
    }

    fn failed(&mut self, user: &str, _: u64) {
        *self.0.entry(user.to_owned()).or_default() += 1;
    }

    fn succeeded(&mut self, user: &str) {
        self.0.remove(user);
    }
}

/// What is between client and server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A request and its Authorization.
    Request(Option<String>),
    /// Status 401 and its WWW-Authenticate fields.
    Unauthorized(Vec<String>),
    /// Another status, its Authentication-Info fields and content.
    Response(u16, Vec<String>, &'static str),
}

pub(crate) struct Parties {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) users: Users,
    pub(crate) counter: Counter,
    /// The certificate that the client sees.
    pub(crate) seen: Binding,
    /// The certificate that the server has.
    pub(crate) own: Binding,
    pub(crate) now: u64,
    /// Why the server denied, one for each 401.
    pub(crate) denials: Vec<Denial>,
    /// All that was sent, in both directions, before anybody changed it.
    pub(crate) sent: Vec<Wire>,
    sid: u8,
}

impl Parties {
    pub(crate) fn new(algorithms: &[Algorithm], password: &str) -> Self {
        let binding = binding();
        Self::with(
            Self::client(USER, password, binding.clone()),
            algorithms,
            binding,
        )
    }

    pub(crate) fn client(user: &str, password: &str, binding: Binding) -> Client {
        let password = Password::new(Zeroizing::new(password.as_bytes().to_vec())).unwrap();
        Client::new(endpoint(), User::new(user, password).unwrap(), binding)
    }

    pub(crate) fn with(client: Client, algorithms: &[Algorithm], binding: Binding) -> Self {
        let mut users = Users::default();
        let scope = AuthScope::single_server(&endpoint());
        for algorithm in algorithms {
            let number = PasswordNumber::derive(
                *algorithm,
                PASSWORD.as_bytes(),
                scope.as_str(),
                REALM,
                USER,
            );
            let key = (*algorithm, USER.to_owned());
            users.verifiers.insert(key, number.verifier().unwrap());
        }
        Self {
            client,
            server: Self::server(algorithms),
            users,
            counter: Counter::default(),
            seen: binding.clone(),
            own: binding,
            now: 1_000,
            denials: Vec::new(),
            sent: Vec::new(),
            sid: 0,
        }
    }

    pub(crate) fn server(algorithms: &[Algorithm]) -> Server {
        let scope = AuthScope::single_server(&endpoint());
        Server::new(Realm::new(REALM, scope, algorithms).unwrap(), [7; 32])
    }

    /// What the server answers to an Authorization.
    pub(crate) fn answer(&mut self, authorization: Option<&str>) -> Wire {
        self.sid += 1;
        let random = random();
        let incoming = Incoming {
            authorization: authorization.map(str::as_bytes),
            binding: &self.own,
            random: &random,
            sid: [self.sid; 16],
            now: self.now,
        };
        match self
            .server
            .receive(&incoming, &self.users, &mut self.counter)
        {
            Answer::Unauthorized {
                www_authenticate,
                denial,
            } => {
                self.denials.push(denial);
                Wire::Unauthorized(www_authenticate)
            }
            Answer::Authenticated {
                authentication_info,
                user,
            } => {
                assert_eq!(user, USER);
                Wire::Response(200, vec![authentication_info], CONTENT)
            }
        }
    }

    /// What the client makes of a response.
    pub(crate) fn receive(&mut self, response: &Wire) -> Result<Step<&'static str>, Error> {
        let (status, challenges, information, content) = match response {
            Wire::Unauthorized(challenges) => (401, challenges.clone(), Vec::new(), ""),
            Wire::Response(status, information, content) => {
                (*status, Vec::new(), information.clone(), *content)
            }
            Wire::Request(_) => unreachable!("a request is no response"),
        };
        let octets = |fields: &'_ [String]| {
            fields
                .iter()
                .map(|field| field.clone().into_bytes())
                .collect::<Vec<_>>()
        };
        let (challenges, information) = (octets(&challenges), octets(&information));
        let response = Response {
            status,
            www_authenticate: &challenges.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            authentication_info: &information.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            binding: &self.seen,
            content,
        };
        self.client.receive(response, &random(), self.now)
    }

    /// One request to its end; `between` sees and changes every message.
    pub(crate) fn request_through(
        &mut self,
        mut between: impl FnMut(Wire) -> Wire,
    ) -> Result<&'static str, Error> {
        let mut authorization = self.client.begin(self.now);
        for _ in 0..8 {
            let request = Wire::Request(authorization);
            self.sent.push(request.clone());
            let answer = match between(request) {
                Wire::Request(authorization) => self.answer(authorization.as_deref()),
                // Somebody answers instead of the server.
                answer => answer,
            };
            self.sent.push(answer.clone());
            match self.receive(&between(answer))? {
                Step::Send(next) => authorization = Some(next),
                Step::Verified(content) => return Ok(content),
            }
        }
        unreachable!("no end after eight messages");
    }

    pub(crate) fn request(&mut self) -> Result<&'static str, Error> {
        self.request_through(|message| message)
    }
}

impl Wire {
    /// The field's values, in their order.
    pub(crate) fn fields(&self) -> Vec<String> {
        match self {
            Self::Request(authorization) => authorization.iter().cloned().collect(),
            Self::Unauthorized(fields) | Self::Response(_, fields, _) => fields.clone(),
        }
    }

    /// Replaces a text in every field.
    pub(crate) fn replace(self, from: &str, to: &str) -> Self {
        let change = |fields: Vec<String>| fields.iter().map(|f| f.replace(from, to)).collect();
        match self {
            Self::Request(authorization) => {
                Self::Request(authorization.map(|field| field.replace(from, to)))
            }
            Self::Unauthorized(fields) => Self::Unauthorized(change(fields)),
            Self::Response(status, fields, content) => {
                Self::Response(status, change(fields), content)
            }
        }
    }

    /// The value of a parameter in the first field that has it, without quotation marks.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let fields = self.fields();
        let prefix = format!("{name}=");
        let mut all = fields.iter().flat_map(|field| field.split([' ', ',']));
        let value = all.find_map(|part| part.strip_prefix(&prefix))?;
        Some(value.trim_matches('"').to_owned())
    }
}
