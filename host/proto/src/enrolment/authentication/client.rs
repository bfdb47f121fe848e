//! The client's side, whichever of the two schemes the server asks for.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Error, User, header};
use crate::enrolment::{
    ServerAuthentication,
    est::Endpoint,
    mutual::{self, MessageError},
    opaque,
};

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Send the same request again with this Authorization, over the same connection.
    Send(String),
    /// The server proved that it knows the password: this is its response's content.
    Verified(T),
}

/// A scheme by which a password proves both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// OPAQUE (RFC 9807) over HTTP, bound to the connection.
    Opaque,
    /// HTTP Mutual authentication (RFC 8120), bound to the server's certificate.
    Mutual,
}

impl Scheme {
    /// Both, the best liked first.
    pub const ALL: [Self; 2] = [Self::Opaque, Self::Mutual];
}

/// A connection, as far as authentication looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The certificate that the server presented on it, DER.
    pub certificate: Vec<u8>,
    /// The exporter's value that names it (RFC 9266); only that of TLS 1.3.
    pub exporter: Option<[u8; 32]>,
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
    pub connection: &'a Connection,
    /// Everything else: content and other fields.
    pub content: T,
}

/// Random octets for one step of either scheme, from a source that is fit for keys. Each is used once.
#[derive(Debug)]
pub struct Random {
    opaque: opaque::Random,
    mutual: mutual::Random,
}

/// A client of one server.
///
/// ```text
/// begin ──► send the request, with the Authorization that it gives ──► receive ──► Step::Send ──► send it again ──► receive
///                                                                             └──► Step::Verified: the content
/// ```
///
/// A response's content is given away only by [`Step::Verified`]; with every error it is dropped. Which scheme is spoken is
/// settled by the first demand that the server makes, and stays so.
#[derive(Debug)]
pub struct Client {
    server: Endpoint,
    schemes: Vec<Scheme>,
    speaking: Speaking,
}

#[derive(Debug)]
enum Speaking {
    /// The server has not asked yet.
    Undecided(User),
    Opaque(opaque::Client),
    Mutual(Box<mutual::Client>),
    /// An error before anything was decided took the password away.
    Nothing,
}

impl Random {
    /// How many octets.
    pub const OCTETS: usize = opaque::Random::OCTETS + mutual::Random::OCTETS;

    /// Takes octets.
    #[must_use]
    pub fn new(octets: &[u8; Self::OCTETS]) -> Self {
        let mut all = octets.iter().copied();
        let mut next = || all.next().unwrap_or_default();
        Self {
            opaque: opaque::Random::new(core::array::from_fn(|_| next())),
            mutual: mutual::Random::new(core::array::from_fn(|_| next())),
        }
    }
}

impl Connection {
    /// What OPAQUE is bound to; `None` without an exporter.
    #[must_use]
    pub fn opaque(&self) -> Option<opaque::Binding> {
        let exporter = self.exporter?;
        Some(opaque::Binding::new(exporter, &self.certificate))
    }

    /// What HTTP Mutual is bound to.
    ///
    /// # Errors
    /// The certificate has no `tls-server-end-point`.
    pub fn mutual(&self) -> Result<mutual::Binding, Error> {
        Ok(mutual::Binding::tls_server_end_point(&self.certificate)?)
    }
}

impl Client {
    /// A client that speaks both schemes.
    #[must_use]
    pub fn new(server: Endpoint, user: User) -> Self {
        Self {
            server,
            schemes: Scheme::ALL.to_vec(),
            speaking: Speaking::Undecided(user),
        }
    }

    /// Allows only these schemes. Which of them is preferred is not the caller's: OPAQUE is.
    #[must_use]
    pub fn with_schemes(mut self, schemes: &[Scheme]) -> Self {
        self.schemes = schemes.to_vec();
        self
    }

    /// Begins a request over a connection: its Authorization, or none when nothing is known yet. Give fresh `random` with
    /// each call; `now` counts seconds on any clock that does not go back.
    ///
    /// # Errors
    /// The random octets give no secret.
    pub fn begin(
        &mut self,
        connection: &Connection,
        random: &Random,
        now: u64,
    ) -> Result<Option<String>, Error> {
        Ok(match &mut self.speaking {
            Speaking::Undecided(_) | Speaking::Nothing => None,
            Speaking::Opaque(client) => {
                client.begin(connection.opaque().as_ref(), &random.opaque)?
            }
            Speaking::Mutual(client) => client.begin(now),
        })
    }

    /// Takes the response to the last request. Give fresh `random` with each call. OPAQUE's part of a login is work for some
    /// 150 ms and 64 MiB.
    ///
    /// # Errors
    /// See [`Error`]. Then the response's content is gone.
    pub fn receive<T>(
        &mut self,
        response: Response<'_, T>,
        random: &Random,
        now: u64,
    ) -> Result<Step<T>, Error> {
        if matches!(self.speaking, Speaking::Undecided(_)) {
            let scheme = self.choose(&response)?;
            self.speak(scheme, response.connection, random, now)?;
        }
        match &mut self.speaking {
            Speaking::Opaque(client) => {
                let binding = response.connection.opaque().ok_or(Error::NoExporter)?;
                let response = opaque::Response {
                    status: response.status,
                    www_authenticate: response.www_authenticate,
                    authentication_info: response.authentication_info,
                    binding: &binding,
                    content: response.content,
                };
                Ok(client.receive(response, &random.opaque)?)
            }
            Speaking::Mutual(client) => {
                let binding = response.connection.mutual()?;
                let response = mutual::Response {
                    status: response.status,
                    www_authenticate: response.www_authenticate,
                    authentication_info: response.authentication_info,
                    binding: &binding,
                    content: response.content,
                };
                Ok(client.receive(response, &random.mutual, now)?)
            }
            Speaking::Undecided(_) | Speaking::Nothing => Err(Error::OutOfSequence),
        }
    }

    /// By which scheme the server is authenticated; `None` as long as it has not asked.
    #[must_use]
    pub const fn method(&self) -> Option<ServerAuthentication> {
        match self.speaking {
            Speaking::Undecided(_) | Speaking::Nothing => None,
            Speaking::Opaque(_) => Some(ServerAuthentication::Opaque),
            Speaking::Mutual(_) => Some(ServerAuthentication::HttpMutual),
        }
    }

    /// The best liked scheme of those that the server offers and that may be spoken.
    fn choose<T>(&self, response: &Response<'_, T>) -> Result<Scheme, Error> {
        let status = response.status;
        let fields = response.www_authenticate;
        if status != 401 {
            return Err(Error::NotAsked {
                status,
                schemes: String::new(),
            });
        }
        let may = |scheme| self.schemes.contains(&scheme);
        let asks_opaque = match opaque::Challenge::read_all(fields) {
            Ok(challenges) => !challenges.is_empty(),
            // Another version of it may be meant for others.
            Err(opaque::MessageError::Version { .. }) => false,
            Err(error) => return Err(opaque::Error::from(error).into()),
        };
        let unreadable = |error| Error::Mutual(MessageError::Header(error).into());
        let challenges = header::challenges(mutual::SCHEME, fields).map_err(unreadable)?;
        let may_speak_mutual = !challenges.is_empty() && may(Scheme::Mutual);
        if asks_opaque && may(Scheme::Opaque) {
            if response.connection.exporter.is_some() {
                return Ok(Scheme::Opaque);
            }
            if !may_speak_mutual {
                return Err(Error::NoExporter);
            }
        }
        if may_speak_mutual {
            return Ok(Scheme::Mutual);
        }
        let names = header::names(fields).map_err(unreadable)?;
        Err(Error::NotAsked {
            status,
            schemes: names.join(" "),
        })
    }

    /// Hands the password to the scheme that was chosen, as if it had made the request.
    fn speak(
        &mut self,
        scheme: Scheme,
        connection: &Connection,
        random: &Random,
        now: u64,
    ) -> Result<(), Error> {
        let binding = match scheme {
            Scheme::Mutual => Some(connection.mutual()?),
            Scheme::Opaque => None,
        };
        let Speaking::Undecided(user) = core::mem::replace(&mut self.speaking, Speaking::Nothing)
        else {
            return Err(Error::OutOfSequence);
        };
        self.speaking = match binding {
            Some(binding) => {
                let mut client = mutual::Client::new(self.server.clone(), user, binding);
                client.begin(now);
                Speaking::Mutual(Box::new(client))
            }
            None => {
                let mut client = opaque::Client::new(user);
                client.begin(connection.opaque().as_ref(), &random.opaque)?;
                Speaking::Opaque(client)
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{super::Password, *};

    const OPAQUE: &[u8] = b"OPAQUE version=1, realm=\"r\", reason=initial";
    const LATER: &[u8] = b"OPAQUE version=2, colour=blue";
    const MUTUAL: &[u8] = b"Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, \
        validation=tls-server-end-point, realm=\"r\", reason=initial";
    const BASIC: &[u8] = b"Basic realm=\"r\", Bearer realm=\"r\"";
    /// A certificate whose signature algorithm has a hash of its own, which is all that matters here.
    const CERTIFICATE: &[u8] =
        include_bytes!("../../../../../tests/vectors/opaque-profile/server.der");

    fn chosen(
        fields: &[&[u8]],
        schemes: &[Scheme],
        exporter: Option<[u8; 32]>,
    ) -> Result<ServerAuthentication, Error> {
        let password = Password::new(Zeroizing::new(b"p".to_vec())).unwrap();
        let server = Endpoint::new("est.example.net", 443).unwrap();
        let client = Client::new(server, User::new("u", password).unwrap());
        let mut client = client.with_schemes(schemes);
        let connection = Connection {
            certificate: CERTIFICATE.to_vec(),
            exporter,
        };
        let random = Random::new(&[0x5a; Random::OCTETS]);
        assert_eq!(client.begin(&connection, &random, 0), Ok(None));
        let response = Response {
            status: 401,
            www_authenticate: fields,
            authentication_info: &[],
            connection: &connection,
            content: (),
        };
        let Step::Send(authorization) = client.receive(response, &random, 0)? else {
            panic!("verified");
        };
        let method = client.method().unwrap();
        let scheme = match method {
            ServerAuthentication::Opaque => "OPAQUE version=1, ",
            _ => "Mutual version=1, ",
        };
        assert!(authorization.starts_with(scheme), "{authorization}");
        Ok(method)
    }

    #[test]
    fn opaque_is_preferred() {
        let tls_1_3 = Some([7; 32]);
        let both: &[&[u8]] = &[BASIC, MUTUAL, OPAQUE];
        let opaque = Ok(ServerAuthentication::Opaque);
        let mutual = Ok(ServerAuthentication::HttpMutual);
        assert_eq!(chosen(both, &Scheme::ALL, tls_1_3), opaque);
        assert_eq!(chosen(both, &[Scheme::Mutual], tls_1_3), mutual);
        assert_eq!(chosen(&[OPAQUE], &Scheme::ALL, tls_1_3), opaque);
        assert_eq!(chosen(&[MUTUAL], &Scheme::ALL, tls_1_3), mutual);
        assert_eq!(chosen(&[LATER, MUTUAL], &Scheme::ALL, tls_1_3), mutual);
        assert_eq!(chosen(both, &Scheme::ALL, None), mutual, "TLS 1.2");
        assert_eq!(
            chosen(&[OPAQUE], &Scheme::ALL, None),
            Err(Error::NoExporter)
        );
    }

    #[test]
    fn nothing_else_is_spoken() {
        for (fields, schemes, offered) in [
            (&[BASIC][..], &Scheme::ALL[..], "Basic Bearer"),
            (&[], &Scheme::ALL, ""),
            (&[LATER], &Scheme::ALL, "OPAQUE"),
            (&[MUTUAL], &[Scheme::Opaque], "Mutual"),
            (&[OPAQUE, BASIC], &[Scheme::Mutual], "OPAQUE Basic Bearer"),
        ] {
            let error = chosen(fields, schemes, Some([7; 32])).unwrap_err();
            let expected = Error::NotAsked {
                status: 401,
                schemes: offered.into(),
            };
            assert_eq!(error, expected);
        }
    }
}
