//! The session while an authenticated server says something about itself (RFC 9606).

use alloc::{
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{
    Action, Authenticated, LookupFailure, Response, Session, Step, Timestamp,
    limits::INFORM_MILLISECONDS,
    machine::Peer,
    race::{Progress, Runner},
    serving::is_authenticated,
};
use crate::{
    discovery::{DomainName, resinfo},
    judgement::{Judgement, ReferenceId, Request, Verdict},
};

impl Session {
    /// Goes on with a peer whose validation counts: asks it about itself, where that is wanted and an authority accepted.
    pub(super) fn inform(&mut self, peer: Peer, validation: Judgement<Verdict>, now: Timestamp) {
        let name = match peer.request.peer() {
            Some(ReferenceId::DnsId(name)) => DomainName::parse(name).ok(),
            Some(ReferenceId::IpId(_)) => DomainName::parse("resolver.arpa").ok(),
            _ => None,
        };
        let wanted = self.config.resolver_info && is_authenticated(&validation);
        let Some(name) = name.filter(|_| wanted) else {
            return self.assess(peer, validation, now);
        };
        self.act(Action::Inform {
            attempt: peer.attempt,
            authenticated: Authenticated {
                server: peer.server.clone(),
                name,
            },
        });
        let deadline = now.elapsed(INFORM_MILLISECONDS);
        self.advance(
            peer,
            Progress::Informing {
                validation,
                deadline,
            },
        );
    }

    /// See [`super::Event::Informed`].
    pub(super) fn informed(&mut self, attempt: u32, response: Response, now: Timestamp) {
        let Some(Runner {
            peer,
            progress: Progress::Informing { validation, .. },
        }) = self.runner(attempt)
        else {
            return;
        };
        let name = match peer.request.peer() {
            Some(ReferenceId::DnsId(name)) => DomainName::parse(name),
            _ => DomainName::parse("resolver.arpa"),
        };
        let read = match (response, name) {
            (Response::Message(message) | Response::Validated { message, .. }, Ok(name)) => {
                resinfo::read(&message, &name).map_err(|error| error.to_string())
            }
            (Response::Failed(LookupFailure::TimedOut), _) => {
                Err("it did not answer in time".into())
            }
            (
                Response::Failed(
                    LookupFailure::Unreachable { detail } | LookupFailure::Other { detail },
                ),
                _,
            ) => Err(detail),
            (_, Err(problem)) => Err(problem.into()),
        };
        match read {
            Ok(info) => {
                let keys = resinfo::keys(&info).unwrap_or_default();
                let problem = None;
                self.tell(
                    now,
                    Step::Informed {
                        attempt,
                        keys,
                        problem,
                    },
                );
                let request = Request {
                    resolver_info: Some(info),
                    ..(*peer.request).clone()
                };
                let peer = Peer {
                    request: Arc::new(request),
                    ..peer
                };
                self.assess(peer, validation, now);
            }
            Err(problem) => self.told_nothing(peer, validation, problem, now),
        }
    }

    /// A server need not say anything: it is judged without it.
    pub(super) fn told_nothing(
        &mut self,
        peer: Peer,
        validation: Judgement<Verdict>,
        problem: String,
        now: Timestamp,
    ) {
        self.tell(
            now,
            Step::Informed {
                attempt: peer.attempt,
                keys: Vec::new(),
                problem: Some(problem),
            },
        );
        self.assess(peer, validation, now);
    }

    fn assess(&mut self, peer: Peer, validation: Judgement<Verdict>, now: Timestamp) {
        self.act(Action::Assess {
            attempt: peer.attempt,
            request: Arc::clone(&peer.request),
        });
        let deadline = Self::patience(now);
        self.advance(
            peer,
            Progress::Assessing {
                validation,
                deadline,
            },
        );
    }
}
