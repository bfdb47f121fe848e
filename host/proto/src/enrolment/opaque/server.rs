//! The server's side as a state machine.

use alloc::{borrow::ToOwned as _, boxed::Box, string::String};
use core::fmt;

use opaque_ke::{CredentialFinalization, CredentialRequest, ServerLogin, ServerLoginParameters};
use zeroize::Zeroize as _;

use super::{
    binding::Binding,
    error::{Denial, RealmError},
    message::{Challenge, Credential, Demand, Information, Ke1, Ke2, Ke3, Proof, Reason},
    random::Random,
    record::{Record, ServerSecrets, identifiers},
    session::{SessionKey, Side, digest},
    sessions::{LoggedIn, LoggingIn, Sessions, State},
};
use crate::enrolment::authentication::{Attempts, limits::TEXT_OCTETS};

/// Where each user's record is. Looking up a user who is not there should take as long as one who is.
pub trait Records {
    /// The record of a user.
    fn record(&self, user: &str) -> Option<Record>;
}

/// A request, as far as authentication looks at it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The value of its Authorization field.
    pub authorization: Option<&'a [u8]>,
    /// The connection that it came over.
    pub binding: &'a Binding,
    /// Fresh with each request.
    pub random: &'a Random,
    /// Seconds on any clock that does not go back.
    pub now: u64,
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Status 401 with this WWW-Authenticate field, and none of what was asked for.
    Unauthorized {
        /// The field's value.
        www_authenticate: String,
        /// Why, for the server's own log.
        denial: Denial,
        /// Whether the connection is to be closed after it.
        close: bool,
    },
    /// What was asked for, with this Authentication-Info field before the content.
    Authenticated {
        /// The field's value.
        authentication_info: String,
        /// Who asks.
        user: String,
    },
}

/// A server of one realm.
pub struct Server {
    realm: String,
    secrets: ServerSecrets,
    sessions: Sessions,
}

impl Server {
    /// A server. The realm is its identity: users' records hold for it alone.
    ///
    /// # Errors
    /// The realm's name cannot stand in every message.
    pub fn new(realm: &str, secrets: ServerSecrets) -> Result<Self, RealmError> {
        let printable = |octet: u8| (0x20..0x7f).contains(&octet);
        if !(1..=TEXT_OCTETS).contains(&realm.len()) || !realm.bytes().all(printable) {
            return Err(RealmError {
                realm: realm.chars().take(TEXT_OCTETS).collect(),
            });
        }
        Ok(Self {
            realm: realm.to_owned(),
            secrets,
            sessions: Sessions::default(),
        })
    }

    /// Takes a request and says what to answer.
    pub fn receive(
        &mut self,
        request: &Incoming<'_>,
        records: &dyn Records,
        attempts: &mut dyn Attempts,
    ) -> Answer {
        let answer = match request.authorization.map(Credential::read) {
            None | Some(Ok(None)) => Err(Denial::NoCredentials),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(Some(Credential::Ke1(ke1)))) => self.answer(ke1, request, records, attempts),
            Some(Ok(Some(Credential::Ke3(ke3)))) => self.log_in(&ke3, request, attempts),
            Some(Ok(Some(Credential::Proof(proof)))) => self.serve(&proof, request),
        };
        answer.unwrap_or_else(|denial| self.demand(denial))
    }

    /// How many connections are remembered now: never more than [`super::limits::SESSIONS`].
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn demand(&self, denial: Denial) -> Answer {
        let challenge = Challenge::Demand(Demand {
            realm: self.realm.clone(),
            reason: reason(&denial),
        });
        Answer::Unauthorized {
            www_authenticate: challenge.write(),
            close: denial != Denial::NoCredentials,
            denial,
        }
    }

    fn check_realm(&self, presented: &str) -> Result<(), Denial> {
        if presented == self.realm {
            return Ok(());
        }
        Err(Denial::Realm {
            expected: self.realm.clone(),
            presented: presented.to_owned(),
        })
    }

    /// Answers KE1. What is done for unknown users is the same (RFC 9807 section 10.9). Whoever has KE2 can test one guess
    /// with it and say nothing more, so it counts as failed until KE3 says otherwise (section 9.2).
    fn answer(
        &mut self,
        request: Ke1,
        incoming: &Incoming<'_>,
        records: &dyn Records,
        attempts: &mut dyn Attempts,
    ) -> Result<Answer, Denial> {
        self.check_realm(&request.realm)?;
        let ke1 = CredentialRequest::deserialize(&request.ke1).map_err(|_| Denial::Element)?;
        let exporter = *incoming.binding.exporter();
        if self.sessions.has(&exporter) {
            return Err(Denial::SecondLogin);
        }
        let (user, now) = (request.user, incoming.now);
        if !attempts.may_try(&user, now) {
            return Err(Denial::Throttled { user });
        }
        attempts.failed(&user, now);
        let record = records.record(&user);
        let is_fake = record.is_none();
        let context = incoming.binding.context(&self.realm);
        let mut source = incoming.random.source();
        let started = ServerLogin::start(
            &mut source,
            &self.secrets.0,
            record.map(|record| record.0),
            ke1,
            user.as_bytes(),
            parameters(&context, &user, &self.realm),
        );
        let started = started.map_err(|_| Denial::Element)?;
        if source.is_exhausted() {
            return Err(Denial::Random);
        }
        let ke2 = started.message.serialize().to_vec();
        let logging_in = State::LoggingIn(Box::new(LoggingIn {
            user: user.clone(),
            login: started.state,
            is_fake,
        }));
        self.sessions.add(exporter, logging_in, now);
        let answer = Challenge::Ke2(Ke2 {
            realm: self.realm.clone(),
            digest: digest(&request.ke1, &ke2),
            ke2,
        });
        Ok(Answer::Unauthorized {
            www_authenticate: answer.write(),
            denial: Denial::LoggingIn { user },
            close: false,
        })
    }

    /// Answers KE3.
    fn log_in(
        &mut self,
        request: &Ke3,
        incoming: &Incoming<'_>,
        attempts: &mut dyn Attempts,
    ) -> Result<Answer, Denial> {
        self.check_realm(&request.realm)?;
        let exporter = incoming.binding.exporter();
        let Some(State::LoggingIn(logging_in)) = self.sessions.take(exporter, incoming.now) else {
            return Err(Denial::UnknownSession);
        };
        let LoggingIn {
            user,
            login,
            is_fake,
        } = *logging_in;
        let context = incoming.binding.context(&self.realm);
        let parameters = parameters(&context, &user, &self.realm);
        let finished = CredentialFinalization::deserialize(&request.ke3)
            .and_then(|ke3| login.finish(ke3, parameters))
            .map(|mut finished| {
                let key = SessionKey::new(&finished.session_key);
                finished.session_key.as_mut_slice().zeroize();
                key
            });
        let (Ok(Some(key)), false) = (finished, is_fake) else {
            return Err(Denial::WrongProof { user });
        };
        attempts.succeeded(&user);
        let logged_in = LoggedIn { user, key, nc: 1 };
        Ok(self.authenticated(logged_in, exporter))
    }

    /// Answers a later request.
    fn serve(&mut self, request: &Proof, incoming: &Incoming<'_>) -> Result<Answer, Denial> {
        self.check_realm(&request.realm)?;
        let exporter = incoming.binding.exporter();
        let Some(State::LoggedIn(mut logged_in)) = self.sessions.take(exporter, incoming.now)
        else {
            return Err(Denial::UnknownSession);
        };
        let nc = request.nc;
        if nc <= logged_in.nc {
            return Err(Denial::Replayed { nc });
        }
        if !logged_in.key.is_proof(Side::Client, nc, &request.proof) {
            let user = logged_in.user;
            return Err(Denial::WrongProof { user });
        }
        logged_in.nc = nc;
        Ok(self.authenticated(logged_in, exporter))
    }

    /// Keeps a login and proves the response.
    fn authenticated(&mut self, logged_in: LoggedIn, exporter: &[u8; 32]) -> Answer {
        let information = Information {
            nc: logged_in.nc,
            proof: logged_in.key.proof(Side::Server, logged_in.nc),
        };
        let user = logged_in.user.clone();
        self.sessions.put(exporter, State::LoggedIn(logged_in));
        Answer::Authenticated {
            authentication_info: information.write(),
            user,
        }
    }
}

fn parameters<'a>(
    context: &'a [u8],
    user: &'a str,
    realm: &'a str,
) -> ServerLoginParameters<'a, 'a> {
    ServerLoginParameters {
        context: Some(context),
        identifiers: identifiers(user.as_bytes(), realm),
    }
}

/// What the peer is told.
const fn reason(denial: &Denial) -> Reason {
    match denial {
        Denial::NoCredentials => Reason::Initial,
        Denial::Throttled { .. } => Reason::Throttled,
        Denial::UnknownSession | Denial::Replayed { .. } | Denial::SecondLogin => {
            Reason::StaleSession
        }
        Denial::WrongProof { .. } => Reason::AuthFailed,
        _ => Reason::InvalidParameters,
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("realm", &self.realm)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}
