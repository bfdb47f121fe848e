//! Policies that decide about certificates, in one handshake after the other.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use resolvet_engine::Judge;
use resolvet_proto::judgement::{
    Conveyed, Judgement, Outcome, Presented, ReferenceId, Request, Severity, UsageProfile, Verdict,
};
use rustls::CertificateError;
use rustls_pki_types::ServerName;

use super::{Judging, Verdicts, judging, verifier::Decides};

/// Decides by what policies say in the context of the handshake that is under way.
pub(super) struct ByPolicies {
    /// The public name of an encrypted ClientHello.
    public: Option<String>,
    now: Mutex<Arc<Armed>>,
}

/// What judges the handshake that is under way.
struct Armed {
    judging: Judging,
    /// What judges whom a server shows under the public name who refused the inner ClientHello.
    outer: Option<Judging>,
}

impl Armed {
    fn new(judge: Judge, context: Arc<Request>, public: Option<&str>) -> (Self, Verdicts) {
        // What is said of the outer one is no verdict: the handshake fails in any case.
        let outer = public.map(|public| {
            let outer = Arc::new(outer(&context, public));
            judging(judge.clone(), outer).0
        });
        let (judging, verdicts) = judging(judge, context);
        (Self { judging, outer }, verdicts)
    }
}

impl ByPolicies {
    /// These policies in this context, and where their verdicts will be.
    pub(super) fn new(
        judge: Judge,
        context: Arc<Request>,
        public: Option<String>,
    ) -> (Self, Verdicts) {
        let (armed, verdicts) = Armed::new(judge, context, public.as_deref());
        let now = Mutex::new(Arc::new(armed));
        (Self { public, now }, verdicts)
    }

    /// The same for the next handshake.
    pub(super) fn arm(&self, judge: Judge, context: Arc<Request>) -> Verdicts {
        let (armed, verdicts) = Armed::new(judge, context, self.public.as_deref());
        *self.now() = Arc::new(armed);
        verdicts
    }

    /// The handshake is over: who was not asked in it holds its span no longer.
    pub(super) fn rest(&self) {
        let armed = Arc::clone(&self.now());
        for judging in armed.outer.iter().chain([&armed.judging]) {
            drop(judging.take_span());
        }
    }

    fn now(&self) -> MutexGuard<'_, Arc<Armed>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ByPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByPolicies")
            .field("purpose", &self.now().judging.context.purpose)
            .finish()
    }
}

impl Decides for ByPolicies {
    /// The name and the time are those of the request, which the policies see; what rustls passes is the same name, or the public one
    /// where the inner ClientHello was refused.
    fn decide(&self, presented: Presented, name: &ServerName<'_>) -> Result<(), rustls::Error> {
        let armed = Arc::clone(&self.now());
        let inner = armed.judging.context.peer().map(ReferenceId::value);
        let is_inner = inner.is_some_and(|inner| name.to_str() == inner);
        let is_public = self.public.as_deref() == Some(&*name.to_str());
        let judging = match &armed.outer {
            Some(outer) if !is_inner && is_public => outer,
            _ => &armed.judging,
        };
        let judged = judging.judge(presented);
        judged.map_err(rustls::Error::InvalidCertificate)
    }
}

/// Whom a server that refuses the inner ClientHello must be: the public name (RFC 9849 section 6.1.7). Nothing that is known of the
/// server itself says anything about it, and nothing but other configurations is ever taken from it.
fn outer(context: &Request, public: &str) -> Request {
    Request {
        usage_profile: UsageProfile::Strict,
        authentication_domain_name: Some(public.to_owned()),
        reference_ids: vec![ReferenceId::DnsId(public.to_owned())],
        pins: Vec::new(),
        conveyed: Conveyed::NotEnrolled,
        ..context.clone()
    }
}

/// The refusal in TLS's own terms, so that the peer gets the right alert (RFC 8446 section 6.2). The findings themselves
/// go to whoever began the handshake.
pub(super) fn reason(judgement: &Judgement<Verdict>) -> CertificateError {
    let mut codes = judgement
        .evaluations
        .iter()
        .filter_map(|evaluation| evaluation.result.as_ref().ok())
        .flat_map(|verdict| &verdict.findings)
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.code.as_str());
    match (judgement.outcome, codes.next()) {
        (Outcome::Rejected, Some("expired")) => CertificateError::Expired,
        (Outcome::Rejected, Some("not-yet-valid")) => CertificateError::NotValidYet,
        (Outcome::Rejected, Some("revoked")) => CertificateError::Revoked,
        (Outcome::Rejected, Some("issuer-unknown" | "no-trust-anchors")) => {
            CertificateError::UnknownIssuer
        }
        (Outcome::Rejected, Some("name-mismatch")) => CertificateError::NotValidForName,
        (Outcome::Rejected, Some("certificate-malformed" | "signature-invalid")) => {
            CertificateError::BadEncoding
        }
        _ => CertificateError::ApplicationVerificationFailure,
    }
}
