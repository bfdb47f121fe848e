//! The client's side as a state machine (RFC 8120 section 10).

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use super::{
    algorithm::Algorithm,
    binding::{Binding, VALIDATION},
    error::Error,
    kam3::{ClientKey, PasswordNumber, Random, SharedSecret},
    limits,
    message::{
        Challenge, Credential, Demand, KeyAnswer, KeyRequest, MessageError, Proof, ProofRequest,
        Reason, Space,
    },
    scope::AuthScope,
};
use crate::enrolment::{
    authentication::{Step, User},
    est::Endpoint,
};

/// A client of one server, over connections with one certificate.
///
/// ```text
/// begin ──► send the request, with the Authorization that it gives ──► receive ──► Step::Send ──► send it again ──► receive
///                                                                             └──► Step::Verified: the content
/// ```
///
/// A response's content is given away only by [`Step::Verified`], after the server proved that it knows the password; with
/// every error it is dropped. Within one sequence there is at most one key exchange.
#[derive(Debug)]
pub struct Client {
    server: Endpoint,
    user: User,
    binding: Binding,
    algorithms: Vec<Algorithm>,
    session: Option<Session>,
    awaiting: Awaiting,
    /// Whether this sequence has had its key exchange.
    exchanged: bool,
}

/// A response, as far as authentication looks at it.
#[derive(Debug)]
pub struct Response<'a, T> {
    /// Its status.
    pub status: u16,
    /// The values of its WWW-Authenticate fields.
    pub www_authenticate: &'a [&'a [u8]],
    /// The values of its Authentication-Info fields; never those of a trailer.
    pub authentication_info: &'a [&'a [u8]],
    /// The certificate of the connection that it came over.
    pub binding: &'a Binding,
    /// Everything else: content and other fields.
    pub content: T,
}

/// What a client waits for.
#[derive(Debug)]
enum Awaiting {
    /// Nothing: no request was made.
    Nothing,
    /// The response to a request without credentials.
    Demand,
    /// The response to req-KEX-C1.
    Key(KeySent),
    /// The response to req-VFY-C number `nc` in the session.
    Proof { nc: u32 },
}

#[derive(Debug)]
struct KeySent {
    key: ClientKey,
    space: Space,
    auth_scope: AuthScope,
    algorithm: Algorithm,
}

#[derive(Debug)]
struct Session {
    space: Space,
    sid: String,
    secret: SharedSecret,
    /// The last nonce number that was used.
    nc: u32,
    nc_max: u32,
    /// When the server may forget it, seconds on the caller's clock.
    ends: u64,
}

impl Client {
    /// A client that allows all four algorithms.
    #[must_use]
    pub fn new(server: Endpoint, user: User, binding: Binding) -> Self {
        Self {
            server,
            user,
            binding,
            algorithms: Algorithm::ALL.to_vec(),
            session: None,
            awaiting: Awaiting::Nothing,
            exchanged: false,
        }
    }

    /// Allows only these algorithms, the best liked first.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Begins a request: its Authorization, or none when there is no session that can be used. `now` counts seconds on any
    /// clock that does not go back.
    pub fn begin(&mut self, now: u64) -> Option<String> {
        self.exchanged = false;
        self.session
            .take_if(|session| now >= session.ends || session.nc >= session.nc_max);
        let Some(session) = &mut self.session else {
            self.awaiting = Awaiting::Demand;
            return None;
        };
        let (nc, authorization) = session.prove(&self.binding);
        self.awaiting = Awaiting::Proof { nc };
        Some(authorization)
    }

    /// Takes the response to the last request. `random` is used when a key exchange begins, and never again: give fresh
    /// octets with each call.
    ///
    /// # Errors
    /// See [`Error`]. Then the sequence is over, its session and the response's content are gone.
    pub fn receive<T>(
        &mut self,
        response: Response<'_, T>,
        random: &Random,
        now: u64,
    ) -> Result<Step<T>, Error> {
        let session = self.session.take();
        match core::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            _ if *response.binding != self.binding => Err(Error::OtherCertificate),
            Awaiting::Nothing => Err(Error::OutOfSequence),
            Awaiting::Demand => self.demanded(&response, random).map(Step::Send),
            Awaiting::Key(sent) => self.key_answered(sent, &response, now).map(Step::Send),
            Awaiting::Proof { nc } => match session {
                Some(session) => self.proof_answered(session, nc, response, random),
                None => Err(Error::OutOfSequence),
            },
        }
    }

    /// Whether a session is there that was proved by both sides.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.session.is_some() && matches!(self.awaiting, Awaiting::Nothing)
    }

    fn demanded<T>(
        &mut self,
        response: &Response<'_, T>,
        random: &Random,
    ) -> Result<String, Error> {
        let status = response.status;
        if status != 401 {
            return Err(Error::NotAsked { status });
        }
        let demands = demands(Challenge::read_all(response.www_authenticate)?)?;
        if demands.is_empty() {
            return Err(Error::NotAsked { status });
        }
        if demands.iter().all(|demand| is_final(&demand.reason)) {
            return Err(self.refused(demands));
        }
        self.exchange(&demands, random)
    }

    /// Begins the one key exchange of a sequence.
    fn exchange(&mut self, demands: &[Demand], random: &Random) -> Result<String, Error> {
        self.exchanged = true;
        let (algorithm, demand) = self.choose(demands)?;
        let auth_scope = match &demand.space.auth_scope {
            Some(text) => AuthScope::from_text(text),
            None => AuthScope::single_host(&self.server),
        };
        if !auth_scope.contains(&self.server) {
            return Err(Error::Scope { auth_scope });
        }
        let key = ClientKey::new(algorithm, random)?;
        let space = Space {
            auth_scope: Some(auth_scope.as_str().to_owned()),
            ..demand.space.clone()
        };
        let request = Credential::Key(KeyRequest {
            space: space.clone(),
            user: self.user.name().to_owned(),
            kc1: algorithm.to_text(key.kc1()),
        });
        self.awaiting = Awaiting::Key(KeySent {
            key,
            space,
            auth_scope,
            algorithm,
        });
        Ok(request.write())
    }

    /// The best liked algorithm among the demands that have the one validation that holds here.
    fn choose<'d>(&self, demands: &'d [Demand]) -> Result<(Algorithm, &'d Demand), Error> {
        let mut bound = demands
            .iter()
            .filter(|demand| demand.space.validation == VALIDATION)
            .peekable();
        if bound.peek().is_none() {
            let presented = demands
                .iter()
                .map(|demand| demand.space.validation.as_str());
            return Err(Error::Validation {
                presented: presented.collect::<Vec<_>>().join(" "),
            });
        }
        let known = bound.filter_map(|demand| {
            let algorithm = Algorithm::from_name(&demand.space.algorithm)?;
            let rank = self.algorithms.iter().position(|a| *a == algorithm)?;
            Some((rank, algorithm, demand))
        });
        known
            .min_by_key(|(rank, ..)| *rank)
            .map(|(_, algorithm, demand)| (algorithm, demand))
            .ok_or_else(|| {
                let offered = demands.iter().map(|demand| demand.space.algorithm.as_str());
                Error::Algorithm {
                    offered: offered.collect::<Vec<_>>().join(" "),
                }
            })
    }

    fn key_answered<T>(
        &mut self,
        sent: KeySent,
        response: &Response<'_, T>,
        now: u64,
    ) -> Result<String, Error> {
        if response.status != 401 {
            return Err(Error::NoProof {
                message: "req-KEX-C1",
                status: response.status,
            });
        }
        let mut challenges = Challenge::read_all(response.www_authenticate)?;
        let answer = match (challenges.pop(), challenges.is_empty()) {
            (Some(Challenge::Key(answer)), true) => answer,
            (None, _) => {
                return Err(Error::NotAsked {
                    status: response.status,
                });
            }
            (Some(last), _) => {
                challenges.push(last);
                let demands = demands(challenges)?;
                return Err(self.refused(demands));
            }
        };
        check_space(&sent, &answer.space)?;
        let ks1 = sent.algorithm.element_from_text(&answer.ks1);
        let ks1 = ks1.ok_or(MessageError::Value { name: "ks1" })?;
        check_limits(&answer)?;
        let pi = PasswordNumber::derive(
            sent.algorithm,
            self.user.password().octets(),
            sent.auth_scope.as_str(),
            &sent.space.realm,
            self.user.name(),
        );
        let secret = sent.key.finish(&pi, &ks1)?;
        let session = self.session.insert(Session {
            space: sent.space,
            sid: answer.sid,
            secret,
            nc: 0,
            nc_max: answer.nc_max,
            ends: now.saturating_add(answer.time.into()),
        });
        let (nc, authorization) = session.prove(&self.binding);
        self.awaiting = Awaiting::Proof { nc };
        Ok(authorization)
    }

    fn proof_answered<T>(
        &mut self,
        session: Session,
        nc: u32,
        response: Response<'_, T>,
        random: &Random,
    ) -> Result<Step<T>, Error> {
        if response.status == 401 {
            let demands = demands(Challenge::read_all(response.www_authenticate)?)?;
            let Some(first) = demands.first() else {
                return Err(Error::NotAsked { status: 401 });
            };
            // A session from an earlier sequence may have ended; one from this sequence may not.
            let again = demands.iter().any(|demand| is_stale(&demand.reason));
            if again && !self.exchanged {
                return self.exchange(&demands, random).map(Step::Send);
            }
            if first.reason == Reason::StaleSession {
                return Err(Error::Stale);
            }
            return Err(self.refused(demands));
        }
        let [field] = response.authentication_info else {
            return Err(Error::NoProof {
                message: "req-VFY-C",
                status: response.status,
            });
        };
        let proof = Proof::read(field)?;
        if proof.sid != session.sid {
            return Err(Error::Altered {
                parameter: "sid",
                expected: session.sid,
                presented: proof.sid,
            });
        }
        let algorithm = session.secret.algorithm();
        let vks = algorithm.proof_from_text(&proof.vks);
        let vks = vks.ok_or(MessageError::Value { name: "vks" })?;
        if !session.secret.is_vks(nc, self.binding.octets(), &vks) {
            return Err(Error::WrongProof);
        }
        self.session = Some(session);
        Ok(Step::Verified(response.content))
    }

    fn refused(&self, demands: Vec<Demand>) -> Error {
        let reason = demands.into_iter().next().map(|demand| demand.reason);
        Error::Refused {
            user: self.user.name().to_owned(),
            reason: reason.unwrap_or(Reason::Initial),
        }
    }
}

impl Session {
    /// The next nonce number and its req-VFY-C.
    fn prove(&mut self, binding: &Binding) -> (u32, String) {
        self.nc = self.nc.saturating_add(1);
        let vkc = self.secret.vkc(self.nc, binding.octets());
        let request = Credential::Proof(ProofRequest {
            space: self.space.clone(),
            sid: self.sid.clone(),
            nc: self.nc,
            vkc: self.secret.algorithm().to_text(&vkc),
        });
        (self.nc, request.write())
    }
}

/// Whether a reason ends a sequence that has not begun to authenticate: nothing that a password could change.
const fn is_final(reason: &Reason) -> bool {
    matches!(reason, Reason::InternalError | Reason::AuthzFailed)
}

const fn is_stale(reason: &Reason) -> bool {
    matches!(reason, Reason::StaleSession | Reason::ReauthNeeded)
}

/// Challenges as demands; a 401-KEX-S1 where none was asked for is an error.
fn demands(challenges: Vec<Challenge>) -> Result<Vec<Demand>, Error> {
    let demand = |challenge| match challenge {
        Challenge::Demand(demand) => Ok(demand),
        Challenge::Key(_) => Err(MessageError::Exclusive { name: "ks1".into() }.into()),
    };
    challenges.into_iter().map(demand).collect()
}

/// The answer must be about what the request was about.
fn check_space(sent: &KeySent, presented: &Space) -> Result<(), Error> {
    let same = |parameter, expected: &str, presented: &str| {
        if expected == presented {
            return Ok(());
        }
        Err(Error::Altered {
            parameter,
            expected: expected.to_owned(),
            presented: presented.to_owned(),
        })
    };
    let expected = &sent.space;
    same("algorithm", &expected.algorithm, &presented.algorithm)?;
    same("validation", &expected.validation, &presented.validation)?;
    same("realm", &expected.realm, &presented.realm)?;
    if let Some(text) = &presented.auth_scope {
        let scope = AuthScope::from_text(text);
        same("auth-scope", sent.auth_scope.as_str(), scope.as_str())?;
    }
    Ok(())
}

fn check_limits(answer: &KeyAnswer) -> Result<(), MessageError> {
    if answer.nc_max == 0 {
        return Err(MessageError::Value { name: "nc-max" });
    }
    if answer.sid.len() > limits::SID_DIGITS {
        return Err(MessageError::Value { name: "sid" });
    }
    Ok(())
}
