//! A factory-fresh device: voucher, pin, certificates, a certificate of its own (RFC 8995 section 2.1, the draft's section
//! 5).

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};
use core::fmt;

use super::{
    Action, Entry, Event, JourneyError, Profile, ProfileError, Service, State, Step, Trust,
    byod::{adopt, dns_ids},
    collect::{Collect, Collected, Fallback, Peer, judge, judged},
    desk::{Desk, overdue, without},
    enrol::{Enrol, Enrolled, Want, keys},
    limits,
    profile::{Facts, explicit},
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Anchor, AnchorSource, Enrolment, EstServer, LocalIdentity, ServerAuthentication,
        brski::{
            self, Accepted, Algorithms, ContentKind, Expected, IDevId, ToSign, VoucherRequestError,
        },
        est::{Class, Endpoint, HttpReply, HttpRequest, ReplyError, Subject, class},
    },
    judgement::{AnchorDatabase, Clock, Der, Digest, Presented, Purpose, Request},
};

/// What the journey knows beforehand.
#[derive(Clone)]
pub struct PledgeConfig {
    /// Network, clock, policies. Whatever its anchors say, a pledge has Explicit ones (RFC 8995 section 5.9.1).
    pub profile: Profile,
    /// The registrar, where it need not be looked for.
    pub endpoint: Option<Endpoint>,
    /// The device's certificate.
    pub device: IDevId,
    /// What leads from it to the manufacturer's anchor, DER.
    pub device_chain: Vec<Der>,
    /// The handle of its key.
    pub device_key: String,
    /// The manufacturer's anchors, DER: a voucher's signer must lead to one of them.
    pub manufacturer: Vec<Der>,
    /// Whether a voucher without a nonce is accepted (RFC 8995 section 7.2).
    pub nonceless: bool,
    /// Whether voucher requests go as base64, which some registrars want against RFC 8995 section 6.
    pub base64: bool,
    /// The subject of the certificate that is asked for; absent: the device's own.
    pub subject: Option<Subject>,
    /// What verifies signatures.
    pub algorithms: Algorithms,
}

impl fmt::Debug for PledgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PledgeConfig")
            .field("profile", &self.profile)
            .field("endpoint", &self.endpoint)
            .field("device", &self.device.serial_number())
            .finish_non_exhaustive()
    }
}

/// The way of a factory-fresh device to an enrolment; [`super`] says how it is driven. A registrar that fails is followed by
/// the next one, each with a nonce of its own; with none left it ends with [`Action::Fail`].
#[derive(Debug, Clone)]
pub struct Pledge {
    config: PledgeConfig,
    desk: Desk,
    phase: Phase,
    servers: VecDeque<Endpoint>,
    last: Option<JourneyError>,
    /// The connection in use.
    connection: Option<u32>,
    /// How often the registrar under way sent elsewhere.
    redirected: u32,
    /// Where the next voucher request goes.
    path: String,
    enrolment: Option<Enrolment>,
}

/// What is kept from the voucher request on.
#[derive(Debug, Clone)]
struct Join {
    peer: Peer,
    nonce: String,
    request: Der,
    since: Timestamp,
    redirects: u32,
    path: String,
    /// The exchange under way.
    id: u32,
    /// Whether it is asked again after a wait: the connection may have ended meanwhile.
    waited: bool,
}

/// What is kept from the voucher on.
#[derive(Debug, Clone)]
struct Imprint {
    peer: Peer,
    accepted: Box<Accepted>,
    voucher: Der,
}

#[derive(Debug, Clone)]
enum Phase {
    New,
    Finding {
        id: u32,
    },
    Connecting {
        connection: u32,
        endpoint: Endpoint,
        again: Option<Box<Join>>,
    },
    Drawing {
        id: u32,
        peer: Peer,
    },
    Signing {
        id: u32,
        peer: Peer,
        nonce: String,
        to_sign: Box<ToSign>,
    },
    Requesting(Box<Join>),
    Waiting(Box<Join>),
    Imprinting {
        id: u32,
        request: alloc::sync::Arc<Request>,
        imprint: Imprint,
    },
    Collecting {
        imprint: Imprint,
        collect: Box<Collect>,
    },
    Enrolling {
        peer: Peer,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
        storing: Option<u32>,
    },
    Resuming {
        connection: u32,
        chain: Vec<Der>,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
    },
    Reconnecting {
        connection: u32,
        chain: Vec<Der>,
        enrolment: Box<Enrolment>,
    },
    Reporting {
        id: u32,
        connection: u32,
        enrolment: Box<Enrolment>,
    },
    Storing {
        id: u32,
        enrolment: Box<Enrolment>,
    },
    Done,
    Failed,
}

impl Pledge {
    /// A journey that has not begun.
    ///
    /// # Errors
    /// The network is not one to enrol in.
    pub fn new(config: PledgeConfig) -> Result<Self, ProfileError> {
        config.profile.check()?;
        Ok(Self {
            desk: Desk::new(config.profile.previous_failures),
            config,
            phase: Phase::New,
            servers: VecDeque::new(),
            last: None,
            connection: None,
            redirected: 0,
            path: String::new(),
            enrolment: None,
        })
    }

    /// Takes what happened, and the time.
    pub fn handle(&mut self, event: &Event, now: Timestamp) {
        if let Err(error) = self.step(event, now) {
            self.next_after(error, now);
        }
        if self.desk.is_due(now) {
            self.due(now);
        }
        self.desk.set_timer();
    }

    /// The next thing to do; `None` when nothing is to be done before the next event.
    pub fn next_action(&mut self) -> Option<Action> {
        self.desk.take()
    }

    /// Where the journey is.
    #[must_use]
    pub const fn state(&self) -> State {
        match &self.phase {
            Phase::New => State::New,
            Phase::Finding { .. } => State::Discovering,
            Phase::Connecting { .. } => State::Connecting,
            Phase::Drawing { .. } | Phase::Signing { .. } | Phase::Requesting(_) => {
                State::RequestingJoin
            }
            Phase::Waiting(_) => State::Waiting,
            Phase::Imprinting { .. } => State::Imprinting,
            Phase::Collecting { .. } => State::Collecting,
            Phase::Enrolling { enrol, .. } if enrol.is_waiting() => State::Waiting,
            Phase::Enrolling { .. }
            | Phase::Resuming { .. }
            | Phase::Reconnecting { .. }
            | Phase::Reporting { .. } => State::Enrolling,
            Phase::Storing { .. } => State::Storing,
            Phase::Done => State::Done,
            Phase::Failed => State::Failed,
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn story(&self) -> &[Entry] {
        self.desk.story()
    }

    /// The enrolment, once it is stored.
    #[must_use]
    pub const fn enrolment(&self) -> Option<&Enrolment> {
        self.enrolment.as_ref()
    }

    fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError> {
        // A phase is taken out while its event is worked on; whoever does not replace it puts it back.
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        match (phase, event) {
            (Phase::New, Event::Start) => {
                match self.config.endpoint.clone() {
                    Some(endpoint) => self.begin_at(endpoint, now),
                    None => {
                        let id = self.desk.id();
                        let service = Service::Brski;
                        self.desk.act(Action::Find { id, service }, now);
                        self.phase = Phase::Finding { id };
                    }
                }
                Ok(())
            }
            (
                Phase::Finding { id },
                Event::Found {
                    id: found,
                    endpoints,
                },
            ) if id == *found => {
                self.desk.tell(now, Step::Found(endpoints.clone()));
                self.servers = endpoints.iter().take(limits::SERVERS).cloned().collect();
                self.next_server(now);
                Ok(())
            }
            (
                Phase::Connecting {
                    connection,
                    endpoint,
                    again,
                },
                Event::Connected {
                    connection: connected,
                    server,
                    presented,
                    binding,
                    ..
                },
            ) if connection == *connected => {
                let peer = Peer {
                    connection,
                    endpoint,
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                self.connected(peer, again, now)
            }
            (
                Phase::Connecting {
                    connection,
                    endpoint,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                },
            ) if connection == *failed => {
                let detail = crate::enrolment::quoted(&reason.detail, 200);
                let step = Step::ConnectionFailed {
                    endpoint: endpoint.clone(),
                    detail: detail.clone(),
                };
                self.desk.tell(now, step);
                Err(JourneyError::Connection { endpoint, detail })
            }
            (Phase::Drawing { id, peer }, Event::Random { id: drawn, octets }) if id == *drawn => {
                self.sign(peer, octets, now)
            }
            (
                Phase::Signing {
                    id,
                    peer,
                    nonce,
                    to_sign,
                },
                Event::Signed {
                    id: signed,
                    algorithm,
                    signature,
                },
            ) if id == *signed => {
                let cms = to_sign
                    .signed(algorithm, signature)
                    .map_err(VoucherRequestError::from)?;
                let join = Join {
                    peer,
                    nonce,
                    request: cms.into(),
                    since: now,
                    redirects: 0,
                    path: self.path.clone(),
                    id: 0,
                    waited: false,
                };
                self.ask(join, now);
                Ok(())
            }
            (Phase::Signing { id, .. }, Event::KeyFailed { id: failed, detail })
                if id == *failed =>
            {
                Err(keys(detail))
            }
            (Phase::Requesting(join), Event::Replied { id, reply }) if join.id == *id => {
                self.voucher(*join, reply, now)
            }
            (Phase::Requesting(mut join), Event::ExchangeFailed { id, detail })
                if join.id == *id =>
            {
                if join.waited {
                    join.waited = false;
                    self.desk.close(join.peer.connection);
                    self.connect(join.peer.endpoint.clone(), Some(join), now);
                    return Ok(());
                }
                Err(JourneyError::Exchange {
                    path: join.path,
                    detail: crate::enrolment::quoted(detail, 200),
                })
            }
            (
                Phase::Imprinting {
                    id,
                    request,
                    imprint,
                },
                event,
            ) => {
                let Some(judgement) = judged(event, id) else {
                    self.phase = Phase::Imprinting {
                        id,
                        request,
                        imprint,
                    };
                    return Ok(());
                };
                let generation = self.config.profile.generation;
                if let Err(error) = self.desk.accepts(&request, generation, judgement, now) {
                    self.report_voucher(&imprint.peer, false, now);
                    return Err(error);
                }
                self.report_voucher(&imprint.peer, true, now);
                self.collect(imprint, now)
            }
            (
                Phase::Collecting {
                    imprint,
                    mut collect,
                },
                event,
            ) => match collect.handle(event, &mut self.desk, now) {
                None => {
                    self.phase = Phase::Collecting { imprint, collect };
                    Ok(())
                }
                Some(collected) => {
                    self.enrol(imprint, collected?, now);
                    Ok(())
                }
            },
            (
                Phase::Enrolling {
                    peer,
                    enrolment,
                    enrol,
                    storing,
                },
                event,
            ) => self.enrolling(peer, enrolment, enrol, storing, event, now),
            (
                Phase::Resuming {
                    connection,
                    chain,
                    enrolment,
                    mut enrol,
                },
                Event::Connected {
                    connection: connected,
                    server,
                    presented,
                    binding,
                    ..
                },
            ) if connection == *connected => {
                let endpoint = enrolment.est.endpoint.clone();
                if presented.certificates != chain {
                    return Err(JourneyError::CertificatesChanged { endpoint });
                }
                let peer = Peer {
                    connection,
                    endpoint,
                    server: server.clone(),
                    presented: presented.clone(),
                    binding: binding.clone(),
                };
                enrol.retry(peer.clone(), &mut self.desk, now);
                self.phase = Phase::Enrolling {
                    peer,
                    enrolment,
                    enrol,
                    storing: None,
                };
                Ok(())
            }
            (
                Phase::Resuming {
                    connection,
                    enrolment,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                },
            ) if connection == *failed => Err(JourneyError::Connection {
                endpoint: enrolment.est.endpoint,
                detail: crate::enrolment::quoted(&reason.detail, 200),
            }),
            (
                Phase::Reconnecting {
                    connection,
                    chain,
                    enrolment,
                },
                Event::Connected {
                    connection: connected,
                    presented,
                    ..
                },
            ) if connection == *connected => {
                if presented.certificates != chain {
                    return Err(JourneyError::CertificatesChanged {
                        endpoint: enrolment.est.endpoint,
                    });
                }
                let id = self.tell_registrar(connection, brski::ENROL_STATUS, true, None, now);
                self.phase = Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                };
                Ok(())
            }
            (
                Phase::Reconnecting {
                    connection,
                    enrolment,
                    ..
                },
                Event::ConnectionFailed {
                    connection: failed,
                    reason,
                },
            ) if connection == *failed => {
                // The certificate is there: that the registrar did not hear of it is no reason to lose it.
                self.desk.tell(now, without("enrollstatus", &reason.detail));
                self.store(enrolment, now);
                Ok(())
            }
            (
                Phase::Reporting {
                    id,
                    connection,
                    enrolment,
                },
                Event::Replied { id: done, .. } | Event::ExchangeFailed { id: done, .. },
            ) if id == *done => {
                self.desk.close(connection);
                self.store(enrolment, now);
                Ok(())
            }
            (
                Phase::Storing { id, enrolment },
                Event::Stored {
                    id: stored,
                    problem,
                },
            ) if id == *stored => {
                if let Some(problem) = problem {
                    self.servers.clear();
                    return Err(JourneyError::Store {
                        detail: crate::enrolment::quoted(problem, 200),
                    });
                }
                self.enrolment = Some(*enrolment);
                self.desk.tell(now, Step::Stored);
                self.desk.deadline = None;
                self.phase = Phase::Done;
                Ok(())
            }
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    /// Begins at another registrar.
    fn begin_at(&mut self, endpoint: Endpoint, now: Timestamp) {
        self.redirected = 0;
        self.path = brski::REQUEST_VOUCHER.into();
        self.connect(endpoint, None, now);
    }

    fn connect(&mut self, endpoint: Endpoint, again: Option<Box<Join>>, now: Timestamp) {
        let connection = self.desk.id();
        self.desk.tell(now, Step::Connecting(endpoint.clone()));
        let action = Action::Connect {
            connection,
            endpoint: endpoint.clone(),
            trust: Trust::Provisional,
            identity: Some(self.identity()),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Connecting {
            connection,
            endpoint,
            again,
        };
    }

    fn identity(&self) -> (String, Vec<Der>) {
        let mut chain = alloc::vec![self.config.device.certificate().clone()];
        chain.extend(self.config.device_chain.iter().cloned());
        (self.config.device_key.clone(), chain)
    }

    fn connected(
        &mut self,
        peer: Peer,
        again: Option<Box<Join>>,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let Some(certificate) = peer.presented.certificates.first() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        self.desk.tell(
            now,
            Step::Provisional {
                certificate: Digest::of(certificate),
            },
        );
        if let Some(mut join) = again {
            // The request names the registrar that was seen.
            if join.peer.presented.certificates != peer.presented.certificates {
                return Err(JourneyError::CertificatesChanged {
                    endpoint: peer.endpoint,
                });
            }
            join.peer = peer;
            self.ask(*join, now);
            return Ok(());
        }
        let id = self.desk.id();
        self.desk.act(
            Action::Random {
                id,
                octets: brski::limits::NONCE,
            },
            now,
        );
        self.phase = Phase::Drawing { id, peer };
        Ok(())
    }

    fn sign(&mut self, peer: Peer, random: &[u8], now: Timestamp) -> Result<(), JourneyError> {
        let Some(registrar) = peer.presented.certificates.first() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        let time = (self.config.profile.clock == Clock::Synchronized).then_some(now.unix);
        let request = brski::pledge_request(&self.config.device, registrar, random, time)?;
        let nonce = request.nonce.clone().unwrap_or_default();
        let (key, chain) = self.identity();
        let to_sign = ToSign::new(&request.to_json()?, ContentKind::JsonVoucher, &chain, time)
            .map_err(VoucherRequestError::from)?;
        let id = self.desk.id();
        let octets = to_sign.octets().into();
        self.desk.act(Action::Sign { id, key, octets }, now);
        self.phase = Phase::Signing {
            id,
            peer,
            nonce,
            to_sign: Box::new(to_sign),
        };
        Ok(())
    }

    /// Sends the voucher request, the first time or again: always the same one (RFC 8995 section 5.6).
    fn ask(&mut self, mut join: Join, now: Timestamp) {
        join.id = self.desk.id();
        let body: Der = if self.config.base64 {
            crate::enrolment::est::encode(&join.request)
                .into_bytes()
                .into()
        } else {
            join.request.clone()
        };
        let action = Action::Exchange {
            id: join.id,
            connection: join.peer.connection,
            request: HttpRequest::post(
                join.path.clone(),
                brski::VOUCHER_CMS,
                brski::VOUCHER_CMS,
                body,
            ),
            authorized: false,
        };
        self.desk.act(action, now);
        self.phase = Phase::Requesting(Box::new(join));
    }

    /// What the registrar answered to the voucher request.
    fn voucher(
        &mut self,
        mut join: Join,
        reply: &HttpReply,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let endpoint = join.peer.endpoint.clone();
        match class(&endpoint, reply, now.unix)? {
            Class::Success => self.imprint(join, reply, now),
            Class::Pending { seconds } => {
                let waited = now.boot.saturating_sub(join.since.boot) / 1_000;
                if waited >= limits::VOUCHER_SECONDS {
                    return Err(JourneyError::PendingTooLong {
                        path: join.path,
                        seconds: waited,
                        limit: limits::VOUCHER_SECONDS,
                        reference: "RFC 8995 5.6",
                    });
                }
                let seconds = seconds.min(limits::VOUCHER_WAIT_SECONDS);
                self.desk
                    .wait(seconds, "the registrar has no voucher yet", now);
                join.waited = true;
                self.phase = Phase::Waiting(Box::new(join));
                Ok(())
            }
            Class::Redirect { endpoint: to, path } => {
                if to == endpoint {
                    let limit = crate::enrolment::est::limits::REDIRECTS;
                    if join.redirects >= limit {
                        return Err(JourneyError::Redirects { endpoint, limit });
                    }
                    join.redirects += 1;
                    join.path = path;
                    self.ask(join, now);
                    return Ok(());
                }
                let limit = limits::VOUCHER_REDIRECTS;
                if self.redirected >= limit {
                    return Err(JourneyError::OtherOrigin { from: endpoint, to });
                }
                // Another registrar: the request must name the one that is seen there, so it is made anew.
                self.redirected += 1;
                self.path = path;
                self.desk.close(join.peer.connection);
                self.connect(to, None, now);
                Ok(())
            }
            Class::Unauthorized { .. } | Class::Other => Err(JourneyError::NoVoucher {
                endpoint,
                status: reply.status,
            }),
        }
    }

    /// Checks the voucher and the registrar against its pin, then has the policies judge the registrar.
    fn imprint(
        &mut self,
        join: Join,
        reply: &HttpReply,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let presented = reply.media_type();
        if presented != brski::VOUCHER_CMS {
            return Err(JourneyError::Reply(ReplyError::ContentType {
                presented: crate::enrolment::quoted(&presented, 100),
                expected: brski::VOUCHER_CMS,
            }));
        }
        let algorithms = self.config.algorithms;
        let checked = (|| {
            let cms = voucher_octets(&reply.body)?;
            let expected = Expected {
                device: &self.config.device,
                nonce: &join.nonce,
                nonceless: self.config.nonceless,
                now: now.unix,
                clock: &self.config.profile.clock,
                anchors: &self.config.manufacturer,
            };
            let accepted = brski::check_voucher(&cms, &expected, algorithms).map_err(Box::new)?;
            // Without a clock the voucher's date is a time that it certainly is by now.
            let time = match (&self.config.profile.clock, accepted.not_before) {
                (Clock::Synchronized, _) | (_, None) => now.unix,
                (_, Some(not_before)) => not_before.max(now.unix),
            };
            let pin = &accepted.voucher.pinned_domain_cert;
            let matched =
                brski::check_pin(pin, &join.peer.presented.certificates, time, algorithms)?;
            Ok((cms, accepted, matched))
        })();
        let (cms, accepted, matched) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                self.report_voucher(&join.peer, false, now);
                return Err(error);
            }
        };
        self.desk.tell(
            now,
            Step::Voucher {
                assertion: accepted.voucher.assertion.as_str().into(),
                pin: matched.as_str().into(),
                waived: accepted.waived.iter().map(|w| w.as_str().into()).collect(),
            },
        );
        let anchors = explicit([accepted.voucher.pinned_domain_cert.clone()].into());
        let facts = Facts {
            domain: None,
            reference_ids: Vec::new(),
            server: join.peer.server.as_ref(),
            presented: join.peer.presented.clone(),
            anchors: &anchors,
            crls: &[],
        };
        let request = self
            .config
            .profile
            .request(Purpose::Registrar, facts, now.unix);
        let generation = self.config.profile.generation;
        let (id, request) = judge(request, generation, &mut self.desk, now)?;
        let imprint = Imprint {
            peer: join.peer,
            accepted: Box::new(accepted),
            voucher: cms.into(),
        };
        self.phase = Phase::Imprinting {
            id,
            request,
            imprint,
        };
        Ok(())
    }

    /// Sends a status and gives the exchange's name. What the registrar says to it does not matter (RFC 8995 section 5.7).
    fn tell_registrar(
        &mut self,
        connection: u32,
        path: &str,
        ok: bool,
        reason: Option<&str>,
        now: Timestamp,
    ) -> u32 {
        let id = self.desk.id();
        let json = "application/json";
        let request = HttpRequest::post(path, json, json, brski::status(ok, reason));
        let action = Action::Exchange {
            id,
            connection,
            request,
            authorized: false,
        };
        self.desk.act(action, now);
        id
    }

    fn report_voucher(&mut self, peer: &Peer, ok: bool, now: Timestamp) {
        let reason = (!ok).then_some("the voucher or the registrar was not accepted");
        self.tell_registrar(peer.connection, brski::VOUCHER_STATUS, ok, reason, now);
    }

    fn collect(&mut self, imprint: Imprint, now: Timestamp) -> Result<(), JourneyError> {
        let method = ServerAuthentication::Voucher;
        self.desk.tell(now, Step::Authenticated { method });
        // Where `/cacerts` gives nothing, the pin remains the anchor (RFC 8995 section 5.9.1 has a SHOULD).
        let pin = Anchor {
            certificate: imprint.accepted.voucher.pinned_domain_cert.clone(),
            source: AnchorSource::Voucher,
        };
        let ids = reference_ids(&imprint.peer.presented);
        let ids = ids
            .into_iter()
            .map(crate::judgement::ReferenceId::DnsId)
            .collect();
        let fallback = Fallback::Explicit([pin].into());
        let peer = imprint.peer.clone();
        let profile = &self.config.profile;
        let collect = Collect::begin(profile, peer, ids, true, fallback, &mut self.desk, now)?;
        self.phase = Phase::Collecting {
            imprint,
            collect: Box::new(collect),
        };
        Ok(())
    }

    fn enrol(&mut self, imprint: Imprint, collected: Collected, now: Timestamp) {
        let Imprint { peer, voucher, .. } = imprint;
        let certificates = &peer.presented.certificates;
        let est = EstServer {
            endpoint: peer.endpoint.clone(),
            label: self.config.profile.label.clone(),
            reference_ids: reference_ids(&peer.presented),
            authentication: ServerAuthentication::Voucher,
            certificate: certificates
                .first()
                .cloned()
                .unwrap_or_else(|| [].as_slice().into()),
        };
        let mut enrolment = Enrolment::new(est, AnchorDatabase::Explicit, now.unix);
        enrolment.voucher = Some(voucher);
        enrolment.anchors_suffice = self.config.profile.anchors_suffice;
        adopt(&mut enrolment, collected);
        let subject = self.config.subject.clone().unwrap_or_else(|| {
            let subject = crate::certificate::subject(self.config.device.certificate());
            Subject::Name(subject.unwrap_or_default().into())
        });
        let label = self.config.profile.label.clone();
        let enrol = Enrol::begin(
            Want::First(subject),
            label,
            peer.clone(),
            &mut self.desk,
            now,
        );
        self.phase = Phase::Enrolling {
            peer,
            enrolment: Box::new(enrolment),
            enrol: Box::new(enrol),
            storing: None,
        };
    }

    fn enrolling(
        &mut self,
        peer: Peer,
        mut enrolment: Box<Enrolment>,
        mut enrol: Box<Enrol>,
        mut storing: Option<u32>,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        if let Event::Stored { id, problem } = event
            && storing == Some(*id)
        {
            storing = None;
            if let Some(problem) = problem {
                self.desk
                    .tell(now, without("a record of the pending request", problem));
            }
        }
        let enrolled = enrol.handle(event, &mut self.desk, now);
        match enrolled {
            Ok(Some(Enrolled::Issued(identity))) => {
                self.reconnect(&peer, identity, enrolment, now);
                return Ok(());
            }
            Ok(Some(Enrolled::Pending(pending))) => {
                enrolment.pending = Some(pending);
                let id = self.desk.id();
                // Stored beside the wait, whose deadline stays.
                let deadline = self.desk.deadline;
                self.desk.act(
                    Action::Store {
                        id,
                        enrolment: enrolment.clone(),
                    },
                    now,
                );
                self.desk.deadline = deadline;
                storing = Some(id);
            }
            Ok(None) => {}
            Err(error) => {
                let reason = Some("the certificate was not issued");
                self.tell_registrar(peer.connection, brski::ENROL_STATUS, false, reason, now);
                return Err(error);
            }
        }
        self.phase = Phase::Enrolling {
            peer,
            enrolment,
            enrol,
            storing,
        };
        Ok(())
    }

    /// A pending request is sent again over a connection of its own: no server keeps one open for hours.
    fn resume(&mut self, peer: Peer, enrolment: Box<Enrolment>, enrol: Box<Enrol>, now: Timestamp) {
        self.desk.close(peer.connection);
        let connection = self.desk.id();
        let chain = peer.presented.certificates;
        let action = Action::Connect {
            connection,
            endpoint: peer.endpoint,
            trust: Trust::Same {
                certificates: chain.clone(),
            },
            identity: Some(self.identity()),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Resuming {
            connection,
            chain,
            enrolment,
            enrol,
        };
    }

    /// RFC 8995 section 5.9.4: success is told on a new connection, with the new certificate.
    fn reconnect(
        &mut self,
        peer: &Peer,
        identity: LocalIdentity,
        mut enrolment: Box<Enrolment>,
        now: Timestamp,
    ) {
        let certificate = Digest::of(&identity.certificate);
        self.desk.tell(now, Step::Issued { certificate });
        self.desk.close(peer.connection);
        let mut chain = alloc::vec![identity.certificate.clone()];
        chain.extend(identity.chain.iter().cloned());
        let key = identity.key.clone();
        enrolment.identity = Some(identity);
        enrolment.pending = None;
        let connection = self.desk.id();
        let seen = peer.presented.certificates.clone();
        let action = Action::Connect {
            connection,
            endpoint: peer.endpoint.clone(),
            trust: Trust::Same {
                certificates: seen.clone(),
            },
            identity: Some((key, chain)),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Reconnecting {
            connection,
            chain: seen,
            enrolment,
        };
    }

    fn store(&mut self, enrolment: Box<Enrolment>, now: Timestamp) {
        let id = self.desk.id();
        self.desk.act(
            Action::Store {
                id,
                enrolment: enrolment.clone(),
            },
            now,
        );
        self.phase = Phase::Storing { id, enrolment };
    }

    /// A wait is over, or a driver did not answer.
    fn due(&mut self, now: Timestamp) {
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        let step = match phase {
            Phase::Waiting(join) => {
                self.ask(*join, now);
                return;
            }
            Phase::Enrolling {
                peer,
                enrolment,
                enrol,
                ..
            } if enrol.is_waiting() => {
                self.resume(peer, enrolment, enrol, now);
                return;
            }
            Phase::Reconnecting {
                connection,
                enrolment,
                ..
            }
            | Phase::Reporting {
                connection,
                enrolment,
                ..
            } => {
                self.desk.close(connection);
                self.store(enrolment, now);
                return;
            }
            ref other => match other {
                Phase::Finding { .. } => "looking for registrars",
                Phase::Connecting { .. } => "connecting",
                Phase::Drawing { .. } => "drawing a nonce",
                Phase::Signing { .. } => "signing the voucher request",
                Phase::Requesting(_) => "asking for a voucher",
                Phase::Imprinting { .. } => "judging the registrar",
                Phase::Collecting { .. } => "fetching certificates",
                Phase::Enrolling { .. } | Phase::Resuming { .. } => "asking for a certificate",
                Phase::Storing { .. } => "storing",
                _ => {
                    self.phase = phase;
                    return;
                }
            },
        };
        self.phase = phase;
        self.next_after(overdue(step, limits::PATIENCE_MILLISECONDS), now);
    }

    /// Each failure leads back to discovery (RFC 8995 section 2.1): the next registrar, or the end.
    fn next_after(&mut self, error: JourneyError, now: Timestamp) {
        if matches!(self.phase, Phase::Failed | Phase::Done) {
            return;
        }
        if let Some(connection) = self.connection.take() {
            self.desk.close(connection);
        }
        if matches!(
            error,
            JourneyError::Keys { .. } | JourneyError::Store { .. }
        ) {
            self.servers.clear();
        }
        if !self.servers.is_empty() {
            self.desk.tell(now, Step::Failed(alloc::format!("{error}")));
        }
        self.last = Some(error);
        self.next_server(now);
    }

    fn next_server(&mut self, now: Timestamp) {
        match self.servers.pop_front() {
            Some(endpoint) => self.begin_at(endpoint, now),
            None => {
                self.phase = Phase::Failed;
                let error = self.last.take().unwrap_or(JourneyError::NoServer);
                self.desk.fail(error, now);
            }
        }
    }
}

/// DER as the standard says, base64 as some registrars have it.
fn voucher_octets(body: &[u8]) -> Result<Vec<u8>, JourneyError> {
    crate::enrolment::est::decode(body, brski::limits::CMS_OCTETS)
        .map_err(|error| JourneyError::Reply(ReplyError::Body(error)))
}

/// The DNS-IDs by which the registrar is known at the next attachment; none where it is one by id-kp-cmcRA alone.
fn reference_ids(presented: &Presented) -> Vec<String> {
    presented
        .certificates
        .first()
        .map(|der| dns_ids(der))
        .unwrap_or_default()
}
