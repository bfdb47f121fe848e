//! Does what journeys want done, against servers that are functions; keys, signatures and policies are real.

use std::collections::{BTreeMap, VecDeque};

use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use resolvet_guest::native;
use resolvet_policy_pkix::validate;
use resolvet_proto::{
    discovery::Timestamp,
    enrolment::{
        Enrolment, PendingVoucher,
        est::{Endpoint, HttpReply, HttpRequest},
        journey::{Action, Event, Failure, Journey, State, Step, Trust},
    },
    judgement::{Decision, Der, Judgement, Outcome, Presented, Request, Stage, Verdict},
    session::{ConnectionFailure, ConnectionFailureKind},
};

use crate::forge::{ECDSA_SHA256, NOW, key};

/// What happened in a journey.
pub(crate) fn steps(journey: &dyn Journey) -> Vec<Step> {
    journey
        .story()
        .iter()
        .map(|entry| entry.step.clone())
        .collect()
}

/// What a server answers; nothing when the connection ends.
type Answer<'a> = Box<dyn FnMut(&HttpRequest) -> Option<HttpReply> + 'a>;
/// What is done with an action instead.
type Intercept<'a> = Box<dyn FnMut(&Action) -> Option<Event> + 'a>;

/// A server: what it presents, and what it answers to a request over the n-th connection.
pub(crate) struct Server<'a> {
    pub(crate) chain: Vec<Der>,
    pub(crate) answer: Answer<'a>,
}

/// A driver without a network.
pub(crate) struct Driver<'a> {
    pub(crate) now: Timestamp,
    pub(crate) servers: BTreeMap<String, Server<'a>>,
    /// Looks at an action first and may answer it otherwise.
    pub(crate) intercept: Intercept<'a>,
    /// The requests that were sent, with the path.
    pub(crate) sent: Vec<HttpRequest>,
    /// What was judged.
    pub(crate) judged: Vec<Request>,
    pub(crate) stored: Vec<Enrolment>,
    /// The voucher request that is remembered.
    pub(crate) remembered: Option<PendingVoucher>,
    pub(crate) failure: Option<Failure>,
    /// What the certificates were that connections were to present again.
    pub(crate) identities: Vec<Option<String>>,
    pub(crate) keys: BTreeMap<String, KeyPair>,
    connections: BTreeMap<u32, String>,
    timer: Option<Timestamp>,
}

/// Where the journeys begin.
pub(crate) fn endpoint(host: &str) -> Endpoint {
    Endpoint::new(host, 443).unwrap()
}

/// pkix's judgement of a request, as an authority's. The system's anchors are an enterprise's here: what public authorities
/// ask of certificates, which carry no SRV-ID, is left out.
pub(crate) fn judge(request: &Request) -> Judgement<Verdict> {
    let text = r#"{"baseline-requirements":"never"}"#;
    let settings = serde_json::from_str(text).unwrap();
    let verdict = native::evaluate(request, text, || validate(&settings));
    let outcome = match verdict.decision {
        Decision::Accept { .. } => Outcome::Accepted,
        Decision::Reject => Outcome::Rejected,
        Decision::Abstain => Outcome::NoAuthority,
    };
    Judgement {
        stage: Stage::Validation,
        request: request.digest(),
        generation: 0,
        outcome,
        lifetime: None,
        evaluations: Vec::new(),
    }
}

impl<'a> Driver<'a> {
    pub(crate) fn new() -> Self {
        Self {
            now: Timestamp {
                unix: NOW,
                boot: 1_000_000,
            },
            servers: BTreeMap::new(),
            intercept: Box::new(|_| None),
            sent: Vec::new(),
            judged: Vec::new(),
            stored: Vec::new(),
            remembered: None,
            failure: None,
            identities: Vec::new(),
            keys: BTreeMap::new(),
            connections: BTreeMap::new(),
            timer: None,
        }
    }

    pub(crate) fn server(
        mut self,
        host: &str,
        chain: Vec<Der>,
        answer: impl FnMut(&HttpRequest) -> Option<HttpReply> + 'a,
    ) -> Self {
        let answer = Box::new(answer);
        self.servers
            .insert(endpoint(host).to_string(), Server { chain, answer });
        self
    }

    /// Runs a journey to its end. A wait goes by at once.
    pub(crate) fn run(&mut self, journey: &mut dyn Journey) -> State {
        self.begin(journey, Event::Start)
    }

    pub(crate) fn begin(&mut self, journey: &mut dyn Journey, first: Event) -> State {
        self.run_until(journey, first, &|_| false)
    }

    /// As [`Self::begin`], and ends before, as a loss of power does, when this holds.
    pub(crate) fn run_until(
        &mut self,
        journey: &mut dyn Journey,
        first: Event,
        stop: &dyn Fn(&Self) -> bool,
    ) -> State {
        let mut events = VecDeque::from([first]);
        for _ in 0..20_000 {
            let event = match events.pop_front() {
                Some(event) => event,
                None if matches!(journey.state(), State::Done | State::Failed) => {
                    return journey.state();
                }
                None => {
                    let until = self
                        .timer
                        .take()
                        .expect("a journey that waits says until when");
                    let gone = until.boot.saturating_sub(self.now.boot);
                    self.now.boot += gone;
                    self.now.unix += gone / 1_000;
                    Event::Tick
                }
            };
            // What was seen goes through JSON: no event may carry what a transcript must not have.
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
            journey.handle(&event, self.now);
            while let Some(action) = journey.next_action() {
                events.extend((self.intercept)(&action).or_else(|| self.perform(action)));
            }
            if stop(self) {
                return journey.state();
            }
        }
        panic!("the journey does not end");
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Find { id, .. } => Some(Event::Found {
                id,
                endpoints: self
                    .servers
                    .keys()
                    .map(|uri| Endpoint::parse(uri).unwrap().0)
                    .collect(),
            }),
            Action::Connect {
                connection,
                endpoint,
                trust,
                identity,
            } => {
                self.identities.push(identity.map(|(key, _)| key));
                self.connect(connection, &endpoint, &trust)
            }
            Action::Exchange {
                id,
                connection,
                request,
                ..
            } => {
                self.sent.push(request.clone());
                let reply = self.connections.get(&connection).and_then(|uri| {
                    let server = self.servers.get_mut(uri)?;
                    (server.answer)(&request)
                });
                Some(match reply {
                    Some(reply) => Event::Replied { id, reply },
                    None => Event::ExchangeFailed {
                        id,
                        detail: "the connection ended".into(),
                    },
                })
            }
            Action::Judge { id, request, .. } => {
                self.judged.push((*request).clone());
                Some(Event::Judged {
                    id,
                    judgement: judge(&request),
                })
            }
            Action::Random { id, octets } => Some(Event::Random {
                id,
                octets: vec![self.sent.len() as u8 + 1; octets].into(),
            }),
            Action::MakeKey { id, .. } => {
                let pair = key();
                let public = pair.subject_public_key_info().into();
                let name = format!("key-{}", self.keys.len());
                self.keys.insert(name.clone(), pair);
                Some(Event::KeyMade {
                    id,
                    key: name,
                    public,
                })
            }
            Action::Sign { id, key, octets } => Some(Event::Signed {
                id,
                algorithm: ECDSA_SHA256.into(),
                signature: self.keys[&key].sign(&octets).unwrap().into(),
            }),
            Action::Store { id, enrolment } => {
                let text = serde_json::to_string(&enrolment).unwrap();
                assert_eq!(
                    serde_json::from_str::<Enrolment>(&text).unwrap(),
                    *enrolment
                );
                self.stored.push(*enrolment);
                Some(Event::Stored { id, problem: None })
            }
            Action::Remember { pending } => {
                self.remembered = pending.map(|pending| {
                    let text = serde_json::to_string(&pending).unwrap();
                    assert_eq!(
                        serde_json::from_str::<PendingVoucher>(&text).unwrap(),
                        *pending
                    );
                    *pending
                });
                None
            }
            Action::WaitUntil { until } => {
                self.timer = Some(until);
                None
            }
            Action::Fail { failure } => {
                self.failure = Some(failure);
                None
            }
            Action::Close { connection } => {
                self.connections.remove(&connection);
                None
            }
            // What a person or a session does, tests say.
            _ => None,
        }
    }

    fn connect(&mut self, connection: u32, to: &Endpoint, trust: &Trust) -> Option<Event> {
        let failed = |kind, detail: &str| {
            Some(Event::ConnectionFailed {
                connection,
                reason: ConnectionFailure {
                    kind,
                    detail: detail.into(),
                },
                judgement: None,
            })
        };
        let Some(server) = self.servers.get(&to.to_string()) else {
            return failed(ConnectionFailureKind::Refused, "refused");
        };
        let presented = Presented {
            certificates: match trust {
                Trust::Password => Vec::new(),
                _ => server.chain.clone(),
            },
            ocsp_response: None,
        };
        let judgement = match trust {
            Trust::Judged { request, .. } => {
                let request = request.presenting(presented.clone());
                let judgement = judge(&request);
                self.judged.push(request);
                if judgement.outcome != Outcome::Accepted {
                    return failed(ConnectionFailureKind::Refusal, "the policies refused");
                }
                Some(judgement)
            }
            Trust::Same { certificates } if *certificates != presented.certificates => {
                return failed(ConnectionFailureKind::Other, "other certificates");
            }
            _ => None,
        };
        self.connections.insert(connection, to.to_string());
        Some(Event::Connected {
            connection,
            server: None,
            presented,
            judgement,
            binding: Some([9; 32].as_slice().into()),
        })
    }

    /// The paths that were asked, in order.
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.sent
            .iter()
            .map(|request| request.path.rsplit('/').next().unwrap())
            .collect()
    }
}
