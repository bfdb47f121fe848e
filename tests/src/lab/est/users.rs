//! Who may ask: users by HTTP Mutual (RFC 8120) or Basic (RFC 7617), devices by their certificates.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resolvet_proto::enrolment::mutual::{
    Algorithm, Answer, Attempts, AuthScope, Binding, Incoming, Random, Realm, Server, Verifiers,
    kam3::{PasswordNumber, Verifier},
};

use crate::lab::dns::lock;
use crate::lab::https::{Connection, Request, Response};

/// The realm.
const REALM: &str = "resolvet lab";
/// Wrong guesses for one name before it is not answered any more.
const GUESSES: u32 = 5;
/// How long, seconds.
const BLOCKED: u64 = 60;
/// Names whose guesses are counted.
const NAMES: usize = 1_024;

/// Somebody who may ask, or the response to somebody who may not.
#[derive(Debug)]
pub(crate) enum Access {
    /// May ask.
    Granted(Granted),
    /// May not, with a reason for the journal.
    Refused(Response, String),
}

/// How somebody who may ask was recognised.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    /// `mutual`, `basic`, `certificate`, or empty for what everybody may ask.
    pub(crate) scheme: &'static str,
    /// The user.
    pub(crate) user: Option<String>,
    /// Authentication-Info of the response.
    pub(crate) authentication_info: Option<String>,
}

/// The users, and a Mutual server for each name under which they reach it.
pub(crate) struct Users {
    passwords: HashMap<String, String>,
    algorithms: Vec<Algorithm>,
    began: Instant,
    guesses: Mutex<Guesses>,
    mutual: Mutex<HashMap<String, Arc<Mutex<Server>>>>,
    verifiers: Mutex<HashMap<(String, &'static str, String), Verifier>>,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("names", &self.passwords.keys())
            .finish_non_exhaustive()
    }
}

impl Users {
    pub(crate) fn new(users: &[(String, String)], algorithms: &[Algorithm]) -> Self {
        Self {
            passwords: users.iter().cloned().collect(),
            algorithms: algorithms.to_vec(),
            began: Instant::now(),
            guesses: Mutex::default(),
            mutual: Mutex::default(),
            verifiers: Mutex::default(),
        }
    }

    /// Whether this request may be served; `open` says that everybody may.
    pub(crate) fn admit(&self, connection: &Connection, request: &Request, open: bool) -> Access {
        let authorization = request.header("authorization").unwrap_or_default();
        let scheme = authorization.split(' ').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") {
            return self.basic(authorization);
        }
        if scheme.eq_ignore_ascii_case("mutual") {
            return self.mutual(connection, request, Some(authorization));
        }
        if !connection.client_certificates.is_empty() {
            return Access::Granted(Granted {
                scheme: "certificate",
                ..Granted::default()
            });
        }
        if open {
            return Access::Granted(Granted::default());
        }
        self.mutual(connection, request, None)
    }

    fn basic(&self, authorization: &str) -> Access {
        let text = authorization.split_once(' ').map(|(_, text)| text.trim());
        let pair = text
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|octets| String::from_utf8(octets).ok());
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        match pair {
            Some((user, password))
                if self.passwords.get(user).is_some_and(|own| own == password) =>
            {
                Access::Granted(Granted {
                    scheme: "basic",
                    user: Some(user.to_owned()),
                    authentication_info: None,
                })
            }
            _ => {
                let challenge = format!("Basic realm=\"{REALM}\"");
                let response = Response::text(401, "wrong user or password")
                    .with("www-authenticate", challenge);
                Access::Refused(response, "wrong user or password (Basic)".to_owned())
            }
        }
    }

    fn mutual(
        &self,
        connection: &Connection,
        request: &Request,
        authorization: Option<&str>,
    ) -> Access {
        match self.prove(connection, request, authorization) {
            Ok(Answer::Authenticated {
                authentication_info,
                user,
            }) => Access::Granted(Granted {
                scheme: "mutual",
                user: Some(user),
                authentication_info: Some(authentication_info),
            }),
            Ok(Answer::Unauthorized {
                www_authenticate,
                denial,
            }) => {
                let mut response = Response::text(401, "authentication is needed");
                for challenge in www_authenticate {
                    response = response.with("www-authenticate", challenge);
                }
                if authorization.is_none() {
                    let basic = format!("Basic realm=\"{REALM}\"");
                    response = response.with("www-authenticate", basic);
                }
                Access::Refused(response, denial.to_string())
            }
            Err(error) => Access::Refused(
                Response::text(500, "authentication failed"),
                error.to_string(),
            ),
        }
    }

    fn prove(
        &self,
        connection: &Connection,
        request: &Request,
        authorization: Option<&str>,
    ) -> Result<Answer> {
        let host = host(request);
        let server = self.server(&host)?;
        let binding = Binding::tls_server_end_point(&connection.server_certificate)?;
        let mut random = [0; Random::OCTETS];
        let mut sid = [0; 16];
        fill(&mut random)?;
        fill(&mut sid)?;
        let incoming = Incoming {
            authorization: authorization.map(str::as_bytes),
            binding: &binding,
            random: &Random::new(random),
            sid,
            now: self.began.elapsed().as_secs(),
        };
        let stored = Stored { users: self, host };
        Ok(lock(&server).receive(&incoming, &stored, &mut *lock(&self.guesses)))
    }

    /// The Mutual server for a name: its auth-scope is that name.
    fn server(&self, host: &str) -> Result<Arc<Mutex<Server>>> {
        let mut servers = lock(&self.mutual);
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
    users: &'a Users,
    host: String,
}

impl Verifiers for Stored<'_> {
    fn verifier(&self, algorithm: Algorithm, user: &str) -> Option<Verifier> {
        let password = self.users.passwords.get(user)?;
        let key = (self.host.clone(), algorithm.name(), user.to_owned());
        if let Some(known) = lock(&self.users.verifiers).get(&key) {
            return Some(known.clone());
        }
        let number =
            PasswordNumber::derive(algorithm, password.as_bytes(), &self.host, REALM, user);
        let verifier = number.verifier().ok()?;
        lock(&self.users.verifiers).insert(key, verifier.clone());
        Some(verifier)
    }
}

/// Wrong guesses: how many, and when the last one was.
#[derive(Debug, Default)]
struct Guesses(HashMap<String, (u32, u64)>);

impl Attempts for Guesses {
    fn may_try(&mut self, user: &str, now: u64) -> bool {
        match self.0.get(user) {
            Some((failed, last)) => *failed < GUESSES || now.saturating_sub(*last) >= BLOCKED,
            None => true,
        }
    }

    fn failed(&mut self, user: &str, now: u64) {
        if self.0.len() < NAMES || self.0.contains_key(user) {
            let (failed, last) = self.0.entry(user.to_owned()).or_default();
            *failed = failed.saturating_add(1);
            *last = now;
        }
    }

    fn succeeded(&mut self, user: &str) {
        self.0.remove(user);
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

fn fill(octets: &mut [u8]) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(octets)
        .ok()
        .context("no random octets are to be had")
}
