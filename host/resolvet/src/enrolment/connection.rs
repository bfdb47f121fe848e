//! A server over as many connections as it takes, and the ways in which its answers are believed.

use std::{mem, net::SocketAddr, sync::Arc, time::Duration};

use resolvet_proto::enrolment::{
    ServerAuthentication,
    authentication::{self, Random, Response, Scheme, Step, User},
    est::{CaLabel, Endpoint, HttpReply, HttpRequest, Method, Operation},
    journey::AuthenticationRefusal,
};
use rustls::sign::CertifiedKey;

use super::{EnrolError, ProofError, channel::Channel, login, random, trust::Trust};
use crate::clock;

/// Messages of one sequence: a request without credentials, the key exchange, the proof, and as much again when an earlier
/// session of HTTP Mutual has ended.
const SEQUENCE: usize = 6;

/// Where a connection leads, and how it is made again.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) trust: Trust,
    pub(super) identity: Option<Arc<CertifiedKey>>,
    /// What bounds each handshake and each exchange.
    pub(super) within: Duration,
}

/// A server.
pub(super) struct Connection {
    target: Target,
    channel: Channel,
    proof: Proof,
}

/// By what answers are believed.
enum Proof {
    /// By the certificate, which the policies or a voucher judge.
    Certificate,
    /// Each by the password.
    Password(Box<authentication::Client>),
    /// By nothing any more: what would have proved them was lost.
    Lost,
}

impl Connection {
    /// Connects to the first of the addresses that answers. A certificate that is refused ends it: another address of the
    /// same name would be the same server.
    pub(super) async fn open(mut target: Target) -> Result<Self, EnrolError> {
        let channel = connect(&target).await?;
        if matches!(target.trust, Trust::Provisional) {
            target.trust = Trust::Same(channel.chain().to_vec());
        }
        Ok(Self {
            target,
            channel,
            proof: Proof::Certificate,
        })
    }

    /// The connection that is open now.
    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Both sides prove that they know this user's password, bound to the connection or its certificate, and from now on
    /// every answer has to be proved so.
    ///
    /// A server that gives `/eecerts` to everybody (RFC 8295 section 3) asks for nothing there. It has to ask whoever wants to
    /// enrol (RFC 7030 section 3.2.3), so an empty request for that begins the exchange; that it is refused, is proved too.
    pub(super) async fn authenticate(
        &mut self,
        user: User,
        schemes: &[Scheme],
        label: Option<&CaLabel>,
    ) -> Result<ServerAuthentication, ProofError> {
        let client = authentication::Client::new(self.target.endpoint.clone(), user);
        self.proof = Proof::Password(Box::new(client.with_schemes(schemes)));
        let path = |operation: Operation| operation.path(label);
        let wanted = HttpRequest::get(path(Operation::EeCerts), Operation::EeCerts.accept());
        let enrol = Operation::SimpleEnroll;
        let content_type = enrol.content_type().unwrap_or_default();
        let asked = HttpRequest::post(path(enrol), enrol.accept(), content_type, Vec::new());
        match self.exchange(&wanted, None).await {
            Err(ProofError::Password(authentication::Error::NotAsked {
                status: 200..=299,
                ..
            })) => self.exchange(&asked, None).await?,
            believed => believed?,
        };
        let method = match &self.proof {
            Proof::Password(client) => client.method(),
            Proof::Certificate | Proof::Lost => None,
        };
        Ok(method.ok_or(authentication::Error::OutOfSequence)?)
    }

    /// A response: over a connection whose peer proves a password, one that is proved, too. Where the policies accepted the
    /// peer, `login` answers if it asks who is there.
    pub(super) async fn exchange(
        &mut self,
        request: &HttpRequest,
        login: Option<&User>,
    ) -> Result<HttpReply, ProofError> {
        if matches!(self.proof, Proof::Certificate) {
            let reply = self.send(request, None).await?;
            let asks = reply.status == 401 && matches!(self.target.trust, Trust::Judged { .. });
            let answer = login.filter(|_| asks);
            return match answer.and_then(|user| login::answer(user, &reply, request)) {
                Some(answer) => self.send(request, Some(&answer)).await,
                None => Ok(reply),
            };
        }
        // A proof may hold on one connection alone, so one that has ended is replaced before anything is proved over it.
        if !self.channel.is_open().await {
            self.channel = connect(&self.target).await?;
        }
        // Whatever ends this early leaves nothing behind that an answer could be believed by.
        let Proof::Password(mut client) = mem::replace(&mut self.proof, Proof::Lost) else {
            return Err(authentication::Error::OutOfSequence.into());
        };
        let now = clock::now().boot / 1_000;
        let mut authorization = client.begin(&self.seen(), &random::proof()?, now)?;
        for _ in 0..SEQUENCE {
            let reply = match self.send(request, authorization.as_deref()).await {
                Ok(reply) => reply,
                Err(error) => {
                    self.proof = Proof::Password(client);
                    return Err(error);
                }
            };
            let seen = self.seen();
            let random = random::proof()?;
            // A key exchange is work that would hold up the event loop, and stretching a password even more.
            let received = tokio::task::spawn_blocking(move || {
                let step = receive(&mut client, reply, &seen, &random);
                (client, step)
            });
            let (returned, step) = received
                .await
                .map_err(|error| EnrolError::Ended(error.to_string()))?;
            match step {
                Ok(Step::Send(next)) => {
                    client = returned;
                    authorization = Some(next);
                }
                Ok(Step::Verified(reply)) => {
                    self.proof = Proof::Password(returned);
                    return Ok(reply);
                }
                Err(error) => {
                    self.proof = Proof::Password(returned);
                    return Err(error.into());
                }
            }
        }
        Err(authentication::Error::OutOfSequence.into())
    }

    /// The connection that is open now, as far as authentication looks at it.
    fn seen(&self) -> authentication::Connection {
        let end_entity = self.channel.chain().first();
        authentication::Connection {
            certificate: end_entity.map(|der| der.to_vec()).unwrap_or_default(),
            exporter: self.channel.exporter(),
        }
    }

    /// Sends and receives, over a new connection when the server has closed the old one. A request that is bound to its
    /// connection is not sent over another, unless it answers a login.
    async fn send(
        &mut self,
        request: &HttpRequest,
        authorization: Option<&str>,
    ) -> Result<HttpReply, ProofError> {
        let may_repeat = authorization.is_some() || request.method == Method::Get;
        if !self.channel.is_open().await && may_repeat {
            self.channel = connect(&self.target).await?;
        }
        let sent = self.channel.exchange(request, authorization).await;
        Ok(sent.map_err(EnrolError::from)?)
    }
}

fn receive(
    client: &mut authentication::Client,
    mut reply: HttpReply,
    connection: &authentication::Connection,
    random: &Random,
) -> Result<Step<HttpReply>, authentication::Error> {
    let headers = mem::take(&mut reply.headers);
    let fields = |name: &str| -> Vec<&[u8]> {
        let fields = headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_bytes()).collect()
    };
    let response = Response {
        status: reply.status,
        www_authenticate: &fields("www-authenticate"),
        authentication_info: &fields("authentication-info"),
        connection,
        content: reply,
    };
    let step = client.receive(response, random, clock::now().boot / 1_000)?;
    Ok(match step {
        Step::Verified(reply) => Step::Verified(HttpReply { headers, ..reply }),
        Step::Send(authorization) => Step::Send(authorization),
    })
}

async fn connect(target: &Target) -> Result<Channel, EnrolError> {
    let Target {
        endpoint,
        addresses,
        trust,
        identity,
        within,
    } = target;
    let channel = Channel::first(addresses, endpoint, trust, identity.as_ref(), *within).await;
    channel.map_err(|error| match error {
        Some(error) => error.into(),
        None => EnrolError::NoAddress {
            host: endpoint.host().to_owned(),
        },
    })
}

impl ProofError {
    /// In which way the server is not authenticated; none when the exchange itself failed.
    pub(super) fn refusal(&self) -> Option<AuthenticationRefusal> {
        match self {
            Self::Exchange(_) => None,
            Self::Password(error) => Some(error.refusal()),
        }
    }
}
