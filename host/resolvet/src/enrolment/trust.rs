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
use rustls::{CertificateError, ClientConfig, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;

use super::ChannelError;
use crate::{
    Policies,
    tls::{self, Decides, Verifier},
};

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
                let provisional = Provisional {
                    presented: Arc::clone(&presented),
                    expected: match self {
                        Self::Same(certificates) => Some(certificates.clone()),
                        _ => None,
                    },
                };
                let verifier = Arc::new(Verifier::new(&provider, provisional));
                let config = tls::configured(provider, verifier, &[ALPN])?;
                Ok((config, Seen::Provisional(presented)))
            }
        }
    }
}

/// Takes any certificate, or one that is known, and keeps it with what was stapled; the handshake's signature by its key is verified as ever.
struct Provisional {
    presented: Arc<Mutex<Presented>>,
    expected: Option<Vec<Der>>,
}

impl fmt::Debug for Provisional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisional").finish_non_exhaustive()
    }
}

impl Decides for Provisional {
    fn decide(&self, presented: Presented, _name: &ServerName<'_>) -> Result<(), rustls::Error> {
        let Presented {
            certificates,
            ocsp_response,
        } = &presented;
        let octets = |der: &Der| der.len() > limits::CERTIFICATE_OCTETS;
        let stapled = ocsp_response.as_ref().map_or(0, |stapled| stapled.len());
        if certificates.len() > limits::PRESENTED
            || certificates.iter().any(octets)
            || stapled > limits::OCSP_OCTETS
        {
            return Err(CertificateError::BadEncoding.into());
        }
        let is_expected = |known: &Vec<Der>| known == certificates;
        if !self.expected.as_ref().is_none_or(is_expected) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        *self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = presented;
        Ok(())
    }
}
