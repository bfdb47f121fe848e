//! What every journey does at an authenticated EST server: fetch certificates of authorities, revocation lists and
//! certificates of peers, and have everything judged before it counts.

use alloc::{collections::VecDeque, string::String, sync::Arc, vec::Vec};

use super::{
    Action, Event, JourneyError, Profile, Step,
    desk::{Desk, without},
    limits,
    profile::{Facts, Known, explicit},
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Anchor, AnchorSource,
        est::{
            self, Answer, CaCertificates, DnsServerIdentity, EndEntityError, Endpoint, HttpRequest,
            Operation, Outcome, PackageType, Pal,
        },
    },
    judgement::{
        AnchorSet, Der, Digest, Judgement, Presented, Purpose, ReferenceId, Request, Server,
        Verdict, limits::PRESENTED,
    },
};

/// Whom a journey is connected to.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) connection: u32,
    pub(super) endpoint: Endpoint,
    pub(super) server: Option<Server>,
    pub(super) presented: Presented,
    pub(super) binding: Option<Der>,
}

/// An exchange under way. Redirects to the same server are followed silently, others end it (RFC 7030 section 3.2.1).
#[derive(Debug, Clone)]
pub(super) struct Asked {
    id: u32,
    operation: Operation,
    request: HttpRequest,
    redirects: u32,
    /// Whether the body went out folded: some servers read no long line and answer 400.
    folded: bool,
}

impl Asked {
    pub(super) fn begin(
        operation: Operation,
        label: Option<&est::CaLabel>,
        body: Option<&[u8]>,
        peer: &Peer,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Self {
        let path = operation.path(label);
        let request = match (operation.content_type(), body) {
            (Some(content_type), Some(der)) => {
                let mut text = est::encode(der);
                // The final line feed is for clients; there are servers that do not decode it.
                text.pop();
                HttpRequest::post(path, operation.accept(), content_type, text.into_bytes())
            }
            _ => HttpRequest::get(path, operation.accept()),
        };
        let mut asked = Self {
            id: 0,
            operation,
            request,
            redirects: 0,
            folded: false,
        };
        asked.send(peer, desk, now);
        asked
    }

    /// Asks for what is at a path of the peer's.
    fn at(
        operation: Operation,
        path: String,
        peer: &Peer,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Self {
        let mut asked = Self {
            id: 0,
            operation,
            request: HttpRequest::get(path, operation.accept()),
            redirects: 0,
            folded: false,
        };
        asked.send(peer, desk, now);
        asked
    }

    pub(super) fn send(&mut self, peer: &Peer, desk: &mut Desk, now: Timestamp) {
        self.id = desk.id();
        desk.act(
            Action::Exchange {
                id: self.id,
                connection: peer.connection,
                request: self.request.clone(),
                authorized: true,
            },
            now,
        );
    }

    /// What came of it; `None` when it goes on or the event is another's.
    pub(super) fn handle(
        &mut self,
        event: &Event,
        peer: &Peer,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Option<Result<Outcome, JourneyError>> {
        let path = || self.request.path.clone();
        match event {
            Event::ExchangeFailed { id, detail } if *id == self.id => {
                Some(Err(JourneyError::Exchange {
                    path: path(),
                    detail: crate::enrolment::quoted(detail, 200),
                }))
            }
            Event::Replied { id, reply } if *id == self.id => {
                if reply.status == 400 && !self.request.body.is_empty() && !self.folded {
                    self.folded = true;
                    self.request.body = est::folded(&self.request.body).into();
                    self.send(peer, desk, now);
                    return None;
                }
                match est::classify(self.operation, &peer.endpoint, reply, now.unix) {
                    Ok(Outcome::Redirect {
                        endpoint,
                        path,
                        same_origin,
                    }) => {
                        if !same_origin {
                            return Some(Err(JourneyError::OtherOrigin {
                                from: peer.endpoint.clone(),
                                to: endpoint,
                            }));
                        }
                        if self.redirects >= est::limits::REDIRECTS {
                            return Some(Err(JourneyError::Redirects {
                                endpoint,
                                limit: est::limits::REDIRECTS,
                            }));
                        }
                        self.redirects += 1;
                        self.request.path = path;
                        self.send(peer, desk, now);
                        None
                    }
                    Ok(Outcome::Unauthorized { .. }) => {
                        Some(Err(JourneyError::Unauthorized { path: path() }))
                    }
                    Ok(outcome) => Some(Ok(outcome)),
                    Err(reason) => Some(Err(JourneyError::Reply {
                        endpoint: peer.endpoint.clone(),
                        path: path(),
                        reason,
                    })),
                }
            }
            _ => None,
        }
    }
}

/// What was fetched and accepted.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    pub(super) set: Arc<AnchorSet>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) intermediates: Vec<Der>,
    pub(super) crls: Vec<Der>,
    pub(super) dns: Option<DnsServerIdentity>,
}

/// Where the anchors come from when `/cacerts` gives none.
#[derive(Debug, Clone)]
pub(super) enum Fallback {
    /// There are none.
    None,
    /// The system's.
    Implicit(Arc<AnchorSet>),
    /// These.
    Explicit(Vec<Anchor>),
}

/// Fetching and judging.
#[derive(Debug, Clone)]
pub(super) struct Collect {
    profile: Profile,
    peer: Peer,
    known: Known,
    fallback: Fallback,
    found: Collected,
    /// Where a package availability list has revocation lists and certificates of peers.
    places: Places,
    stage: Stage,
}

/// Paths at the server, in its order.
#[derive(Debug, Clone, Default)]
struct Places {
    crls: VecDeque<String>,
    end_entities: VecDeque<String>,
}

#[derive(Debug, Clone)]
enum Stage {
    CaCerts(Asked),
    Pal(Asked),
    Crls(Asked),
    Server {
        id: u32,
        request: Arc<Request>,
    },
    EeCerts(Asked, Vec<Der>),
    EndEntity {
        id: u32,
        request: Arc<Request>,
        waiting: VecDeque<Der>,
        accepted: Vec<Der>,
        dns: DnsServerIdentity,
        refusal: Option<JourneyError>,
    },
    Done,
}

impl Collect {
    /// Begins. `peer` is authenticated, and `known` says how.
    pub(super) fn begin(
        profile: &Profile,
        peer: Peer,
        known: Known,
        asks_ca: bool,
        fallback: Fallback,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<Self, JourneyError> {
        let mut collect = Self {
            profile: profile.clone(),
            peer,
            known,
            fallback,
            found: Collected {
                set: Arc::default(),
                anchors: Vec::new(),
                intermediates: Vec::new(),
                crls: Vec::new(),
                dns: None,
            },
            places: Places::default(),
            stage: Stage::Done,
        };
        if asks_ca {
            collect.stage = Stage::CaCerts(collect.ask(Operation::CaCerts, desk, now));
        } else {
            collect.fall_back()?;
            collect.after_anchors(desk, now)?;
        }
        Ok(collect)
    }

    fn ask(&self, operation: Operation, desk: &mut Desk, now: Timestamp) -> Asked {
        let label = self.profile.label.as_ref();
        Asked::begin(operation, label, None, &self.peer, desk, now)
    }

    /// As [`Self::ask`], at the place that the server named, if it did.
    fn ask_at(
        &self,
        operation: Operation,
        place: Option<String>,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Asked {
        match place {
            Some(path) => Asked::at(operation, path, &self.peer, desk, now),
            None => self.ask(operation, desk, now),
        }
    }

    /// Takes an event; the result when everything is there.
    pub(super) fn handle(
        &mut self,
        event: &Event,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Option<Result<Collected, JourneyError>> {
        match self.step(event, desk, now) {
            Ok(true) => Some(Ok(self.found.clone())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn step(
        &mut self,
        event: &Event,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<bool, JourneyError> {
        match &mut self.stage {
            Stage::CaCerts(asked) => {
                if let Some(outcome) = asked.handle(event, &self.peer, desk, now) {
                    self.ca_certificates(outcome, desk, now)?;
                    self.after_anchors(desk, now)?;
                }
            }
            Stage::Pal(asked) => {
                if let Some(outcome) = asked.handle(event, &self.peer, desk, now) {
                    match outcome {
                        Ok(Outcome::Answer(Answer::Pal(pal))) => self.places(&pal, desk, now),
                        // Without a list everything is where it always is.
                        Ok(_) => desk.tell(now, without("pal", &"the server has none")),
                        Err(error) => desk.tell(now, without("pal", &error)),
                    }
                    self.ask_crls(desk, now)?;
                }
            }
            Stage::Crls(asked) => {
                if let Some(outcome) = asked.handle(event, &self.peer, desk, now) {
                    // Whether a path may be valid without revocation lists is for policies to say.
                    match outcome {
                        Ok(Outcome::Answer(Answer::Crls(crls))) => {
                            desk.tell(now, Step::Crls(crls.len()));
                            self.found.crls.extend(crls);
                        }
                        Ok(_) => desk.tell(now, without("crls", &"the server has none")),
                        Err(error) => desk.tell(now, without("crls", &error)),
                    }
                    match self.places.crls.pop_front() {
                        Some(path) => {
                            let asked = Asked::at(Operation::Crls, path, &self.peer, desk, now);
                            self.stage = Stage::Crls(asked);
                        }
                        None => self.judge_server(desk, now)?,
                    }
                }
            }
            Stage::Server { id, request } => {
                if let Some(judgement) = judged(event, *id) {
                    let request = Arc::clone(request);
                    desk.accepts(&request, self.profile.generation, judgement, now)?;
                    let place = self.places.end_entities.pop_front();
                    let asked = self.ask_at(Operation::EeCerts, place, desk, now);
                    self.stage = Stage::EeCerts(asked, Vec::new());
                }
            }
            Stage::EeCerts(asked, found) => {
                if let Some(outcome) = asked.handle(event, &self.peer, desk, now) {
                    if let Outcome::Answer(Answer::Certificates(certificates)) = outcome? {
                        found.extend(certificates);
                    }
                    match self.places.end_entities.pop_front() {
                        Some(path) => {
                            *asked = Asked::at(Operation::EeCerts, path, &self.peer, desk, now);
                        }
                        None => {
                            let certificates = core::mem::take(found);
                            return self.end_entities(&certificates, desk, now);
                        }
                    }
                }
            }
            Stage::EndEntity {
                id,
                request,
                accepted,
                refusal,
                ..
            } => {
                if let Some(judgement) = judged(event, *id) {
                    match desk.accepts(request, self.profile.generation, judgement, now) {
                        Ok(()) => accepted.extend(request.presented.certificates.first().cloned()),
                        Err(error @ JourneyError::Refused { .. }) => *refusal = Some(error),
                        Err(error) => return Err(error),
                    }
                    return self.next_end_entity(desk, now);
                }
            }
            Stage::Done => {}
        }
        Ok(false)
    }

    fn ca_certificates(
        &mut self,
        outcome: Result<Outcome, JourneyError>,
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let certificates = match outcome {
            Ok(Outcome::Answer(Answer::Certificates(certificates))) => certificates,
            Ok(_) => Vec::new(),
            // Every server has to have it; one that is a front for an older one may not.
            Err(error) if is_absent(&error) && !matches!(self.fallback, Fallback::None) => {
                desk.tell(now, without("cacerts", &error));
                return self.fall_back();
            }
            // Anything else but 200 ends it (RFC 7030 section 4.1.3).
            Err(error) => return Err(error),
        };
        let sorted = est::sort_ca_certificates(certificates);
        let others = sorted.intermediates().count() + sorted.others.len();
        desk.tell(
            now,
            Step::CaCertificates {
                roots: sorted.roots.len(),
                others,
            },
        );
        self.found.intermediates = sorted.intermediates().cloned().collect();
        let CaCertificates { roots, .. } = sorted;
        if roots.is_empty() {
            return self.fall_back();
        }
        self.found.set = explicit(roots.clone());
        let anchor = |certificate| Anchor {
            certificate,
            source: AnchorSource::CaCerts,
        };
        self.found.anchors = roots.into_iter().map(anchor).collect();
        Ok(())
    }

    fn fall_back(&mut self) -> Result<(), JourneyError> {
        match &self.fallback {
            Fallback::None => return Err(JourneyError::NoAnchors),
            Fallback::Implicit(set) => self.found.set = Arc::clone(set),
            Fallback::Explicit(anchors) => {
                let certificates = anchors.iter().map(|anchor| anchor.certificate.clone());
                self.found.set = explicit(certificates.collect());
                self.found.anchors.clone_from(anchors);
            }
        }
        if self.found.set.certificates().is_empty() {
            return Err(JourneyError::NoAnchors);
        }
        Ok(())
    }

    fn after_anchors(&mut self, desk: &mut Desk, now: Timestamp) -> Result<(), JourneyError> {
        if self.profile.pal {
            self.stage = Stage::Pal(self.ask(Operation::Pal, desk, now));
            return Ok(());
        }
        self.ask_crls(desk, now)
    }

    fn ask_crls(&mut self, desk: &mut Desk, now: Timestamp) -> Result<(), JourneyError> {
        if self.profile.crls {
            let place = self.places.crls.pop_front();
            self.stage = Stage::Crls(self.ask_at(Operation::Crls, place, desk, now));
            return Ok(());
        }
        self.judge_server(desk, now)
    }

    /// Keeps what a list says about this server; another one needs the user's consent (RFC 7030 section 3.2.1).
    fn places(&mut self, pal: &Pal, desk: &mut Desk, now: Timestamp) {
        let Places { crls, end_entities } = &mut self.places;
        for (kind, places) in [
            (PackageType::EndEntityCertificate, end_entities),
            (PackageType::Crl, crls),
        ] {
            for uri in pal.uris(&kind) {
                match self.peer.endpoint.resolve(uri) {
                    Ok((endpoint, path)) if endpoint == self.peer.endpoint => {
                        places.push_back(path)
                    }
                    Ok((endpoint, _)) => {
                        let reason = alloc::format!("it is at another server, `{endpoint}`");
                        desk.tell(now, without("a package", &reason));
                    }
                    Err(error) => desk.tell(now, without("a package", &error)),
                }
            }
            places.truncate(limits::PACKAGES);
        }
    }

    fn judge_server(&mut self, desk: &mut Desk, now: Timestamp) -> Result<(), JourneyError> {
        let facts = Facts {
            known: &self.known,
            domain: None,
            reference_ids: self.known.reference_ids.clone(),
            server: self.peer.server.as_ref(),
            presented: self.peer.presented.clone(),
            anchors: &self.found.set,
            crls: &self.found.crls,
        };
        let request = self.profile.request(Purpose::EstServer, facts, now.unix);
        let (id, request) = judge(request, self.profile.generation, desk, now)?;
        self.stage = Stage::Server { id, request };
        Ok(())
    }

    fn end_entities(
        &mut self,
        certificates: &[Der],
        desk: &mut Desk,
        now: Timestamp,
    ) -> Result<bool, JourneyError> {
        desk.tell(now, Step::EndEntities(certificates.len()));
        let dns = match est::dns_server(certificates, self.profile.domain.as_deref()) {
            Ok(dns) => dns,
            Err(error @ EndEntityError::NoSrvId { .. }) if self.profile.anchors_suffice => {
                desk.tell(now, without("eecerts", &error));
                self.stage = Stage::Done;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        self.stage = Stage::EndEntity {
            id: u32::MAX,
            request: Arc::new(Request::new(Purpose::ConveyedEndEntity, now.unix)),
            waiting: dns.certificates.iter().cloned().collect(),
            accepted: Vec::new(),
            dns,
            refusal: None,
        };
        self.next_end_entity(desk, now)
    }

    /// Has the next certificate judged, or ends. One that is refused is left out (RFC 8295 section 3.2); when none is left,
    /// the refusal ends it.
    fn next_end_entity(&mut self, desk: &mut Desk, now: Timestamp) -> Result<bool, JourneyError> {
        let Stage::EndEntity {
            id,
            request,
            waiting,
            accepted,
            dns,
            refusal,
        } = &mut self.stage
        else {
            return Ok(false);
        };
        if let Some(certificate) = waiting.pop_front() {
            let mut certificates: Vec<Der> = [certificate].into();
            certificates.extend(self.found.intermediates.iter().cloned());
            certificates.truncate(PRESENTED);
            let facts = Facts {
                known: &self.known,
                domain: Some(&dns.authentication_domain_name),
                reference_ids: [ReferenceId::SrvId(String::from(dns.srv_id.clone()))].into(),
                server: None,
                presented: Presented {
                    certificates,
                    ocsp_response: None,
                },
                anchors: &self.found.set,
                crls: &self.found.crls,
            };
            let asked = self
                .profile
                .request(Purpose::ConveyedEndEntity, facts, now.unix);
            (*id, *request) = judge(asked, self.profile.generation, desk, now)?;
            return Ok(false);
        }
        if accepted.is_empty() {
            return Err(refusal.take().unwrap_or(JourneyError::NoAnchors));
        }
        let dns = DnsServerIdentity {
            certificates: core::mem::take(accepted),
            ..dns.clone()
        };
        desk.tell(
            now,
            Step::DnsServer {
                authentication_domain_name: dns.authentication_domain_name.clone(),
                certificates: dns.certificates.iter().map(|der| Digest::of(der)).collect(),
            },
        );
        self.found.dns = Some(dns);
        self.stage = Stage::Done;
        Ok(true)
    }
}

/// Whether the server says that it has nothing of this kind.
pub(super) const fn is_absent(error: &JourneyError) -> bool {
    matches!(
        error,
        JourneyError::Reply {
            reason: est::ReplyError::Status {
                status: 204 | 404 | 501,
                ..
            },
            ..
        }
    )
}

/// The judgement of this name, if the event is it.
pub(super) const fn judged(event: &Event, name: u32) -> Option<&Judgement<Verdict>> {
    match event {
        Event::Judged { id, judgement } if *id == name => Some(judgement),
        _ => None,
    }
}

/// Asks the policies.
pub(super) fn judge(
    request: Request,
    generation: u64,
    desk: &mut Desk,
    now: Timestamp,
) -> Result<(u32, Arc<Request>), JourneyError> {
    request.check()?;
    let request = Arc::new(request);
    let id = desk.id();
    desk.act(
        Action::Judge {
            id,
            request: Arc::clone(&request),
            generation,
        },
        now,
    );
    Ok((id, request))
}
