//! The verifier that rustls asks in the middle of a handshake.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use resolvet_proto::judgement::{Judgement, Outcome, ReferenceId, Severity, Verdict};
use rustls::{
    CertificateError, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Judging;

/// Has the policies judge one handshake after the other. rustls resumes only what the same verifier verified.
pub(super) struct PolicyVerifier {
    now: Mutex<Arc<Armed>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What judges the handshake that is under way.
struct Armed {
    judging: Judging,
    /// The public name of an encrypted ClientHello, and what judges whom a server shows who refused the inner one.
    outer: Option<(String, Judging)>,
}

impl PolicyVerifier {
    pub(super) fn new(
        provider: &CryptoProvider,
        judging: Judging,
        outer: Option<(String, Judging)>,
    ) -> Self {
        Self {
            now: Mutex::new(Arc::new(Armed { judging, outer })),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// Has this judge from now on: the next handshake.
    pub(super) fn arm(&self, judging: Judging, outer: Option<(String, Judging)>) {
        *self.now() = Arc::new(Armed { judging, outer });
    }

    /// The handshake is over: who was not asked in it holds its span no longer.
    pub(super) fn rest(&self) {
        let armed = Arc::clone(&self.now());
        let outer = armed.outer.as_ref().map(|(_, outer)| outer);
        for judging in outer.into_iter().chain([&armed.judging]) {
            drop(judging.take_span());
        }
    }

    fn now(&self) -> MutexGuard<'_, Arc<Armed>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PolicyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyVerifier")
            .field("purpose", &self.now().judging.context.purpose)
            .finish()
    }
}

impl ServerCertVerifier for PolicyVerifier {
    /// The name and the time are those of the request, which the policies see; what rustls passes is the same name, or the public one
    /// where the inner ClientHello was refused. What is said then is no verdict: the handshake fails in any case.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificates = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|der| der.as_ref().into());
        let ocsp_response = (!ocsp_response.is_empty()).then(|| ocsp_response.into());
        let armed = Arc::clone(&self.now());
        let inner = armed.judging.context.peer().map(ReferenceId::value);
        let is_inner = inner.is_some_and(|inner| server_name.to_str() == inner);
        let judging = match &armed.outer {
            Some((public, judging)) if !is_inner && server_name.to_str() == *public => judging,
            _ => &armed.judging,
        };
        judging
            .judge(certificates.collect(), ocsp_response)
            .map(|()| ServerCertVerified::assertion())
            .map_err(rustls::Error::InvalidCertificate)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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
