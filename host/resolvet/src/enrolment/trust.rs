//! TLS for enrolment: judged by policies as ever, or, on a provisional connection, by nobody yet.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use resolvet_engine::Judge;
use resolvet_proto::{
    enrolment::{authentication::User, journey},
    judgement::{Der, Judgement, Presented, Request, Verdict, limits},
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::ChannelError;
use crate::{Policies, tls};

/// The protocol's name in the handshake.
pub(super) const ALPN: &[u8] = b"http/1.1";

/// Whom a connection is trusted to reach.
#[derive(Clone)]
pub(crate) enum Trust {
    /// Nobody: the certificate is kept and judged later. Only proof of possession of its key is verified.
    Provisional,
    /// Who presents these certificates again, octet for octet (RFC 8995 section 5.1).
    Same(Vec<Der>),
    /// Who proves this user's password inside the handshake. No certificate is presented.
    Password(Option<User>),
    /// Who the policies accept in this context.
    Judged {
        /// What evaluates.
        judge: Judge,
        /// The context.
        context: Arc<Request>,
    },
}

/// What the verifier saw.
pub(super) enum Seen {
    Provisional(Arc<Mutex<Presented>>),
    Judged(tls::Verdicts),
}

impl Seen {
    pub(super) fn taken(
        &self,
        address: SocketAddr,
    ) -> Result<(Presented, Option<Judgement<Verdict>>), ChannelError> {
        match self {
            Self::Provisional(presented) => {
                let presented = presented.lock().unwrap_or_else(PoisonError::into_inner);
                Ok((presented.clone(), None))
            }
            Self::Judged(verdicts) => {
                let Some(judged) = tls::taken(verdicts) else {
                    // The handshake failed before there was a certificate; its own error says how.
                    return Ok((Presented::default(), None));
                };
                match judged.judgement {
                    Ok(judgement) if judgement.is_accepted() => {
                        Ok((judged.request.presented.clone(), Some(judgement)))
                    }
                    Ok(judgement) => {
                        let judgement = Box::new(judgement);
                        Err(ChannelError::Refused { address, judgement })
                    }
                    Err(error) => Err(ChannelError::Handshake {
                        address,
                        reason: error.to_string(),
                    }),
                }
            }
        }
    }
}

impl Trust {
    /// What a journey wants.
    pub(super) fn wanted(wanted: journey::Trust, policies: &Policies, user: Option<&User>) -> Self {
        match wanted {
            journey::Trust::Password => Self::Password(user.cloned()),
            journey::Trust::Provisional => Self::Provisional,
            journey::Trust::Same { certificates } => Self::Same(certificates),
            journey::Trust::Judged { request, .. } => Self::Judged {
                judge: policies.judge().clone(),
                context: request,
            },
        }
    }

    pub(super) fn config(&self) -> Result<(ClientConfig, Seen), rustls::Error> {
        match self {
            Self::Judged { judge, context } => {
                let (config, verdicts) =
                    tls::client_config(judge.clone(), Arc::clone(context), &[ALPN])?;
                Ok((config, Seen::Judged(verdicts)))
            }
            Self::Provisional | Self::Same(_) | Self::Password(_) => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                let presented = Arc::default();
                let verifier = Provisional {
                    algorithms: provider.signature_verification_algorithms,
                    presented: Arc::clone(&presented),
                    expected: match self {
                        Self::Same(certificates) => Some(certificates.clone()),
                        _ => None,
                    },
                };
                let config = tls::configured(provider, Arc::new(verifier), &[ALPN])?;
                Ok((config, Seen::Provisional(presented)))
            }
        }
    }
}

/// Takes any certificate, or one that is known, and keeps it with what was stapled; the handshake's signature by its key is verified as ever.
struct Provisional {
    algorithms: WebPkiSupportedAlgorithms,
    presented: Arc<Mutex<Presented>>,
    expected: Option<Vec<Der>>,
}

impl fmt::Debug for Provisional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisional").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Provisional {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain: Vec<Der> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|der| der.as_ref().into())
            .collect();
        let octets = |der: &Der| der.len() > limits::CERTIFICATE_OCTETS;
        if chain.len() > limits::PRESENTED
            || chain.iter().any(octets)
            || ocsp_response.len() > limits::OCSP_OCTETS
        {
            return Err(CertificateError::BadEncoding.into());
        }
        if self.expected.as_ref().is_some_and(|known| *known != chain) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        *self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Presented {
            certificates: chain,
            ocsp_response: (!ocsp_response.is_empty()).then(|| ocsp_response.into()),
        };
        Ok(ServerCertVerified::assertion())
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
