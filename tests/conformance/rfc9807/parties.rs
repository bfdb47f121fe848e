//! A client and a server of OPAQUE over HTTP, and somebody between them.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use resolvet_proto::enrolment::{
    authentication::{Password, Step, User},
    opaque::{
        Answer, Binding, Client, Denial, Error, Incoming, Random, Record, Records, Response,
        Server, ServerSecrets, register,
    },
};
use zeroize::Zeroizing;

use crate::rfc8120::{Counter, Wire};

pub(crate) const USER: &str = "Renée";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const REALM: &str = "enrolment";

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

/// Secrets of the server that all parties have.
pub(crate) fn secrets() -> ServerSecrets {
    static SECRETS: LazyLock<Vec<u8>> = LazyLock::new(|| {
        ServerSecrets::generate(&random())
            .unwrap()
            .to_octets()
            .to_vec()
    });
    ServerSecrets::from_octets(&SECRETS).unwrap()
}

/// What that server keeps of [`USER`]: made once, for it takes a while.
fn record() -> Record {
    static RECORD: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let record = register(&secrets(), REALM, &user(USER, PASSWORD), &random());
        record.unwrap().to_octets().to_vec()
    });
    Record::from_octets(&RECORD).unwrap()
}

pub(crate) fn user(name: &str, password: &str) -> User {
    let password = Password::new(Zeroizing::new(password.as_bytes().to_vec())).unwrap();
    User::new(name, password).unwrap()
}

/// A connection to a server with a certificate.
pub(crate) fn binding(exporter: u8, certificate: &[u8]) -> Binding {
    Binding::new([exporter; 32], certificate)
}

/// Users and how often one was looked up.
#[derive(Default)]
pub(crate) struct Users {
    pub(crate) records: BTreeMap<String, Record>,
    pub(crate) asked: Cell<u32>,
}

impl Records for Users {
    fn record(&self, user: &str) -> Option<Record> {
        self.asked.set(self.asked.get() + 1);
        self.records.get(user).cloned()
    }
}

pub(crate) struct Parties {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) users: Users,
    pub(crate) counter: Counter,
    /// The connection as the client sees it.
    pub(crate) seen: Binding,
    /// The connection as the server sees it.
    pub(crate) own: Binding,
    pub(crate) now: u64,
    /// Why the server denied, one for each 401, and whether it closed the connection.
    pub(crate) denials: Vec<(Denial, bool)>,
    /// All that was sent, in both directions, before anybody changed it.
    pub(crate) sent: Vec<Wire>,
}

impl Parties {
    pub(crate) fn new(name: &str, password: &str) -> Self {
        let mut users = Users::default();
        users.records.insert(USER.to_owned(), record());
        Self {
            client: Client::new(user(name, password)),
            server: Server::new(REALM, secrets()).unwrap(),
            users,
            counter: Counter::default(),
            seen: binding(1, b"certificate"),
            own: binding(1, b"certificate"),
            now: 1_000,
            denials: Vec::new(),
            sent: Vec::new(),
        }
    }

    pub(crate) fn good() -> Self {
        Self::new(USER, PASSWORD)
    }

    /// Another client, over another connection.
    pub(crate) fn connect(&mut self, name: &str, password: &str, exporter: u8) {
        self.client = Client::new(user(name, password));
        self.reconnect(exporter);
    }

    /// Another connection.
    pub(crate) fn reconnect(&mut self, exporter: u8) {
        self.seen = binding(exporter, b"certificate");
        self.own = self.seen.clone();
    }

    /// What the server answers to an Authorization.
    pub(crate) fn answer(&mut self, authorization: Option<&str>) -> Wire {
        let random = random();
        let incoming = Incoming {
            authorization: authorization.map(str::as_bytes),
            binding: &self.own,
            random: &random,
            now: self.now,
        };
        match self
            .server
            .receive(&incoming, &self.users, &mut self.counter)
        {
            Answer::Unauthorized {
                www_authenticate,
                denial,
                close,
            } => {
                self.denials.push((denial, close));
                Wire::Unauthorized(vec![www_authenticate])
            }
            Answer::Authenticated {
                authentication_info,
                user,
            } => {
                assert!(self.users.records.contains_key(&user));
                Wire::Response(200, vec![authentication_info], CONTENT)
            }
        }
    }

    /// What the client makes of a response.
    pub(crate) fn receive(&mut self, response: &Wire) -> Result<Step<&'static str>, Error> {
        let fields = response.fields();
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        let (status, www_authenticate, authentication_info, content) = match response {
            Wire::Unauthorized(_) => (401, fields.as_slice(), &[][..], ""),
            Wire::Response(status, _, content) => (*status, &[][..], fields.as_slice(), *content),
            Wire::Request(_) => unreachable!("a request is no response"),
        };
        let response = Response {
            status,
            www_authenticate,
            authentication_info,
            binding: &self.seen,
            content,
        };
        self.client.receive(response, &random())
    }

    /// One request to its end; `between` sees and changes every message.
    pub(crate) fn request_through(
        &mut self,
        mut between: impl FnMut(Wire) -> Wire,
    ) -> Result<&'static str, Error> {
        let mut authorization = self.client.begin(Some(&self.seen), &random())?;
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

    /// Whether the password opens the record.
    pub(crate) fn login(&mut self) -> Result<(), Error> {
        self.request().map(drop)
    }

    /// Why the server denied last, and whether it closed the connection.
    pub(crate) fn last_denial(&self) -> (Denial, bool) {
        self.denials.last().cloned().unwrap()
    }

    /// The first Authorization that has this parameter.
    pub(crate) fn authorization(&self, parameter: &str) -> String {
        let mut requests = self.sent.iter();
        let found = requests.find_map(|message| match message {
            Wire::Request(Some(field)) if message.parameter(parameter).is_some() => Some(field),
            _ => None,
        });
        found.cloned().unwrap()
    }
}
