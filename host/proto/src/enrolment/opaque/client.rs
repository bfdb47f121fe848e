//! The client's side as a state machine.

use alloc::{borrow::ToOwned as _, boxed::Box, string::String, vec::Vec};
use core::fmt;

use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, CredentialResponse,
    errors::{InternalError, ProtocolError},
};
use zeroize::Zeroize as _;

use super::{
    binding::Binding,
    error::Error,
    message::{
        Challenge, Credential, Demand, Information, Ke1, Ke2, Ke3, MessageError, Proof, Reason,
    },
    random::Random,
    record::{identifiers, oprf_input},
    session::{SessionKey, Side, digest},
    suite::Suite,
};
use crate::enrolment::authentication::{Step, User};

/// Octets of a context that no login has: RFC 9807 section 6.4.2.1 counts them in two octets.
const NO_CONTEXT: usize = 1 << 16;

/// A client of one server.
///
/// ```text
/// begin ──► send the request, with the Authorization that it gives ──► receive ──► Step::Send ──► send it again ──► receive
///                                                                             └──► Step::Verified: the content
/// ```
///
/// A login holds on one connection. Over another one the next request begins a new login. A response's content is given away
/// only by [`Step::Verified`], after the server proved that it has this user's record and that the login was over this very
/// connection; with every error it is dropped, the login is over, and the connection should be closed.
pub struct Client {
    user: User,
    /// The realm of the last demand.
    realm: Option<String>,
    session: Option<Session>,
    awaiting: Awaiting,
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
    /// The connection that it came over.
    pub binding: &'a Binding,
    /// Everything else: content and other fields.
    pub content: T,
}

/// What a client waits for.
enum Awaiting {
    /// Nothing: no request was made.
    Nothing,
    /// The response to a request without credentials.
    Demand,
    /// The response to KE1.
    Ke2(Box<Ke1Sent>),
    /// The response to a request of the session.
    Proof,
}

struct Ke1Sent {
    login: ClientLogin<Suite>,
    ke1: Vec<u8>,
    realm: String,
}

struct Session {
    binding: Binding,
    realm: String,
    key: SessionKey,
    /// The number of the last request.
    nc: u32,
}

impl Client {
    /// A client of one user.
    #[must_use]
    pub const fn new(user: User) -> Self {
        Self {
            user,
            realm: None,
            session: None,
            awaiting: Awaiting::Nothing,
        }
    }

    /// Begins a request over a connection: its Authorization, or none as long as the server has not asked. `None` for the
    /// binding is a connection without one, over which nothing can be proved.
    ///
    /// # Errors
    /// The random octets give no secret.
    pub fn begin(
        &mut self,
        binding: Option<&Binding>,
        random: &Random,
    ) -> Result<Option<String>, Error> {
        self.session
            .take_if(|session| Some(&session.binding) != binding || session.nc == u32::MAX);
        if let Some(session) = &mut self.session {
            session.nc += 1;
            self.awaiting = Awaiting::Proof;
            return Ok(Some(session.prove()));
        }
        self.awaiting = Awaiting::Demand;
        match (self.realm.clone(), binding) {
            (Some(realm), Some(_)) => self.log_in(realm, random).map(Some),
            _ => Ok(None),
        }
    }

    /// Takes the response to the last request. `random` is used when a login begins; give fresh octets with each call.
    ///
    /// # Errors
    /// See [`Error`]. Then the login is over and the response's content is gone.
    pub fn receive<T>(
        &mut self,
        response: Response<'_, T>,
        random: &Random,
    ) -> Result<Step<T>, Error> {
        let session = self.session.take();
        match core::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Nothing => Err(Error::OutOfSequence),
            Awaiting::Demand => self.demanded(&response, random).map(Step::Send),
            Awaiting::Ke2(sent) => self.answered(*sent, &response).map(Step::Send),
            Awaiting::Proof => match session {
                Some(session) => self.proved(session, response),
                None => Err(Error::OutOfSequence),
            },
        }
    }

    /// Whether both sides are logged in on some connection.
    #[must_use]
    pub const fn has_session(&self) -> bool {
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
        let mut demands = demands(Challenge::read_all(response.www_authenticate)?)?.into_iter();
        let first = demands.next().ok_or(Error::NotAsked { status })?;
        self.log_in(first.realm, random)
    }

    /// Begins a login: KE1.
    fn log_in(&mut self, realm: String, random: &Random) -> Result<String, Error> {
        let mut source = random.source();
        let input = oprf_input(&self.user, &realm);
        let started = ClientLogin::start(&mut source, &input).map_err(|_| Error::Random)?;
        if source.is_exhausted() {
            return Err(Error::Random);
        }
        let ke1 = started.message.serialize().to_vec();
        let request = Credential::Ke1(Ke1 {
            realm: realm.clone(),
            user: self.user.name().to_owned(),
            ke1: ke1.clone(),
        });
        self.realm = Some(realm.clone());
        self.awaiting = Awaiting::Ke2(Box::new(Ke1Sent {
            login: started.state,
            ke1,
            realm,
        }));
        Ok(request.write())
    }

    /// Takes KE2 and answers with KE3.
    fn answered<T>(&mut self, sent: Ke1Sent, response: &Response<'_, T>) -> Result<String, Error> {
        if response.status != 401 {
            return Err(Error::NoProof {
                message: "`ke1`",
                status: response.status,
            });
        }
        let mut challenges = Challenge::read_all(response.www_authenticate)?;
        let answer = match (challenges.pop(), challenges.is_empty()) {
            (Some(Challenge::Ke2(answer)), true) => answer,
            (None, _) => return Err(Error::NotAsked { status: 401 }),
            (Some(last), _) => {
                challenges.push(last);
                return Err(self.refused(demands(challenges)?));
            }
        };
        if answer.realm != sent.realm {
            return Err(Error::Altered { parameter: "realm" });
        }
        if answer.digest != digest(&sent.ke1, &answer.ke2) {
            return Err(Error::Altered {
                parameter: "digest",
            });
        }
        let (ke3, key) = self.finish(&sent, &answer, response.binding)?;
        let request = Credential::Ke3(Ke3 {
            realm: sent.realm.clone(),
            ke3,
        });
        self.session = Some(Session {
            binding: response.binding.clone(),
            realm: sent.realm,
            key,
            nc: 1,
        });
        self.awaiting = Awaiting::Proof;
        Ok(request.write())
    }

    /// Opens what the server keeps, checks its proof for this connection, and gives KE3 and the session's key.
    fn finish(
        &self,
        sent: &Ke1Sent,
        answer: &Ke2,
        binding: &Binding,
    ) -> Result<(Vec<u8>, SessionKey), Error> {
        let context = binding.context(&sent.realm);
        let mut finished = match self.try_finish(sent, answer, &context) {
            Ok(finished) => finished,
            Err(ProtocolError::InvalidLoginError) => return Err(self.why(sent, answer)),
            Err(ProtocolError::LibraryError(InternalError::KsfError)) => return Err(Error::Memory),
            Err(_) => return Err(Error::Element),
        };
        let ke3 = finished.message.serialize().to_vec();
        let key = SessionKey::new(&finished.session_key);
        finished.session_key.as_mut_slice().zeroize();
        finished.export_key.as_mut_slice().zeroize();
        Ok((ke3, key.ok_or(Error::Element)?))
    }

    fn try_finish(
        &self,
        sent: &Ke1Sent,
        answer: &Ke2,
        context: &[u8],
    ) -> Result<opaque_ke::ClientLoginFinishResult<Suite>, ProtocolError> {
        let input = oprf_input(&self.user, &sent.realm);
        let identifiers = identifiers(self.user.name().as_bytes(), &sent.realm);
        let parameters = ClientLoginFinishParameters::new(Some(context), identifiers, None);
        let response = CredentialResponse::deserialize(&answer.ke2)?;
        // The exchange with 3DH draws nothing here.
        let nothing = Random::new([0; Random::OCTETS]);
        let login = sent.login.clone();
        login.finish(&mut nothing.source(), &input, response, parameters)
    }

    /// Which of both checks failed: that the record opens with the password (RFC 9807 section 4.1.3), or the server's MAC
    /// (section 6.4.3). The library says the same of both. It looks at the context after the first and before the second, so
    /// a context that cannot be one tells them apart. Nobody but the person learns it: the peer is told nothing.
    fn why(&self, sent: &Ke1Sent, answer: &Ke2) -> Error {
        match self.try_finish(sent, answer, &alloc::vec![0; NO_CONTEXT]) {
            Err(ProtocolError::InvalidLoginError) => Error::WrongPassword {
                user: self.user.name().to_owned(),
            },
            _ => Error::WrongProof,
        }
    }

    fn proved<T>(&mut self, session: Session, response: Response<'_, T>) -> Result<Step<T>, Error> {
        if *response.binding != session.binding {
            return Err(Error::OtherConnection);
        }
        let status = response.status;
        if status == 401 {
            let demands = demands(Challenge::read_all(response.www_authenticate)?)?;
            if demands.is_empty() {
                return Err(Error::NotAsked { status });
            }
            return Err(self.refused(demands));
        }
        let [field] = response.authentication_info else {
            return Err(Error::NoProof {
                message: "the request",
                status,
            });
        };
        let information = Information::read(field)?;
        if information.nc != session.nc {
            return Err(Error::Altered { parameter: "nc" });
        }
        if !session
            .key
            .is_proof(Side::Server, session.nc, &information.proof)
        {
            return Err(Error::WrongResponse);
        }
        self.session = Some(session);
        Ok(Step::Verified(response.content))
    }

    fn refused(&self, demands: Vec<Demand>) -> Error {
        let user = self.user.name().to_owned();
        let reason = demands.into_iter().next().map(|demand| demand.reason);
        match reason.unwrap_or(Reason::Initial) {
            Reason::Throttled => Error::Throttled { user },
            reason => Error::Refused { user, reason },
        }
    }
}

impl Session {
    fn prove(&self) -> String {
        Credential::Proof(Proof {
            realm: self.realm.clone(),
            nc: self.nc,
            proof: self.key.proof(Side::Client, self.nc),
        })
        .write()
    }
}

/// Challenges as demands; KE2 where none was asked for is an error.
fn demands(challenges: Vec<Challenge>) -> Result<Vec<Demand>, Error> {
    let demand = |challenge| match challenge {
        Challenge::Demand(demand) => Ok(demand),
        Challenge::Ke2(_) => Err(MessageError::Exclusive { name: "ke2" }.into()),
    };
    challenges.into_iter().map(demand).collect()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("realm", &self.realm)
            .field("has_session", &self.has_session())
            .finish_non_exhaustive()
    }
}
