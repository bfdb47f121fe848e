//! OPAQUE over HTTP (`docs/opaque-profile.md`).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use anyhow::{Context as _, Result};
use resolvet_proto::enrolment::authentication::{Password, User};
use resolvet_proto::enrolment::opaque::{
    Answer, Binding, Incoming, Random, Record, Records, Server, ServerSecrets, register,
};

use super::guesses::Guesses;
use super::users::{REALM, fill};
use crate::lab::dns::lock;
use crate::lab::https::{Connection, Request};

/// The server.
pub(super) struct OpaqueServer(Mutex<Server>);

/// What all labs of one program keep: a record is made once for each user, for that takes a while.
struct Kept {
    secrets: Vec<u8>,
    records: HashMap<(String, String), Record>,
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(|| {
    Mutex::new(Kept {
        secrets: Vec::new(),
        records: HashMap::new(),
    })
});

impl Kept {
    /// The secrets of all labs of this program.
    fn secrets(&mut self) -> Result<ServerSecrets> {
        if self.secrets.is_empty() {
            let secrets = ServerSecrets::generate(&random()?)?;
            self.secrets = secrets.to_octets().to_vec();
        }
        Ok(ServerSecrets::from_octets(&self.secrets)?)
    }

    fn record(&mut self, name: &str, password: &str) -> Result<Record> {
        let key = (name.to_owned(), password.to_owned());
        if let Some(known) = self.records.get(&key) {
            return Ok(known.clone());
        }
        let password = Password::new(password.as_bytes().to_vec().into())?;
        let user = User::new(name, password)?;
        let record = register(&self.secrets()?, REALM, &user, &random()?)?;
        self.records.insert(key, record.clone());
        Ok(record)
    }
}

impl OpaqueServer {
    pub(super) fn new() -> Result<Self> {
        let secrets = kept().secrets()?;
        Ok(Self(Mutex::new(Server::new(REALM, secrets)?)))
    }

    /// Whether a login is possible on this connection: it needs the exporter of TLS 1.3.
    pub(super) fn binding(connection: &Connection) -> Option<Binding> {
        Some(Binding::new(
            connection.exporter?,
            &connection.server_certificate,
        ))
    }

    /// What the server answers to this request's credentials, or to a request without.
    pub(super) fn receive(
        &self,
        connection: &Connection,
        request: &Request,
        passwords: &HashMap<String, String>,
        guesses: &Mutex<Guesses>,
        now: u64,
    ) -> Result<Answer> {
        let binding = Self::binding(connection).context("the connection is not of TLS 1.3")?;
        let incoming = Incoming {
            authorization: request.header("authorization").map(str::as_bytes),
            binding: &binding,
            random: &random()?,
            now,
        };
        Ok(lock(&self.0).receive(&incoming, &Stored(passwords), &mut *lock(guesses)))
    }
}

/// Records of the users.
struct Stored<'a>(&'a HashMap<String, String>);

impl Records for Stored<'_> {
    fn record(&self, user: &str) -> Option<Record> {
        kept().record(user, self.0.get(user)?).ok()
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    lock(&KEPT)
}

fn random() -> Result<Random> {
    let mut octets = [0; Random::OCTETS];
    fill(&mut octets)?;
    Ok(Random::new(octets))
}
