//! A key that the network's server makes, for a device that asks for one (RFC 7030 section 4.4).

use std::sync::Arc;

use resolvet_proto::{
    enrolment::{
        Enrolment, LocalIdentity, ServerAuthentication,
        est::{
            Answer, CsrAttributes, Endpoint, HttpRequest, Operation, Outcome, ReplyError,
            RequestToSign, SigningError, Subject, challenge_password, classify, encode,
        },
        mutual::User,
    },
    judgement::{AnchorDatabase, Der, Purpose, Request},
};
use thiserror::Error;

use super::{
    DeviceKey, EnrolError, Enroller, KeyError, NetworkName, ProofError, Store,
    connection::{Connection, Target},
    keys::KeyRing,
    trust::Trust,
};
use crate::clock;

/// There is no key that the server made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerKeyError {
    /// Who made the key would be known by the system's anchors alone.
    #[error(
        "a key is taken from a server that is known by the network's own trust anchors, and this network has none (RFC 7030 4.4)"
    )]
    ImplicitAnchors,
    /// The key is encrypted to something that was not agreed.
    #[error(
        "the server sent the key as CMS EnvelopedData, which was not asked for (RFC 7030 4.4.1.1)"
    )]
    Encrypted,
    /// The server wants to be asked later.
    #[error("the server has not decided yet: ask again in {seconds} s (RFC 7030 4.2.3)")]
    Pending {
        /// When.
        seconds: u64,
    },
    /// The answer cannot be used.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// The answer is elsewhere; a request that is bound to its connection does not go there.
    #[error("the server redirects to {to}, which is not followed (RFC 7030 3.2.1)")]
    Redirected {
        /// Where to.
        to: Endpoint,
    },
    /// The server asks for a login.
    #[error("the server asks for a login (RFC 7030 3.2.3)")]
    Unauthorized,
    /// The server has nothing of the kind.
    #[error("the server makes no keys (RFC 7030 4.4)")]
    NotOffered,
    /// The server or the user was not authenticated by the password, or the exchange failed.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The request has no form.
    #[error(transparent)]
    Request(#[from] SigningError),
}

impl Enroller {
    /// Asks the EST server of a stored enrolment for a key that the server makes, and for its certificate. Both are kept as
    /// if the device had made the key, in place of its own certificate if it had one.
    ///
    /// Whoever makes a key knows it: this is for devices that cannot make a good one, and is never done unless it is asked for
    /// (RFC 7030 section 4.4). The policies accept the server in the handshake, by the network's own anchors; the system's
    /// do not suffice. The device is known by its own certificate, or by the user's password.
    ///
    /// # Errors
    /// See [`EnrolError`]; what was stored stands as it was then.
    pub async fn server_key(
        &self,
        (store, network): (&Store, &NetworkName),
        user: Option<User>,
    ) -> Result<Enrolment, EnrolError> {
        let stored = store.load(network)?;
        let mut enrolment = stored.ok_or_else(|| EnrolError::NotEnrolled {
            network: network.clone(),
        })?;
        if enrolment.database != AnchorDatabase::Explicit {
            return Err(ServerKeyError::ImplicitAnchors.into());
        }
        self.keys().takes()?;
        let mut keys = KeyRing::new((store, network), self.keys())?;
        let mut server = self.known(&enrolment, &mut keys).await?;
        let label = enrolment.est.label.clone();
        let subject = user.as_ref().map(|user| subject(user.name()));
        if let Some(user) = user {
            let schemes = self.schemes();
            let proved = server.authenticate(user, schemes, label.as_ref()).await;
            proved.map_err(ServerKeyError::from)?;
        }
        // The request has to be signed by somebody; this key is not the one that will be certified.
        let (passing, _) = DeviceKey::generate()?;
        let binding = server.channel().binding().map(challenge_password);
        let binding = binding.transpose().map_err(ServerKeyError::from)?;
        let public = passing.public()?;
        let request = match (&enrolment.identity, subject) {
            (Some(own), _) => {
                RequestToSign::renewing(&own.certificate, &public, binding.as_deref())
            }
            (None, subject) => RequestToSign::new(
                &subject.unwrap_or_else(|| Subject::Text("CN=device".into())),
                &public,
                &CsrAttributes::default(),
                binding.as_deref(),
            ),
        };
        let request = request.map_err(ServerKeyError::from)?;
        let (algorithm, signature) = passing.sign(request.octets())?;
        let request = request.signed(&algorithm, &signature);
        let request = request.map_err(ServerKeyError::from)?;
        let operation = Operation::ServerKeyGen;
        let asked = HttpRequest::post(
            operation.path(label.as_ref()),
            operation.accept(),
            operation.content_type().unwrap_or_default(),
            encode(request.der()).into_bytes(),
        );
        let reply = server.exchange(&asked, None).await;
        let reply = reply.map_err(ServerKeyError::from)?;
        let endpoint = enrolment.est.endpoint.clone();
        let outcome = classify(operation, &endpoint, &reply, clock::now().unix);
        let outcome = outcome.map_err(ServerKeyError::from)?;
        let (pkcs8, certificates) = match outcome {
            Outcome::Answer(Answer::GeneratedKey {
                key,
                encrypted: false,
                certificates,
            }) => (key, certificates),
            Outcome::Answer(Answer::GeneratedKey { .. }) => {
                return Err(ServerKeyError::Encrypted.into());
            }
            Outcome::Pending { seconds } => return Err(ServerKeyError::Pending { seconds }.into()),
            Outcome::Unauthorized { .. } => return Err(ServerKeyError::Unauthorized.into()),
            Outcome::Redirect { endpoint: to, .. } => {
                return Err(ServerKeyError::Redirected { to }.into());
            }
            _ => return Err(ServerKeyError::NotOffered.into()),
        };
        let key = DeviceKey::from_pkcs8(&pkcs8)?;
        let own = |der: &&Der| key.certified(std::slice::from_ref(*der)).is_ok();
        let certificate = certificates.iter().find(own);
        let certificate = certificate.ok_or(KeyError::OtherCertificate)?.clone();
        let chain = certificates.into_iter().filter(|der| *der != certificate);
        enrolment.identity = Some(LocalIdentity {
            chain: chain.collect(),
            certificate,
            key: keys.keep(key, &pkcs8)?,
        });
        let saved = store.save(network, &enrolment);
        // The key that is not named by what is stored now goes, the new one or the old one.
        keys.close().await?;
        saved?;
        Ok(enrolment)
    }

    /// A connection to the server that an enrolment knows, judged by its anchors.
    async fn known(
        &self,
        enrolment: &Enrolment,
        keys: &mut KeyRing,
    ) -> Result<Connection, EnrolError> {
        let profile = self.profile();
        let context = Request {
            clock: profile.clock,
            network_identity: profile.network_identity,
            est_server_authentication: Some(ServerAuthentication::ReferenceIdentifier),
            domain_cert_revocation_checks: enrolment.revocation_checks(),
            authentication_domain_name: enrolment.authentication_domain_name.clone(),
            reference_ids: enrolment.est_reference_ids(),
            anchors: enrolment.anchor_set(None),
            crls: enrolment.crls.clone(),
            ..Request::new(Purpose::EstServer, clock::now().unix)
        };
        let identity = match &enrolment.identity {
            None => None,
            Some(own) => {
                let chain = std::iter::once(&own.certificate).chain(&own.chain);
                let chain: Vec<Der> = chain.cloned().collect();
                Some(keys.certified(&own.key, &chain).await?)
            }
        };
        let endpoint = enrolment.est.endpoint.clone();
        Connection::open(Target {
            addresses: self.search(None)?.addresses(&endpoint).await?,
            endpoint,
            trust: Trust::Judged {
                judge: self.policies().judge().clone(),
                context: Arc::new(context),
            },
            identity,
            within: self.within(),
        })
        .await
    }
}

/// A subject of this common name (RFC 4514 section 2.4).
fn subject(name: &str) -> Subject {
    let mut text = String::from("CN=");
    for character in name.chars() {
        if !character.is_alphanumeric() && character != '-' && character != '.' {
            text.push('\\');
        }
        text.push(character);
    }
    Subject::Text(text)
}
