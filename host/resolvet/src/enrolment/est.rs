//! An EST server over as many connections as it takes, and the two ways in which its answers are believed.

use std::{net::SocketAddr, time::Duration};

use resolvet_proto::{
    enrolment::{
        est::{Answer, Endpoint, HttpReply, HttpRequest, Operation, Outcome, classify, limits},
        mutual::{self, Binding, Random, Response, Step},
    },
    judgement::{Der, Presented},
};
use rustls::crypto::aws_lc_rs;

use super::{
    EnrolError,
    channel::{Channel, ChannelError},
    locate::EstLocation,
    trust::Trust,
};
use crate::clock;

/// Messages of one HTTP Mutual sequence: a request without credentials, the key exchange, the proof, and as much again when
/// an earlier session has ended.
const SEQUENCE: usize = 6;

/// An EST server.
pub(super) struct Est {
    location: EstLocation,
    addresses: Vec<SocketAddr>,
    trust: Trust,
    within: Duration,
    channel: Channel,
    /// On a provisional connection every answer is proved by the password.
    mutual: Option<mutual::Client>,
}

impl Est {
    /// Connects to the first of the addresses that answers. A certificate that is refused ends it: another address of the
    /// same name would be the same server.
    pub(super) async fn open(
        location: EstLocation,
        addresses: Vec<SocketAddr>,
        trust: Trust,
        within: Duration,
    ) -> Result<Self, EnrolError> {
        let channel = connect(&location.endpoint, &addresses, &trust, within).await?;
        Ok(Self {
            location,
            addresses,
            trust,
            within,
            channel,
            mutual: None,
        })
    }

    /// Both sides prove that they know this user's password, bound to the certificate of the connection, and from now on
    /// every answer has to be proved so.
    ///
    /// A server that gives `/eecerts` to everybody (RFC 8295 section 3) asks for nothing there. It has to ask whoever wants to
    /// enrol (RFC 7030 section 3.2.3), so an empty request for that begins the exchange; that it is refused, is proved too.
    pub(super) async fn authenticate(&mut self, user: mutual::User) -> Result<(), EnrolError> {
        let binding = binding(self.channel.chain())?;
        let endpoint = self.location.endpoint.clone();
        self.mutual = Some(mutual::Client::new(endpoint, user, binding));
        let label = self.location.label.as_ref();
        let path = |operation: Operation| operation.path(label);
        let wanted = HttpRequest::get(path(Operation::EeCerts), Operation::EeCerts.accept());
        let enrol = Operation::SimpleEnroll;
        let content_type = enrol.content_type().unwrap_or_default();
        let asked = HttpRequest::post(path(enrol), enrol.accept(), content_type, Vec::new());
        match self.believed(&wanted).await {
            Err(EnrolError::Mutual(mutual::Error::NotAsked { status: 200..=299 })) => {
                self.believed(&asked).await.map(drop)
            }
            believed => believed.map(drop),
        }
    }

    /// The certificates that the server presented.
    pub(super) fn chain(&self) -> &[Der] {
        self.channel.chain()
    }

    /// What the server presented, with what was stapled.
    pub(super) const fn presented(&self) -> &Presented {
        self.channel.presented()
    }

    /// Where it was reached.
    pub(super) const fn address(&self) -> SocketAddr {
        self.channel.address()
    }

    /// Where it is.
    pub(super) const fn location(&self) -> &EstLocation {
        &self.location
    }

    /// The certificates that this operation brings; none when the server has nothing of the kind.
    pub(super) async fn certificates(
        &mut self,
        operation: Operation,
    ) -> Result<Option<Vec<Der>>, EnrolError> {
        let endpoint = self.location.endpoint.clone();
        let nothing = |reason| EnrolError::Nothing {
            operation: operation.name(),
            endpoint: endpoint.clone(),
            reason,
        };
        let mut path = operation.path(self.location.label.as_ref());
        for _ in 0..=limits::REDIRECTS {
            let request = HttpRequest::get(path, operation.accept());
            let reply = self.believed(&request).await?;
            // Every server has to have /cacerts; one that is a front for an old one may not.
            if operation == Operation::CaCerts && matches!(reply.status, 204 | 404 | 501) {
                return Ok(None);
            }
            let outcome = classify(operation, &endpoint, &reply, clock::now().unix);
            let outcome = outcome.map_err(|reason| EnrolError::Reply {
                operation: operation.name(),
                endpoint: endpoint.clone(),
                reason,
            })?;
            path = match outcome {
                Outcome::Answer(Answer::Certificates(certificates)) => {
                    return Ok(Some(certificates));
                }
                Outcome::Nothing => return Ok(None),
                Outcome::Redirect {
                    path,
                    same_origin: true,
                    ..
                } => path,
                Outcome::Redirect { endpoint: to, .. } => {
                    return Err(EnrolError::Redirected { from: endpoint, to });
                }
                Outcome::Unauthorized { .. } => {
                    return Err(nothing("the server asks for a login (RFC 7030 3.2.3)"));
                }
                _ => return Err(nothing("the answer is of another kind")),
            };
        }
        Err(EnrolError::RedirectLoop { from: endpoint })
    }

    /// A response that may be believed: over a judged connection any, over a provisional one what the password proves.
    async fn believed(&mut self, request: &HttpRequest) -> Result<HttpReply, EnrolError> {
        let Some(mut client) = self.mutual.take() else {
            return match self.trust {
                Trust::Judged { .. } => self.exchange(request, None).await,
                Trust::Provisional | Trust::Same(_) => Err(mutual::Error::OutOfSequence.into()),
            };
        };
        let mut authorization = client.begin(clock::now().boot / 1_000);
        for _ in 0..SEQUENCE {
            let reply = self.exchange(request, authorization.as_deref()).await?;
            let binding = binding(self.channel.chain())?;
            let random = random()?;
            // A key exchange is work that would hold up the event loop.
            let received = tokio::task::spawn_blocking(move || {
                let step = receive(&mut client, reply, &binding, &random);
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
                    self.mutual = Some(returned);
                    return Ok(reply);
                }
                Err(error) => {
                    self.mutual = Some(returned);
                    return Err(error.into());
                }
            }
        }
        Err(mutual::Error::Stale.into())
    }

    /// Sends and receives, over a new connection when the server has closed the old one.
    async fn exchange(
        &mut self,
        request: &HttpRequest,
        authorization: Option<&str>,
    ) -> Result<HttpReply, EnrolError> {
        if !self.channel.is_open().await {
            let (endpoint, within) = (&self.location.endpoint, self.within);
            self.channel = connect(endpoint, &self.addresses, &self.trust, within).await?;
        }
        Ok(self.channel.exchange(request, authorization).await?)
    }
}

fn receive(
    client: &mut mutual::Client,
    mut reply: HttpReply,
    binding: &Binding,
    random: &Random,
) -> Result<Step<HttpReply>, mutual::Error> {
    let headers = std::mem::take(&mut reply.headers);
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
        binding,
        content: reply,
    };
    let step = client.receive(response, random, clock::now().boot / 1_000)?;
    Ok(match step {
        Step::Verified(reply) => Step::Verified(HttpReply { headers, ..reply }),
        Step::Send(authorization) => Step::Send(authorization),
    })
}

async fn connect(
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
    trust: &Trust,
    within: Duration,
) -> Result<Channel, EnrolError> {
    let mut last = EnrolError::NoAddress {
        host: endpoint.host().to_owned(),
    };
    for &address in addresses {
        match Channel::open(address, endpoint, trust, None, within).await {
            Ok(channel) => return Ok(channel),
            Err(
                error @ (ChannelError::Refused { .. } | ChannelError::ProofOfPossession { .. }),
            ) => {
                return Err(error.into());
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn binding(chain: &[Der]) -> Result<Binding, EnrolError> {
    let end_entity = chain.first().map(|der| &**der).unwrap_or_default();
    Ok(Binding::tls_server_end_point(end_entity)?)
}

fn random() -> Result<Random, EnrolError> {
    let mut octets = [0; Random::OCTETS];
    fill(&mut octets)?;
    Ok(Random::new(octets))
}

/// Random octets from the system.
pub(super) fn fill(octets: &mut [u8]) -> Result<(), EnrolError> {
    aws_lc_rs::default_provider()
        .secure_random
        .fill(octets)
        .map_err(|_| EnrolError::Random)
}
