//! The session while an authenticated server says something about itself (RFC 9606), and somebody else about it: a signed privacy
//! statement.

use alloc::{
    string::{String, ToString as _},
    sync::Arc,
    vec,
    vec::Vec,
};

use super::{
    Action, Authenticated, Fetched, LookupFailure, Response, Session, Step, Timestamp, TokenSource,
    limits::{FETCH_MILLISECONDS, INFORM_MILLISECONDS},
    machine::Peer,
    race::{Progress, Runner},
    serving::is_authenticated,
};
use crate::{
    certificate::{self, privacy::PrivacyStatement},
    discovery::{DomainName, resinfo},
    endpoint::Endpoint,
    judgement::{Der, Judgement, Purpose, ReferenceId, Request, UsageProfile, Verdict},
    privacy_token::{PrivacyToken, RESOLVER_INFO_KEY, TokenError, limits::TOKEN_OCTETS},
};

/// Characters that are shown of what comes from elsewhere: a URL that is none, a problem.
const SHOWN: usize = 200;

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
            return self.look_for_token(peer, validation, now);
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
            (Response::Message(message), Ok(name)) => {
                resinfo::read(&message, &name, None).map_err(|error| error.to_string())
            }
            (
                Response::Validated {
                    message,
                    validation,
                },
                Ok(name),
            ) => {
                resinfo::read(&message, &name, Some(&validation)).map_err(|error| error.to_string())
            }
            (Response::Failed(LookupFailure::TimedOut), _) => {
                Err("it did not answer in time".into())
            }
            (
                Response::Failed(
                    LookupFailure::Unreachable { detail }
                    | LookupFailure::Unvalidated { detail }
                    | LookupFailure::Other { detail },
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
                self.look_for_token(peer, validation, now);
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
        self.look_for_token(peer, validation, now);
    }

    /// Goes on with a peer that said what it says: fetches the signed statement that it names, where that is wanted and an
    /// authority accepted.
    fn look_for_token(&mut self, peer: Peer, validation: Judgement<Verdict>, now: Timestamp) {
        let sources = self.config.privacy_token.iter();
        let url = sources
            .filter(|_| is_authenticated(&validation))
            .find_map(|source| token_url(source, &peer.request));
        let Some(url) = url else {
            return self.assess(peer, validation, now);
        };
        let endpoint = match Endpoint::parse(&url) {
            Ok((endpoint, _)) => endpoint,
            Err(error) => {
                // What is shown and judged of it is bounded.
                let url = url.chars().take(SHOWN).collect();
                return self.token_came(peer, validation, url, Err(error.to_string()), now);
            }
        };
        let request = Request {
            clock: self.config.clock.clone(),
            usage_profile: UsageProfile::Strict,
            network_identity: self.config.network_identity.clone(),
            reference_ids: vec![match endpoint.host().parse() {
                Ok(address) => ReferenceId::IpId(address),
                Err(_) => ReferenceId::DnsId(endpoint.host().into()),
            }],
            anchors: Arc::clone(&peer.request.anchors),
            crls: peer.request.crls.clone(),
            ..Request::new(Purpose::PrivacyTokenServer, now.unix)
        };
        self.act(Action::Fetch {
            attempt: peer.attempt,
            url: url.clone(),
            request: Arc::new(request),
        });
        let deadline = now.elapsed(FETCH_MILLISECONDS);
        self.advance(
            peer,
            Progress::Fetching {
                validation,
                url,
                deadline,
            },
        );
    }

    /// See [`super::Event::Fetched`].
    pub(super) fn fetched(&mut self, attempt: u32, fetched: Fetched, now: Timestamp) {
        let Some(Runner {
            peer,
            progress: Progress::Fetching {
                validation, url, ..
            },
        }) = self.runner(attempt)
        else {
            return;
        };
        let token = match fetched {
            Fetched::Octets(token) if token.len() <= TOKEN_OCTETS => Ok(token),
            Fetched::Octets(token) => Err(TokenError::TooLong {
                octets: token.len(),
            }
            .to_string()),
            Fetched::Failed { detail } => Err(detail),
        };
        self.token_came(peer, validation, url, token, now);
    }

    /// Has a server assessed with its signed statement, or with the reason why there is none.
    pub(super) fn token_came(
        &mut self,
        peer: Peer,
        validation: Judgement<Verdict>,
        url: String,
        token: Result<Der, String>,
        now: Timestamp,
    ) {
        let (token, problem) = match token {
            Ok(token) => (Some(token), None),
            Err(problem) => (None, Some(problem.chars().take(SHOWN).collect::<String>())),
        };
        self.tell(
            now,
            Step::Fetched {
                attempt: peer.attempt,
                url: url.clone(),
                problem: problem.clone(),
            },
        );
        let request = Request {
            privacy_token: Some(PrivacyToken {
                url,
                token,
                problem,
            }),
            ..(*peer.request).clone()
        };
        let peer = Peer {
            request: Arc::new(request),
            ..peer
        };
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

/// The URL of a signed statement, as this source says it.
fn token_url(source: &TokenSource, request: &Request) -> Option<String> {
    match source {
        TokenSource::ResolverInfo => {
            let keys = resinfo::keys(request.resolver_info.as_ref()?).ok()?;
            let named = keys.into_iter().find(|(key, _)| key == RESOLVER_INFO_KEY);
            named?.1
        }
        TokenSource::Extension(oid) => {
            let certificate = request.presented.certificates.first()?;
            match certificate::privacy_statement(certificate, oid).ok()?? {
                PrivacyStatement::Policy(policy) => policy.policy_url,
                PrivacyStatement::None => None,
            }
        }
    }
}
