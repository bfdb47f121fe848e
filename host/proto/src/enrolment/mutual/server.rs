//! The server's side as a state machine (RFC 8120 section 11).

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    binding::{Binding, VALIDATION},
    encoding,
    error::{Denial, RealmError},
    kam3::{Random, ServerKey, Verifier},
    limits,
    message::{
        Challenge, Credential, Demand, KeyAnswer, KeyRequest, MessageError, Proof, ProofRequest,
        Reason, Space,
    },
    scope::AuthScope,
    sessions::{Sessions, Sid},
};
use crate::enrolment::authentication::{Attempts, limits::TEXT_OCTETS};

/// What a server protects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    name: String,
    auth_scope: AuthScope,
    algorithms: Vec<Algorithm>,
}

/// Where J of each user is. Looking up a user who is not there should take as long as one who is.
pub trait Verifiers {
    /// J of a user for an algorithm, in the realm and auth-scope of the server.
    fn verifier(&self, algorithm: Algorithm, user: &str) -> Option<Verifier>;
}

/// A request, as far as authentication looks at it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The value of its Authorization field.
    pub authorization: Option<&'a [u8]>,
    /// The certificate that the server presented on this connection.
    pub binding: &'a Binding,
    /// For a key exchange; fresh with each request.
    pub random: &'a Random,
    /// Random octets for a session identifier; fresh with each request.
    pub sid: [u8; 16],
    /// Seconds on any clock that does not go back.
    pub now: u64,
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Status 401 with these WWW-Authenticate fields, and none of what was asked for.
    Unauthorized {
        /// The fields' values.
        www_authenticate: Vec<String>,
        /// Why, for the server's own log.
        denial: Denial,
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
    realm: Realm,
    /// From which unknown users' J comes.
    key: Zeroizing<[u8; 32]>,
    sessions: Sessions,
}

impl Realm {
    /// A realm, and the algorithms that it offers, the best liked first.
    ///
    /// # Errors
    /// The name cannot stand in every message, or no algorithm is offered.
    pub fn new(
        name: &str,
        auth_scope: AuthScope,
        algorithms: &[Algorithm],
    ) -> Result<Self, RealmError> {
        let printable = |octet: u8| (0x20..0x7f).contains(&octet);
        if !(1..=TEXT_OCTETS).contains(&name.len()) || !name.bytes().all(printable) {
            return Err(RealmError::Name {
                realm: name.chars().take(TEXT_OCTETS).collect(),
            });
        }
        if algorithms.is_empty() {
            return Err(RealmError::NoAlgorithm);
        }
        Ok(Self {
            name: name.to_owned(),
            auth_scope,
            algorithms: algorithms.to_vec(),
        })
    }

    fn space(&self, algorithm: Algorithm) -> Space {
        Space {
            algorithm: algorithm.name().to_owned(),
            validation: VALIDATION.to_owned(),
            auth_scope: Some(self.auth_scope.as_str().to_owned()),
            realm: self.name.clone(),
        }
    }

    /// Whether credentials are about this realm, and with which algorithm.
    fn check(&self, presented: &Space) -> Result<Algorithm, Denial> {
        let differs = |parameter, expected: &str, presented: &str| Denial::Space {
            parameter,
            expected: expected.to_owned(),
            presented: presented.to_owned(),
        };
        let algorithm = Algorithm::from_name(&presented.algorithm)
            .filter(|algorithm| self.algorithms.contains(algorithm));
        let Some(algorithm) = algorithm else {
            let names = self.algorithms.iter().map(|algorithm| algorithm.name());
            let names = names.collect::<Vec<_>>().join(" ");
            return Err(differs("algorithm", &names, &presented.algorithm));
        };
        if presented.validation != VALIDATION {
            return Err(differs("validation", VALIDATION, &presented.validation));
        }
        if presented.realm != self.name {
            return Err(differs("realm", &self.name, &presented.realm));
        }
        let scope = presented.auth_scope.as_deref().unwrap_or_default();
        if AuthScope::from_text(scope) != self.auth_scope {
            return Err(differs("auth-scope", self.auth_scope.as_str(), scope));
        }
        Ok(algorithm)
    }
}

impl Server {
    /// A server. `key` is random and secret; when it stays the same, so do the answers for unknown users.
    #[must_use]
    pub fn new(realm: Realm, key: [u8; 32]) -> Self {
        Self {
            realm,
            key: Zeroizing::new(key),
            sessions: Sessions::default(),
        }
    }

    /// Takes a request and says what to answer.
    pub fn receive(
        &mut self,
        request: &Incoming<'_>,
        verifiers: &dyn Verifiers,
        attempts: &mut dyn Attempts,
    ) -> Answer {
        let credential = match request.authorization.map(Credential::read) {
            None | Some(Ok(None)) => return self.demand(Reason::Initial, Denial::NoCredentials),
            Some(Err(error)) => {
                return self.demand(Reason::InvalidParameters, Denial::Message(error));
            }
            Some(Ok(Some(credential))) => credential,
        };
        let answer = match credential {
            Credential::Key(key) => self.exchange(key, request, verifiers, attempts),
            Credential::Proof(proof) => self.verify(&proof, request, attempts),
        };
        answer.unwrap_or_else(|denial| self.demand(reason(&denial), denial))
    }

    /// How many sessions are kept now: never more than [`limits::SESSIONS`].
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// 401-INIT or 401-STALE, a challenge for each algorithm.
    fn demand(&self, reason: Reason, denial: Denial) -> Answer {
        let challenge = |algorithm: &Algorithm| {
            Challenge::Demand(Demand {
                space: self.realm.space(*algorithm),
                reason: reason.clone(),
            })
            .write()
        };
        Answer::Unauthorized {
            www_authenticate: self.realm.algorithms.iter().map(challenge).collect(),
            denial,
        }
    }

    /// Answers req-KEX-C1. What is done for unknown users is the same, down to the arithmetic.
    fn exchange(
        &mut self,
        request: KeyRequest,
        incoming: &Incoming<'_>,
        verifiers: &dyn Verifiers,
        attempts: &mut dyn Attempts,
    ) -> Result<Answer, Denial> {
        let algorithm = self.realm.check(&request.space)?;
        let kc1 = algorithm
            .element_from_text(&request.kc1)
            .ok_or(MessageError::Value { name: "kc1" })?;
        let user = request.user;
        if !attempts.may_try(&user, incoming.now) {
            return Err(Denial::Throttled { user });
        }
        let fake = Verifier::fake(algorithm, &self.key, &user)?;
        let known = verifiers.verifier(algorithm, &user);
        let is_fake = known.is_none();
        let verifier = known.unwrap_or(fake);
        let key = ServerKey::new(algorithm, incoming.random)?;
        let (ks1, secret) = key.answer(&verifier, &kc1)?;
        self.sessions
            .add(incoming.sid, user.clone(), secret, is_fake, incoming.now);
        let answer = Challenge::Key(KeyAnswer {
            space: self.realm.space(algorithm),
            sid: encoding::to_hex(&incoming.sid),
            ks1: algorithm.to_text(&ks1),
            nc_max: limits::NC_MAX,
            nc_window: limits::NC_WINDOW,
            time: limits::SESSION_SECONDS,
        });
        Ok(Answer::Unauthorized {
            www_authenticate: alloc::vec![answer.write()],
            denial: Denial::Exchanging { user },
        })
    }

    /// Answers req-VFY-C. A wrong proof ends its session, so one exchange is one guess.
    fn verify(
        &mut self,
        request: &ProofRequest,
        incoming: &Incoming<'_>,
        attempts: &mut dyn Attempts,
    ) -> Result<Answer, Denial> {
        let algorithm = self.realm.check(&request.space)?;
        let sid = encoding::from_hex(&request.sid).and_then(|sid| Sid::try_from(sid).ok());
        let sid = sid.ok_or(Denial::UnknownSession)?;
        let now = incoming.now;
        let mut session = self
            .sessions
            .take(&sid, now)
            .ok_or(Denial::UnknownSession)?;
        let nc = request.nc;
        // The session is gone then (RFC 8120 section 6).
        if !session.may_use(nc) {
            return Err(Denial::Replayed { nc });
        }
        let user = session.user.clone();
        // Whoever guesses for a user may not end the sessions that this user already has.
        if !session.is_authentic && !attempts.may_try(&user, now) {
            return Err(Denial::Throttled { user });
        }
        let vh = incoming.binding.octets();
        let vkc = algorithm.proof_from_text(&request.vkc).unwrap_or_default();
        let is_right =
            algorithm == session.secret.algorithm() && session.secret.is_vkc(nc, vh, &vkc);
        if !is_right || session.is_fake {
            attempts.failed(&user, now);
            return Err(Denial::WrongProof { user });
        }
        attempts.succeeded(&user);
        session.mark(nc);
        session.is_authentic = true;
        let vks = session.secret.vks(nc, vh);
        self.sessions.put(sid, session);
        let proof = Proof {
            sid: request.sid.clone(),
            vks: algorithm.to_text(&vks),
        };
        Ok(Answer::Authenticated {
            authentication_info: proof.write(),
            user,
        })
    }
}

/// What the peer is told.
const fn reason(denial: &Denial) -> Reason {
    match denial {
        Denial::NoCredentials => Reason::Initial,
        Denial::UnknownSession | Denial::Replayed { .. } => Reason::StaleSession,
        Denial::WrongProof { .. } | Denial::Throttled { .. } => Reason::AuthFailed,
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
