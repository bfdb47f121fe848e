//! Who may ask: users by OPAQUE (RFC 9807), HTTP Mutual (RFC 8120) or Basic (RFC 7617), devices by their certificates.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::{OpaqueString, UsernameCasePreserved};
use resolvet_proto::enrolment::authentication::Scheme;
use resolvet_proto::enrolment::{mutual, opaque};

use super::guesses::Guesses;
use super::mutual::MutualServers;
use super::opaque::OpaqueServer;
use super::{EstOptions, digest};
use crate::lab::https::{Connection, Request, Response};

/// The realm.
pub(super) const REALM: &str = "resolvet lab";

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
    /// `opaque`, `mutual`, `basic`, `digest`, `certificate`, or empty for what everybody may ask.
    pub(crate) scheme: &'static str,
    /// The user.
    pub(crate) user: Option<String>,
    /// Authentication-Info of the response.
    pub(crate) authentication_info: Option<String>,
}

/// The users, and how they prove themselves.
pub(crate) struct Users {
    passwords: HashMap<String, String>,
    schemes: Vec<Scheme>,
    digest: bool,
    began: Instant,
    guesses: Mutex<Guesses>,
    opaque: OpaqueServer,
    mutual: MutualServers,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("names", &self.passwords.keys())
            .finish_non_exhaustive()
    }
}

/// What a scheme makes of a request.
enum Answer {
    Challenges(Vec<String>, String, bool),
    Granted(Granted),
}

impl Users {
    /// Names and passwords are prepared as clients prepare them (RFC 8265).
    pub(crate) fn new(options: &EstOptions) -> Result<Self> {
        let mut passwords = HashMap::new();
        for (name, password) in &options.users {
            let name = UsernameCasePreserved::enforce(name.as_str())?;
            let password = OpaqueString::enforce(password.as_str())?;
            passwords.insert(name.into_owned(), password.into_owned());
        }
        Ok(Self {
            passwords,
            schemes: options.schemes.clone(),
            digest: options.digest,
            began: Instant::now(),
            guesses: Mutex::default(),
            opaque: OpaqueServer::new()?,
            mutual: MutualServers::new(&options.algorithms),
        })
    }

    /// Whether this request may be served; `open` says that everybody may.
    pub(crate) fn admit(&self, connection: &Connection, request: &Request, open: bool) -> Access {
        let authorization = request.header("authorization").unwrap_or_default();
        let scheme = authorization.split(' ').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") {
            return self.basic(authorization);
        }
        if scheme.eq_ignore_ascii_case("digest") && self.digest {
            return match digest::user(request, &self.passwords) {
                Some(user) => Access::Granted(Granted {
                    scheme: "digest",
                    user: Some(user),
                    authentication_info: None,
                }),
                None => {
                    let why = "wrong user or password (Digest)".to_owned();
                    refused(vec![digest::challenge()], why, false)
                }
            };
        }
        for (name, of) in [("opaque", Scheme::Opaque), ("mutual", Scheme::Mutual)] {
            if scheme.eq_ignore_ascii_case(name) && self.schemes.contains(&of) {
                return match self.prove(of, connection, request) {
                    Ok(Answer::Granted(granted)) => Access::Granted(granted),
                    Ok(Answer::Challenges(challenges, why, close)) => {
                        refused(challenges, why, close)
                    }
                    Err(error) => failed(&error),
                };
            }
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
        self.demand(connection, request)
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
                let why = "wrong user or password (Basic)".to_owned();
                refused(vec![basic()], why, false)
            }
        }
    }

    /// Asks whoever comes without credentials for those of every scheme, the best liked first.
    fn demand(&self, connection: &Connection, request: &Request) -> Access {
        let mut all = Vec::new();
        let mut why = String::new();
        for scheme in &self.schemes {
            if *scheme == Scheme::Opaque && OpaqueServer::binding(connection).is_none() {
                continue;
            }
            match self.prove(*scheme, connection, request) {
                Ok(Answer::Challenges(challenges, denial, _)) => {
                    all.extend(challenges);
                    why = denial;
                }
                Ok(Answer::Granted(granted)) => return Access::Granted(granted),
                Err(error) => return failed(&error),
            }
        }
        all.push(basic());
        all.extend(self.digest.then(digest::challenge));
        refused(all, why, false)
    }

    fn prove(&self, scheme: Scheme, connection: &Connection, request: &Request) -> Result<Answer> {
        let (passwords, guesses) = (&self.passwords, &self.guesses);
        let now = self.began.elapsed().as_secs();
        let granted = |scheme, authentication_info, user| {
            Answer::Granted(Granted {
                scheme,
                user: Some(user),
                authentication_info: Some(authentication_info),
            })
        };
        if scheme == Scheme::Opaque {
            let server = &self.opaque;
            return Ok(
                match server.receive(connection, request, passwords, guesses, now)? {
                    opaque::Answer::Authenticated {
                        authentication_info,
                        user,
                    } => granted("opaque", authentication_info, user),
                    opaque::Answer::Unauthorized {
                        www_authenticate,
                        denial,
                        close,
                    } => Answer::Challenges(vec![www_authenticate], denial.to_string(), close),
                },
            );
        }
        let server = &self.mutual;
        Ok(
            match server.receive(connection, request, passwords, guesses, now)? {
                mutual::Answer::Authenticated {
                    authentication_info,
                    user,
                } => granted("mutual", authentication_info, user),
                mutual::Answer::Unauthorized {
                    www_authenticate,
                    denial,
                } => Answer::Challenges(www_authenticate, denial.to_string(), false),
            },
        )
    }
}

fn basic() -> String {
    format!("Basic realm=\"{REALM}\"")
}

fn refused(challenges: Vec<String>, why: String, close: bool) -> Access {
    let mut response = Response::text(401, "authentication is needed");
    for challenge in challenges {
        response = response.with("www-authenticate", challenge);
    }
    if close {
        response = response.with("connection", "close");
    }
    Access::Refused(response, why)
}

fn failed(error: &anyhow::Error) -> Access {
    let response = Response::text(500, "authentication failed");
    Access::Refused(response, error.to_string())
}

pub(super) fn fill(octets: &mut [u8]) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(octets)
        .ok()
        .context("no random octets are to be had")
}
