//! One handshake that policies judge: in full, or by resuming one that they judged before.
//!
//! A resumed session presents no certificate, and proves by its secret alone that the server is the one of before. So what was
//! presented then is judged anew, in the context of now, before a ticket is offered; a server that resumes counts as having
//! presented it again, and one that does not presents its certificates and is judged by them.

use std::sync::Arc;

use resolvet_engine::Judge;
use resolvet_proto::{
    discovery::ech,
    judgement::{Der, Presented, Request},
    session::Timestamp,
};
use rustls::{
    ClientConfig, EncryptedClientHelloError, NamedGroup,
    client::{
        ClientSessionMemoryCache, ClientSessionStore, EchConfig, Resumption,
        Tls12ClientSessionValue, Tls12Resumption, Tls13ClientSessionValue,
    },
    crypto::aws_lc_rs,
};
use rustls_pki_types::{EchConfigListBytes, ServerName};

use super::{ByPolicies, Judged, Verdicts, Verifier, built, judging, taken};

/// Servers whose sessions a configuration remembers: it is of one, and under one name.
const SERVERS: usize = 1;

/// What a session can be resumed by, of one server and one verdict. It is used once: to connect to that server again.
pub(crate) struct Ticket {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier<ByPolicies>>,
    presented: Presented,
    /// When the verdict ends that the server's certificates got, however often it is resumed meanwhile.
    ends: Option<Timestamp>,
}

/// A handshake that is about to begin.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier<ByPolicies>>,
    verdicts: Verdicts,
    /// What is said now of what was presented before, should the server resume.
    kept: Option<Judged>,
    ends: Option<Timestamp>,
}

impl Handshake {
    /// One in which the server presents its certificates. Its ClientHello is encrypted where configurations say how.
    pub(crate) fn full(
        judge: Judge,
        context: Arc<Request>,
        alpn: &[&[u8]],
        ech: Option<&Der>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (mode, public) = match ech {
            None => (None, None),
            Some(list) => {
                let suites = aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
                let config = EchConfig::new(EchConfigListBytes::from(list.to_vec()), suites)?;
                let unknown = EncryptedClientHelloError::NoCompatibleConfig;
                (Some(config), Some(ech::public_name(list).ok_or(unknown)?))
            }
        };
        let (policies, verdicts) = ByPolicies::new(judge, context, public);
        let verifier = Arc::new(Verifier::new(&provider, policies));
        let mut config = built(provider, mode, Arc::clone(&verifier) as _, alpn)?;
        config.resumption = Resumption::store(Arc::new(Sessions::default()))
            .tls12_resumption(Tls12Resumption::Disabled);
        Ok(Self {
            config: Arc::new(config),
            verifier,
            verdicts,
            kept: None,
            ends: None,
        })
    }

    /// One that the server may shorten. `None`: what it presented before is not accepted now.
    pub(crate) fn resuming(ticket: Ticket, judge: Judge, context: Arc<Request>) -> Option<Self> {
        let Ticket {
            config,
            verifier,
            presented,
            ends,
        } = ticket;
        let (again, verdicts) = judging(judge.clone(), Arc::clone(&context));
        if !again.accepts(presented) {
            return None;
        }
        let kept = taken(&verdicts)?;
        let verdicts = verifier.decides.arm(judge, context);
        Some(Self {
            config,
            verifier,
            verdicts,
            kept: Some(kept),
            ends,
        })
    }

    /// For the library that makes the handshake.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// What was judged, and whether the server resumed: then nobody asked about certificates. `None`: nothing was, whatever
    /// came of the handshake.
    pub(crate) fn judged(&self) -> Option<(Judged, bool)> {
        let presented = taken(&self.verdicts).map(|judged| (judged, false));
        presented.or_else(|| Some((self.kept.clone()?, true)))
    }

    /// What the next handshake with this server may resume, once this one is complete.
    pub(crate) fn ticket(self, judged: &Judged, resumed: bool) -> Ticket {
        self.verifier.decides.rest();
        Ticket {
            config: self.config,
            verifier: self.verifier,
            presented: judged.request.presented.clone(),
            ends: self.ends.filter(|_| resumed),
        }
    }
}

impl Ticket {
    /// Says when the verdict ends that it belongs to, unless it belongs to one already.
    pub(crate) fn belongs_until(&mut self, ends: Timestamp) {
        self.ends.get_or_insert(ends);
    }

    /// Whether the verdict that it belongs to holds.
    pub(crate) fn is_of_use(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| !ends.is_reached(now))
    }
}

/// Sessions of TLS 1.3 alone. One of TLS 1.2 need not be bound to its handshake (RFC 7627), and the library neither says whether it is
/// nor leaves it where resumption is switched off and the session has an identifier.
#[derive(Debug)]
struct Sessions(ClientSessionMemoryCache);

impl Default for Sessions {
    fn default() -> Self {
        Self(ClientSessionMemoryCache::new(SERVERS))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}
