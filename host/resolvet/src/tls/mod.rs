//! TLS whose certificates are judged by policies, in the middle of the handshake.
//!
//! rustls asks the verifier when the peer's certificates have come and before it checks the handshake's signature. So the
//! verdict is kept here and counts only once the handshake is complete: proof of possession is checked by rustls and
//! cannot be waived by any policy.

mod by_policies;
mod handshake;
mod verifier;

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use resolvet_engine::Judge;
use resolvet_proto::judgement::{Der, Judgement, Presented, Request, RequestError, Stage, Verdict};
// rustls gives configurations in a type that it has no public name for, and that encodes itself.
use rustls::internal::msgs::codec::Codec as _;
use rustls::{
    CertificateError, ClientConfig, PeerIncompatible,
    client::{EchConfig, Resumption, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
};
use tracing::Span;

use by_policies::{ByPolicies, reason};
pub(crate) use handshake::{Handshake, Ticket};
pub(crate) use verifier::{Decides, Verifier};

use crate::spans::judged;

/// What the policies said of a handshake's certificates.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// The request with what was presented.
    pub(crate) request: Arc<Request>,
    /// The judgement, or why the request was not judged at all.
    pub(crate) judgement: Result<Judgement<Verdict>, RequestError>,
}

/// Where the verifier leaves what was judged, for whoever began the handshake.
pub(crate) type Verdicts = Arc<Mutex<Option<Judged>>>;

/// Has what a peer presents judged in this context. The judgement counts when the handshake is complete, for whoever takes
/// it from the verdicts then.
pub(crate) struct Judging {
    judge: Judge,
    context: Arc<Request>,
    verdicts: Verdicts,
    /// What the judgement belongs to: it is made wherever the handshake goes on. Taken then, since a connection keeps all of
    /// this, and a span lasts as long as anybody has it.
    span: Mutex<Span>,
}

/// Judging, and where its verdicts will be.
pub(crate) fn judging(judge: Judge, context: Arc<Request>) -> (Judging, Verdicts) {
    let verdicts = Verdicts::default();
    let judging = Judging {
        judge,
        context,
        verdicts: Arc::clone(&verdicts),
        span: Mutex::new(Span::current()),
    };
    (judging, verdicts)
}

impl Judging {
    /// Judges, keeps the judgement, and says whether the handshake may go on.
    pub(crate) fn accepts(&self, presented: Presented) -> bool {
        self.judge(presented).is_ok()
    }

    /// What the judgement belongs to, which nothing else holds from now on.
    fn take_span(&self) -> Span {
        let mut held = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut *held, Span::none())
    }

    fn judge(&self, presented: Presented) -> Result<(), CertificateError> {
        let request = Arc::new(self.context.presenting(presented));
        let span = self.take_span();
        let validate = || self.judge.validate(&request);
        let judgement = request
            .check()
            .map(|()| judged(&span, Stage::Validation, validate));
        let result = match &judgement {
            Ok(judgement) if judgement.is_accepted() => Ok(()),
            Ok(judgement) => Err(reason(judgement)),
            Err(_) => Err(CertificateError::BadEncoding),
        };
        let judged = Judged { request, judgement };
        *self.verdicts.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
        result
    }
}

/// The configuration of one handshake that nothing resumes: judged by these policies in this context.
pub(crate) fn client_config(
    judge: Judge,
    context: Arc<Request>,
    alpn: &[&[u8]],
) -> Result<(ClientConfig, Verdicts), rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let (policies, verdicts) = ByPolicies::new(judge, context, None);
    let verifier = Verifier::new(&provider, policies);
    let config = configured(provider, Arc::new(verifier), alpn)?;
    Ok((config, verdicts))
}

/// What every handshake of ours has in common, whoever verifies: the versions that rustls holds safe, and no resumption, which only
/// [`Handshake`] allows: a resumed session presents no certificate to judge.
pub(crate) fn configured(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, rustls::Error> {
    built(provider, None, verifier, alpn)
}

/// With an encrypted ClientHello TLS 1.3 alone is spoken. Without configurations none is feigned (GREASE, RFC 9849 section 6.2): the
/// library would give up TLS 1.2 for it.
fn built(
    provider: Arc<CryptoProvider>,
    ech: Option<EchConfig>,
    verifier: Arc<dyn ServerCertVerifier>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = match ech {
        Some(ech) => builder.with_ech(ech.into())?,
        None => builder.with_safe_default_protocol_versions()?,
    };
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The configurations that a server gave which refused the inner ClientHello, and proved that it is the public name's: rustls says so
/// only when that handshake is complete.
pub(crate) fn retry_configurations(error: &rustls::Error) -> Option<Option<Der>> {
    match error {
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(
            configurations,
        )) => Some(
            configurations
                .as_ref()
                .map(|list| list.get_encoding().into()),
        ),
        _ => None,
    }
}

/// Takes what the verifier left.
pub(crate) fn taken(verdicts: &Verdicts) -> Option<Judged> {
    verdicts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}
