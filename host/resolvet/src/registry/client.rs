//! Pulls and pushes artefacts (OCI distribution specification 1.1).

use std::{path::PathBuf, time::Duration};

use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH,
    },
};
use ipnet::IpNet;
use resolvet_engine::AdmissionLimits;
use resolvet_proto::judgement::Digest;
use tokio::{sync::OnceCell, time::timeout};

use super::{
    access,
    artefact::Artefact,
    credentials,
    error::RegistryError,
    gate::Gate,
    http::{Call, Http, Place, Reply},
    manifest::{MANIFEST, MANIFEST_OCTETS, Manifest},
    reference::{Reference, SHA256, Version},
};

/// Redirects that are followed: registries lead to where their octets are kept, once.
const REDIRECTS: usize = 3;
/// How the protocol names the digest of what it answers with.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Docker's own registry is not where its name is.
const DOCKER: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// How registries are spoken to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// Octets of a component at most.
    pub octets: usize,
    /// How long one pull or push may take in all, credentials and redirects included.
    pub within: Duration,
    /// Ranges of addresses that are not connected to, beside those that never are ([`super::Forbidden`]).
    pub refused: Vec<IpNet>,
    /// Registries, and what they lead to, that are spoken to without TLS: hosts, with their ports.
    pub plain_http: Vec<String>,
    /// A file of trust anchors, PEM; `None` is the system's.
    pub trust_anchors: Option<PathBuf>,
    /// Docker's configuration, for credentials; `None` asks as nobody.
    pub credentials: Option<PathBuf>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            octets: AdmissionLimits::default().file_octets,
            within: Duration::from_secs(60),
            refused: Vec::new(),
            plain_http: Vec::new(),
            trust_anchors: None,
            credentials: None,
        }
    }
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// It is what was known.
    Unchanged,
    /// It is another one.
    New(Box<Artefact>),
}

/// A client of registries.
#[derive(Debug)]
pub struct Registry {
    http: Http,
    octets: usize,
    within: Duration,
    credentials: Option<PathBuf>,
}

/// One pull or push: who asks is found out once.
struct Session<'a> {
    registry: &'a Registry,
    /// The registry's own place.
    origin: Place,
    reference: &'a Reference,
    actions: &'static str,
    authorization: Option<HeaderValue>,
    /// Whether the registry is on this machine; then what it leads to may be too.
    is_local: bool,
}

impl Registry {
    /// A client.
    #[must_use]
    pub fn new(options: RegistryOptions) -> Self {
        let RegistryOptions {
            octets,
            within,
            refused,
            plain_http,
            trust_anchors,
            credentials,
        } = options;
        Self {
            http: Http {
                gate: Gate { refused },
                plain: plain_http,
                anchors: trust_anchors,
                tls: OnceCell::new(),
            },
            octets,
            within,
            credentials,
        }
    }

    /// Pulls what this address names now. With `known`, what it named before, a registry that still has that says so in one answer.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::is_out_of_reach`] tells silence from a refusal.
    pub async fn pull(
        &self,
        reference: &Reference,
        known: Option<&Artefact>,
    ) -> Result<Pulled, RegistryError> {
        let pull = async {
            let mut session = Session::begin(self, reference, "pull")?;
            session.pull(known).await
        };
        self.bounded(reference, pull).await
    }

    /// Pushes an artefact and its configuration. What the registry has already is not sent again. The tag is moved last.
    ///
    /// # Errors
    /// [`RegistryError`]; the address has a digest instead of a tag.
    pub async fn push(
        &self,
        reference: &Reference,
        artefact: &Artefact,
        config: &[u8],
    ) -> Result<(), RegistryError> {
        let Version::Tag(_) = reference.version() else {
            return Err(RegistryError::Pinned);
        };
        let push = async {
            let mut session = Session::begin(self, reference, "pull,push")?;
            session.push(artefact, config).await
        };
        self.bounded(reference, push).await
    }

    async fn bounded<T>(
        &self,
        reference: &Reference,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let within = self.within;
        let late = |_| RegistryError::Late {
            registry: reference.registry().to_owned(),
            within,
        };
        timeout(within, work).await.map_err(late)?
    }
}

impl<'a> Session<'a> {
    fn begin(
        registry: &'a Registry,
        reference: &'a Reference,
        actions: &'static str,
    ) -> Result<Self, RegistryError> {
        let host = match reference.registry() {
            name if name == DOCKER.0 => DOCKER.1,
            name => name,
        };
        Ok(Self {
            registry,
            origin: Place::at(&registry.http, host, "/v2/")?,
            reference,
            actions,
            authorization: None,
            is_local: false,
        })
    }

    /// A place below the repository.
    fn place(&self, path: &str) -> Result<Place, RegistryError> {
        let repository = self.reference.repository();
        let path = format!("/v2/{repository}/{path}");
        Place::at(&self.registry.http, self.origin.authority(), &path)
    }

    async fn pull(&mut self, known: Option<&Artefact>) -> Result<Pulled, RegistryError> {
        let what = "the manifest";
        let version = self.reference.version();
        let place = self.place(&format!("manifests/{version}"))?;
        let mut call = Call::get(place).with(ACCEPT, HeaderValue::from_static(MANIFEST));
        let etag = known.map(|known| format!("\"{SHA256}{}\"", known.digest()));
        let etag = etag.and_then(|etag| HeaderValue::from_str(&etag).ok());
        let mut wanted = vec![StatusCode::OK];
        if let Some(etag) = etag {
            call = call.with(IF_NONE_MATCH, etag);
            wanted.push(StatusCode::NOT_MODIFIED);
        }
        let reply = self.ask(call).await?.expect(what, &wanted).await?;
        if reply.status() == StatusCode::NOT_MODIFIED {
            return Ok(Pulled::Unchanged);
        }
        let said = reply.head.headers.get(CONTENT_DIGEST);
        let said = said.and_then(|said| said.to_str().ok()?.strip_prefix(SHA256)?.parse().ok());
        let manifest = reply.read(what, MANIFEST_OCTETS).await?;
        let came = Digest::of(&manifest);
        let pinned = match version {
            Version::Digest(digest) => Some(*digest),
            Version::Tag(_) => None,
        };
        for expected in [pinned, said].into_iter().flatten() {
            same(what, expected, came)?;
        }
        if known.is_some_and(|known| known.digest() == came) {
            return Ok(Pulled::Unchanged);
        }
        let parsed = Manifest::parse(&manifest)?;
        let component = match known {
            // Signed anew, the component is the same.
            Some(known) if known.component_digest() == parsed.component => {
                known.component().to_vec()
            }
            _ => self.component(&parsed).await?,
        };
        Ok(Pulled::New(Box::new(Artefact::of(manifest, component)?)))
    }

    async fn component(&mut self, manifest: &Manifest) -> Result<Vec<u8>, RegistryError> {
        let what = "the component";
        let expected = manifest.octets;
        let limit = self.registry.octets;
        let octets = usize::try_from(expected).ok().filter(|&size| size <= limit);
        let octets = octets.ok_or_else(|| RegistryError::TooLarge {
            what,
            authority: self.reference.registry().to_owned(),
            limit: limit as u64,
        })?;
        let place = self.place(&format!("blobs/{SHA256}{}", manifest.component))?;
        let reply = self.ask(Call::get(place)).await?;
        let reply = reply.expect(what, &[StatusCode::OK]).await?;
        let component = reply.read(what, octets).await?;
        if component.len() != octets {
            let came = component.len() as u64;
            return Err(RegistryError::Length { expected, came });
        }
        Ok(component)
    }

    async fn push(&mut self, artefact: &Artefact, config: &[u8]) -> Result<(), RegistryError> {
        self.upload("the component", artefact.component()).await?;
        self.upload("the configuration", config).await?;
        let place = self.place(&format!("manifests/{}", self.reference.version()))?;
        let call = Call::new(Method::PUT, place)
            .with(CONTENT_TYPE, HeaderValue::from_static(MANIFEST))
            .with_body(Bytes::copy_from_slice(artefact.manifest()));
        let reply = self.ask(call).await?;
        reply.expect("the manifest", &[StatusCode::CREATED]).await?;
        Ok(())
    }

    /// Sends octets, unless they are there.
    async fn upload(&mut self, what: &'static str, octets: &[u8]) -> Result<(), RegistryError> {
        let digest = format!("{SHA256}{}", Digest::of(octets));
        let place = self.place(&format!("blobs/{digest}"))?;
        let there = self.ask(Call::new(Method::HEAD, place)).await?;
        if there.status() == StatusCode::OK {
            return Ok(());
        }
        let begin = Call::new(Method::POST, self.place("blobs/uploads/")?)
            .with(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let place = begin.place.clone();
        let reply = self.ask(begin).await?;
        let reply = reply.expect(what, &[StatusCode::ACCEPTED]).await?;
        let http = &self.registry.http;
        let place = place.next(http, &reply.head)?;
        let place = place.with(http, &format!("digest={digest}"))?;
        let call = Call::new(Method::PUT, place)
            .with(
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )
            .with_body(Bytes::copy_from_slice(octets));
        let reply = self.ask(call).await?;
        reply.expect(what, &[StatusCode::CREATED]).await?;
        Ok(())
    }

    /// Asks, and once more with what answers the registry's challenge.
    async fn ask(&mut self, call: Call) -> Result<Reply, RegistryError> {
        let reply = self.follow(call.clone()).await?;
        if reply.status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(reply);
        }
        let Some(challenge) = access::challenge(&reply.head.headers) else {
            return Ok(reply);
        };
        // What is no answer of the registry itself is no reason to tell it who asks.
        if reply.authority() != self.origin.authority() {
            return Ok(reply);
        }
        drop(reply);
        let Registry {
            http, credentials, ..
        } = self.registry;
        let found = credentials::of(self.reference.registry(), credentials.as_deref()).await?;
        let scope = format!(
            "repository:{}:{}",
            self.reference.repository(),
            self.actions
        );
        let authorization = access::answer(
            http,
            &self.origin,
            challenge,
            found.as_ref(),
            &scope,
            self.is_local,
        );
        self.authorization = Some(authorization.await?);
        self.follow(call).await
    }

    /// Asks, and goes where a read is led to. Who asks is told to the registry alone.
    async fn follow(&mut self, mut call: Call) -> Result<Reply, RegistryError> {
        let is_read = matches!(call.method, Method::GET | Method::HEAD);
        for _ in 0..=REDIRECTS {
            let is_own = call.place.is_of(&self.origin);
            call.headers.remove(AUTHORIZATION);
            if let Some(authorization) = self.authorization.as_ref().filter(|_| is_own) {
                call.headers.insert(AUTHORIZATION, authorization.clone());
            }
            // That a registry is on this machine is the operator's wish, and written down.
            let may_be_local = is_own || self.is_local;
            let (reply, is_local) = self.registry.http.send(&call, may_be_local).await?;
            if is_own {
                self.is_local = is_local;
            }
            let is_redirect = matches!(reply.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect || !is_read {
                return Ok(reply);
            }
            call.place = call.place.next(&self.registry.http, &reply.head)?;
        }
        Err(RegistryError::Location {
            authority: call.place.authority().to_owned(),
            location: String::new(),
            reason: "too many redirects",
        })
    }
}

fn same(what: &'static str, expected: Digest, came: Digest) -> Result<(), RegistryError> {
    if expected == came {
        return Ok(());
    }
    Err(RegistryError::Digest {
        what,
        expected,
        came,
    })
}
