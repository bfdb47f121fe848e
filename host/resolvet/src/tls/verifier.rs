//! The verifier that rustls asks in the middle of a handshake. Whether the peer has the key is verified here alone, whoever decides about
//! the certificates.

use std::fmt;

use resolvet_proto::judgement::Presented;
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Decides about what a peer presents. It has not proved yet that it has the key.
pub(crate) trait Decides: fmt::Debug + Send + Sync {
    /// Whether the handshake may go on, with the peer that is addressed by this name.
    fn decide(&self, presented: Presented, name: &ServerName<'_>) -> Result<(), rustls::Error>;
}

/// A verifier, by who decides.
pub(crate) struct Verifier<D> {
    pub(super) decides: D,
    algorithms: WebPkiSupportedAlgorithms,
}

impl<D: Decides> Verifier<D> {
    pub(crate) fn new(provider: &CryptoProvider, decides: D) -> Self {
        Self {
            decides,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl<D: fmt::Debug> fmt::Debug for Verifier<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decides.fmt(f)
    }
}

impl<D: Decides> ServerCertVerifier for Verifier<D> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificates = std::iter::once(end_entity).chain(intermediates);
        let presented = Presented {
            certificates: certificates.map(|der| der.as_ref().into()).collect(),
            ocsp_response: (!ocsp_response.is_empty()).then(|| ocsp_response.into()),
        };
        let decided = self.decides.decide(presented, server_name);
        decided.map(|()| ServerCertVerified::assertion())
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
