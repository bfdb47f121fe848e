//! HTTP Mutual (RFC 8120): a server for each name under which clients reach this one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use resolvet_proto::enrolment::mutual::{
    Algorithm, Answer, AuthScope, Binding, Incoming, Random, Realm, Server, Verifiers,
    kam3::{PasswordNumber, Verifier},
};

use super::guesses::Guesses;
use super::users::{REALM, fill};
use crate::lab::dns::lock;
use crate::lab::https::{Connection, Request};

/// Names under which servers are kept.
const NAMES: usize = 1_024;

/// All of them.
pub(super) struct MutualServers {
    algorithms: Vec<Algorithm>,
    servers: Mutex<HashMap<String, Arc<Mutex<Server>>>>,
    verifiers: Mutex<HashMap<(String, &'static str, String), Verifier>>,
}

impl MutualServers {
    pub(super) fn new(algorithms: &[Algorithm]) -> Self {
        Self {
            algorithms: algorithms.to_vec(),
            servers: Mutex::default(),
            verifiers: Mutex::default(),
        }
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
        let host = host(request);
        let server = self.server(&host)?;
        let binding = Binding::tls_server_end_point(&connection.server_certificate)?;
        let mut random = [0; Random::OCTETS];
        let mut sid = [0; 16];
        fill(&mut random)?;
        fill(&mut sid)?;
        let incoming = Incoming {
            authorization: request.header("authorization").map(str::as_bytes),
            binding: &binding,
            random: &Random::new(random),
            sid,
            now,
        };
        let stored = Stored {
            servers: self,
            passwords,
            host,
        };
        Ok(lock(&server).receive(&incoming, &stored, &mut *lock(guesses)))
    }

    /// The server for a name: its auth-scope is that name.
    fn server(&self, host: &str) -> Result<Arc<Mutex<Server>>> {
        let mut servers = lock(&self.servers);
        if let Some(server) = servers.get(host) {
            return Ok(Arc::clone(server));
        }
        let realm = Realm::new(REALM, AuthScope::from_text(host), &self.algorithms)?;
        let mut key = [0; 32];
        fill(&mut key)?;
        let server = Arc::new(Mutex::new(Server::new(realm, key)));
        if servers.len() < NAMES {
            servers.insert(host.to_owned(), Arc::clone(&server));
        }
        Ok(server)
    }
}

/// J of the users under one name.
struct Stored<'a> {
    servers: &'a MutualServers,
    passwords: &'a HashMap<String, String>,
    host: String,
}

impl Verifiers for Stored<'_> {
    fn verifier(&self, algorithm: Algorithm, user: &str) -> Option<Verifier> {
        let password = self.passwords.get(user)?;
        let key = (self.host.clone(), algorithm.name(), user.to_owned());
        if let Some(known) = lock(&self.servers.verifiers).get(&key) {
            return Some(known.clone());
        }
        let number =
            PasswordNumber::derive(algorithm, password.as_bytes(), &self.host, REALM, user);
        let verifier = number.verifier().ok()?;
        lock(&self.servers.verifiers).insert(key, verifier.clone());
        Some(verifier)
    }
}

/// The host that the client means, without a port, in lower case.
fn host(request: &Request) -> String {
    let host = request.header("host").unwrap_or_default();
    let without = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    without.to_ascii_lowercase()
}
