//! The request: an owned value that is digested, logged and replayed. What a policy is told is this and nothing else.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use super::{
    Der, Digest,
    digest::Writer,
    words::{
        AnchorDatabase, Clock, Dnssec, NetworkIdentity, Purpose, ServerAuthentication, Source,
        Transport, UsageProfile,
    },
};
use crate::{
    certificate,
    discovery::ech,
    privacy_token::{
        PrivacyToken,
        limits::{TOKEN_OCTETS, URL_OCTETS},
    },
};

/// The largest request that is judged. What is larger was not meant well: a handshake or an answer that exceeds one of
/// these is refused before a policy sees it.
pub mod limits {
    /// Certificates that a peer presents. Public chains have two to four; RFC 8446 sets no limit.
    pub const PRESENTED: usize = 16;
    /// Octets of one certificate. The largest public ones are below 10 kB.
    pub const CERTIFICATE_OCTETS: usize = 65_536;
    /// Certificates that an enrolment conveys.
    pub const CONVEYED: usize = 64;
    /// Trust anchors. Systems have about 150.
    pub const ANCHORS: usize = 1_024;
    /// Certificate revocation lists.
    pub const CRLS: usize = 64;
    /// Octets of one CRL.
    pub const CRL_OCTETS: usize = 4 << 20;
    /// Octets of a stapled OCSP response.
    pub const OCSP_OCTETS: usize = 65_536;
    /// DNS records.
    pub const RECORDS: usize = 1_024;
    /// Candidates.
    pub const CANDIDATES: usize = 256;
    /// Reference identifiers.
    pub const REFERENCE_IDS: usize = 16;
    /// Octets of any name, and of a URI template's path.
    pub const NAME_OCTETS: usize = 1_024;
    /// Pins of one server.
    pub const PINS: usize = 16;
    /// Ways that found one server.
    pub const SOURCES: usize = 16;
}

/// One question to a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// What the judgement is for.
    pub purpose: Purpose,
    /// The time, seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// How the time is known.
    #[serde(default = "synchronized")]
    pub clock: Clock,
    /// The usage profile (RFC 8310 section 5).
    #[serde(default = "strict")]
    pub usage_profile: UsageProfile,
    /// How the network's identity is known.
    #[serde(default = "no_identity")]
    pub network_identity: NetworkIdentity,
    /// How the server of the enrolment was authenticated; absent outside an enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub est_server_authentication: Option<ServerAuthentication>,
    /// The domain that discovery began at (RFC 8310, ADN), lower case without a final dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_domain_name: Option<String>,
    /// What the peer must answer to; any one suffices (RFC 9525 section 6.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_ids: Vec<ReferenceId>,
    /// Where the peer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// Which ways found it, the first that counts first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Digests of which the peer's certification path must have one; none: any path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// What the server says about itself: data of its RESINFO record (RFC 9606), asked over the connection that was
    /// validated. Absent before the privacy assessment, and where it was not asked or said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver_info: Option<Der>,
    /// What was found at the URL of a privacy statement that somebody signed, where the server names one: not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_token: Option<PrivacyToken>,
    /// What the peer presented.
    #[serde(default)]
    pub presented: Presented,
    /// What the enrolment conveyed.
    #[serde(default)]
    pub conveyed: Conveyed,
    /// The trust anchors that apply.
    #[serde(default)]
    pub anchors: Arc<AnchorSet>,
    /// Certificate revocation lists, DER, not verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<Der>,
    /// What a voucher says of revocation checks in its domain (RFC 8366 section 5.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_cert_revocation_checks: Option<bool>,
    /// The DNS records that discovery rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<DnsRecord>,
    /// What discovery yielded, in its own order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

fn synchronized() -> Clock {
    Clock::Synchronized
}

fn strict() -> UsageProfile {
    UsageProfile::Strict
}

fn no_identity() -> NetworkIdentity {
    NetworkIdentity::None
}

impl Request {
    /// An empty question for this purpose at this time, under the strict profile.
    #[must_use]
    pub fn new(purpose: Purpose, now: u64) -> Self {
        Self {
            purpose,
            now,
            clock: Clock::Synchronized,
            usage_profile: UsageProfile::Strict,
            network_identity: NetworkIdentity::None,
            est_server_authentication: None,
            authentication_domain_name: None,
            reference_ids: Vec::new(),
            server: None,
            sources: Vec::new(),
            pins: Vec::new(),
            resolver_info: None,
            privacy_token: None,
            presented: Presented::default(),
            conveyed: Conveyed::NotEnrolled,
            anchors: Arc::default(),
            crls: Vec::new(),
            domain_cert_revocation_checks: None,
            records: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// This request with what the peer presented filled in: what is judged when a handshake has come so far.
    #[must_use]
    pub fn presenting(&self, presented: Presented) -> Self {
        Self {
            presented,
            ..self.clone()
        }
    }

    /// What the peer is addressed by: its name in the handshake (SNI), and for DoH the host of the URI. It is the first
    /// reference identifier, never a target that DNS answered (RFC 9461 section 5, RFC 9462 section 6.3).
    #[must_use]
    pub fn peer(&self) -> Option<&ReferenceId> {
        self.reference_ids.first()
    }

    /// The digest that names this request. It covers every fact; two requests that differ have different digests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut w = Writer::new("resolvet request 1");
        w.text(self.purpose.as_str());
        w.number(self.now);
        w.text(self.clock.as_str());
        w.text(self.usage_profile.as_str());
        w.text(self.network_identity.as_str());
        w.option(self.authentication_domain_name.as_deref(), Writer::text);
        w.list(&self.reference_ids, |w, id| {
            w.text(id.kind());
            w.text(&id.value());
        });
        w.option(self.server.as_ref(), |w, server| {
            w.text(server.transport.as_str());
            w.octets(&address_octets(server.address));
            w.number(u64::from(server.port));
        });
        w.list(&self.presented.certificates, |w, der| w.octets(der));
        w.option(self.presented.ocsp_response.as_deref(), Writer::octets);
        w.text(self.conveyed.state());
        w.number(u64::from(self.conveyed.anchors_suffice()));
        w.list(self.conveyed.certificates(), |w, der| w.octets(der));
        w.octets(self.anchors.digest().as_octets());
        w.list(&self.crls, |w, der| w.octets(der));
        w.list(&self.records, |w, record| {
            w.text(&record.owner);
            w.number(u64::from(record.rtype));
            w.number(u64::from(record.ttl));
            w.octets(&record.rdata);
            w.text(record.dnssec.as_str());
        });
        w.list(&self.candidates, |w, candidate| {
            w.text(candidate.transport.as_str());
            w.octets(&address_octets(candidate.address));
            w.number(u64::from(candidate.port));
            w.text(&candidate.target);
            w.text(candidate.source.as_str());
            w.list(&candidate.ranks, |w, rank| w.number(u64::from(*rank)));
            w.option(candidate.weight, |w, weight| w.number(u64::from(weight)));
            w.list(&candidate.evidence, |w, index| w.number(u64::from(*index)));
        });
        // Facts of later versions, each with its name: a request without them keeps the digest that it had before.
        if let Some(authentication) = &self.est_server_authentication {
            w.text("est-server-authentication");
            w.text(authentication.as_str());
        }
        if let Some(checks) = self.domain_cert_revocation_checks {
            w.text("domain-cert-revocation-checks");
            w.number(u64::from(checks));
        }
        self.write_later_facts(&mut w);
        w.finish()
    }

    /// Facts that came later than the first version of the encoding. They are written only where there are some, so that
    /// a request without them keeps its name.
    fn write_later_facts(&self, w: &mut Writer) {
        let path = self
            .server
            .as_ref()
            .and_then(|server| server.path.as_deref());
        let told = path.is_some() || self.resolver_info.is_some();
        if told || !self.sources.is_empty() || !self.pins.is_empty() {
            w.text("server 2");
            w.option(path, Writer::text);
            w.list(&self.sources, |w, source| w.text(source.as_str()));
            w.list(&self.pins, Pin::write);
            w.option(self.resolver_info.as_deref(), Writer::octets);
        }
        if let Some(ech) = self
            .server
            .as_ref()
            .and_then(|server| server.ech.as_deref())
        {
            w.text("ech");
            w.octets(ech);
        }
        if self
            .candidates
            .iter()
            .any(|candidate| candidate.ech.is_some())
        {
            w.text("candidates ech");
            w.list(&self.candidates, |w, candidate| {
                w.option(candidate.ech.as_deref(), Writer::octets);
            });
        }
        if let Some(token) = &self.privacy_token {
            w.text("privacy-token");
            w.text(&token.url);
            w.option(token.token.as_deref(), Writer::octets);
            w.option(token.problem.as_deref(), Writer::text);
        }
        if self.candidates.iter().any(Candidate::has_later_facts) {
            w.text("candidates 2");
            w.list(&self.candidates, |w, candidate| {
                w.list(&candidate.also, |w, source| w.text(source.as_str()));
                w.option(candidate.path.as_deref(), Writer::text);
                w.option(candidate.identity.as_ref(), |w, id| {
                    w.text(id.kind());
                    w.text(&id.value());
                });
                w.list(&candidate.pins, Pin::write);
            });
        }
    }

    /// Checks the request against [`limits`].
    ///
    /// # Errors
    /// Names the first part that is too large.
    pub fn check(&self) -> Result<(), RequestError> {
        let at_most = |what, came: usize, limit| {
            if came > limit {
                Err(RequestError { what, came, limit })
            } else {
                Ok(())
            }
        };
        at_most(
            "presented certificates",
            self.presented.certificates.len(),
            limits::PRESENTED,
        )?;
        at_most(
            "conveyed certificates",
            self.conveyed.certificates().len(),
            limits::CONVEYED,
        )?;
        at_most(
            "trust anchors",
            self.anchors.certificates().len(),
            limits::ANCHORS,
        )?;
        at_most(
            "certificate revocation lists",
            self.crls.len(),
            limits::CRLS,
        )?;
        at_most("DNS records", self.records.len(), limits::RECORDS)?;
        at_most("candidates", self.candidates.len(), limits::CANDIDATES)?;
        at_most(
            "reference identifiers",
            self.reference_ids.len(),
            limits::REFERENCE_IDS,
        )?;
        let certificates = self
            .presented
            .certificates
            .iter()
            .chain(self.conveyed.certificates())
            .chain(self.anchors.certificates());
        for der in certificates {
            at_most(
                "octets of a certificate",
                der.len(),
                limits::CERTIFICATE_OCTETS,
            )?;
        }
        for der in &self.crls {
            at_most("octets of a CRL", der.len(), limits::CRL_OCTETS)?;
        }
        let ocsp = self
            .presented
            .ocsp_response
            .as_ref()
            .map_or(0, |der| der.len());
        at_most("octets of an OCSP response", ocsp, limits::OCSP_OCTETS)?;
        let names = self
            .authentication_domain_name
            .iter()
            .chain(self.records.iter().map(|record| &record.owner))
            .chain(self.candidates.iter().map(|candidate| &candidate.target));
        for name in names {
            at_most("octets of a name", name.len(), limits::NAME_OCTETS)?;
        }
        let paths = self
            .candidates
            .iter()
            .map(|candidate| &candidate.path)
            .chain(self.server.iter().map(|server| &server.path));
        for path in paths.flatten() {
            at_most("octets of a path", path.len(), limits::NAME_OCTETS)?;
        }
        let configurations = self
            .candidates
            .iter()
            .map(|candidate| &candidate.ech)
            .chain(self.server.iter().map(|server| &server.ech));
        for ech in configurations.flatten() {
            at_most("octets of ECH configurations", ech.len(), ech::OCTETS)?;
        }
        let pins = self.candidates.iter().map(|candidate| candidate.pins.len());
        for pins in pins.chain([self.pins.len()]) {
            at_most("pins", pins, limits::PINS)?;
        }
        let sources = self.candidates.iter().map(|candidate| candidate.also.len());
        for sources in sources.chain([self.sources.len()]) {
            at_most("sources", sources, limits::SOURCES)?;
        }
        let info = self.resolver_info.as_ref().map_or(0, |info| info.len());
        at_most(
            "octets of resolver information",
            info,
            usize::from(u16::MAX),
        )?;
        if let Some(token) = &self.privacy_token {
            at_most("octets of a URL", token.url.len(), URL_OCTETS)?;
            let octets = token.token.as_ref().map_or(0, |token| token.len());
            at_most("octets of a privacy token", octets, TOKEN_OCTETS)?;
        }
        for record in &self.records {
            at_most(
                "octets of a record's data",
                record.rdata.len(),
                usize::from(u16::MAX),
            )?;
        }
        Ok(())
    }
}

/// A request is larger than what is judged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("too many {what}: {came}, at most {limit} are judged")]
pub struct RequestError {
    /// What there is too much of.
    pub what: &'static str,
    /// How much came.
    pub came: usize,
    /// How much is allowed.
    pub limit: usize,
}

/// A reference identifier (RFC 9525 section 6.1). In JSON `{"dns-id": "dns.example.net"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReferenceId {
    /// A DNS name, lower case, without a final dot.
    DnsId(String),
    /// An address.
    IpId(IpAddr),
    /// A service name (RFC 4985), `_service.name`.
    SrvId(String),
}

impl ReferenceId {
    /// `dns-id`, `ip-id` or `srv-id`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DnsId(_) => "dns-id",
            Self::IpId(_) => "ip-id",
            Self::SrvId(_) => "srv-id",
        }
    }

    /// The identifier in text.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::DnsId(name) | Self::SrvId(name) => name.clone(),
            Self::IpId(address) => alloc::format!("{address}"),
        }
    }
}

/// A digest that a certificate of the certification path must have. In JSON `{"spki-sha256": "64 hexadecimal digits"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pin {
    /// SHA-256 of a `SubjectPublicKeyInfo` (RFC 7858 section 4.2).
    SpkiSha256(Digest),
    /// SHA-256 of a `TBSCertificate`, as DNS stamps have it.
    TbsSha256(Digest),
}

impl Pin {
    /// `spki-sha256` or `tbs-sha256`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SpkiSha256(_) => "spki-sha256",
            Self::TbsSha256(_) => "tbs-sha256",
        }
    }

    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        match self {
            Self::SpkiSha256(digest) | Self::TbsSha256(digest) => digest,
        }
    }

    fn write(w: &mut Writer, pin: &Self) {
        w.text(pin.kind());
        w.octets(pin.digest().as_octets());
    }
}

/// Where a peer is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Server {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// DoH: the path of the URI template, with the variable `dns`: `/dns-query{?dns}`. The URI is `https`, with
    /// [`Request::peer`] as its host and this port (RFC 9461 section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Configurations with which the ClientHello is encrypted (RFC 9849), of which one can be used. The peer is not spoken to in
    /// any other way then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<Der>,
}

/// What a peer presented in its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Presented {
    /// DER, in the order in which they came: the end entity's first.
    pub certificates: Vec<Der>,
    /// The stapled OCSP response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp_response: Option<Der>,
}

/// What the enrolment conveyed about this network's DNS server (the draft's sections 4 and 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", deny_unknown_fields)]
pub enum Conveyed {
    /// There was no enrolment.
    #[default]
    NotEnrolled,
    /// The enrolment conveyed these end-entity certificates, DER.
    Certificates {
        /// At least one.
        certificates: Vec<Der>,
    },
    /// There was an enrolment and it conveyed no certificate of a DNS server.
    None {
        /// The enrolment's profile says that its trust anchors alone suffice.
        #[serde(default, rename = "anchors-suffice")]
        anchors_suffice: bool,
    },
}

impl Conveyed {
    /// The case as a word of the contract.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::NotEnrolled => "not-enrolled",
            Self::Certificates { .. } => "certificates",
            Self::None { .. } => "none",
        }
    }

    /// The certificates that were conveyed.
    #[must_use]
    pub fn certificates(&self) -> &[Der] {
        match self {
            Self::Certificates { certificates } => certificates,
            Self::NotEnrolled | Self::None { .. } => &[],
        }
    }

    /// Whether trust anchors alone suffice.
    #[must_use]
    pub const fn anchors_suffice(&self) -> bool {
        matches!(
            self,
            Self::None {
                anchors_suffice: true
            }
        )
    }
}

/// Trust anchors with an index by subject. Made once, shared by every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorSet {
    database: AnchorDatabase,
    certificates: Vec<Der>,
    by_subject: BTreeMap<Vec<u8>, Vec<u32>>,
    digest: Digest,
}

impl AnchorSet {
    /// The set of these certificates. One whose subject cannot be read stays in the set and is found by no subject.
    #[must_use]
    pub fn new(database: AnchorDatabase, certificates: Vec<Der>) -> Self {
        let mut by_subject: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        let mut w = Writer::new("resolvet anchors 1");
        w.text(database.as_str());
        w.number(certificates.len() as u64);
        for (index, der) in (0_u32..).zip(&certificates) {
            w.octets(der);
            if let Some(subject) = certificate::subject(der) {
                by_subject.entry(subject.to_vec()).or_default().push(index);
            }
        }
        Self {
            database,
            certificates,
            by_subject,
            digest: w.finish(),
        }
    }

    /// Which database they come from.
    #[must_use]
    pub const fn database(&self) -> &AnchorDatabase {
        &self.database
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Der] {
        &self.certificates
    }

    /// The positions of those whose subject is this DER `Name`.
    #[must_use]
    pub fn for_subject(&self, name: &[u8]) -> &[u32] {
        self.by_subject.get(name).map_or(&[], Vec::as_slice)
    }

    /// The digest of the whole set.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Default for AnchorSet {
    fn default() -> Self {
        Self::new(AnchorDatabase::None, Vec::new())
    }
}

/// The JSON form of an [`AnchorSet`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnchorList {
    database: AnchorDatabase,
    #[serde(default)]
    certificates: Vec<Der>,
}

impl Serialize for AnchorSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = AnchorList {
            database: self.database.clone(),
            certificates: self.certificates.clone(),
        };
        list.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnchorSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = AnchorList::deserialize(deserializer)?;
        if list.database == AnchorDatabase::None && !list.certificates.is_empty() {
            return Err(D::Error::custom(
                "database `none` has no certificates: expected `explicit` or `implicit`",
            ));
        }
        Ok(Self::new(list.database, list.certificates))
    }
}

/// A DNS record as it came, names uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DnsRecord {
    /// Owner in presentation form, absolute, lower case.
    pub owner: String,
    /// The type's number.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Data, names uncompressed.
    pub rdata: Der,
    /// DNSSEC state.
    #[serde(default = "indeterminate")]
    pub dnssec: Dnssec,
}

fn indeterminate() -> Dnssec {
    Dnssec::Indeterminate
}

/// A server that discovery yielded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Candidate {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The host name that the address belongs to. Never a reference identifier (RFC 9525 section 6.1).
    pub target: String,
    /// Which way found it: the first that counts when several did.
    pub source: Source,
    /// The further ways that found it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Source>,
    /// DoH: the path of its URI template ([`Server::path`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Configurations with which the ClientHello is encrypted ([`Server::ech`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<Der>,
    /// What it must answer to where that is not the domain that discovery began at: the name that a DNR option gave, the
    /// address of the resolver that designated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ReferenceId>,
    /// Digests of which its certification path must have one; none: any path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// The administrator's ranks, smaller first, from the outermost rule to the innermost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<u32>,
    /// The weight of the SRV record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Positions, in the request's records, of what it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u32>,
}

impl Candidate {
    /// Where it is.
    #[must_use]
    pub fn server(&self) -> Server {
        Server {
            transport: self.transport.clone(),
            address: self.address,
            port: self.port,
            path: self.path.clone(),
            ech: self.ech.clone(),
        }
    }

    /// Every way that found it, the first that counts first.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        core::iter::once(&self.source).chain(&self.also)
    }

    fn has_later_facts(&self) -> bool {
        let more = !self.also.is_empty() || !self.pins.is_empty();
        more || self.path.is_some() || self.identity.is_some()
    }
}

/// An address as 4 or 16 octets in network order.
#[must_use]
pub(crate) fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    /// A request of before it had the facts of enrolment, as it stands in old records.
    const RECORD: &str = r#"{"purpose":"est-server","now":1800000000}"#;

    #[test]
    fn an_old_record_reads_as_it_was() {
        let request: Request = serde_json::from_str(RECORD).unwrap();
        assert_eq!(request, Request::new(Purpose::EstServer, 1_800_000_000));
        // The digest that this request had then: a record names it.
        assert_eq!(
            request.digest().to_string(),
            "0311645836b47e1df313567bc812c7b383ee1dbec285ea83834c976f6bf01c84"
        );
        let json = serde_json::to_string(&request).unwrap();
        assert!(!json.contains("authentication"), "{json}");
        assert!(!json.contains("revocation"), "{json}");
    }

    #[test]
    fn every_fact_of_an_enrolment_is_in_the_digest_and_in_the_record() {
        let plain = Request::new(Purpose::Registrar, 0);
        let by = |way: &str| Request {
            est_server_authentication: Some(way.into()),
            ..plain.clone()
        };
        let checks = |checks| Request {
            domain_cert_revocation_checks: Some(checks),
            ..plain.clone()
        };
        let requests = [
            plain.clone(),
            by("opaque"),
            by("voucher"),
            by("a-way-of-tomorrow"),
            checks(true),
            checks(false),
        ];
        for (position, request) in requests.iter().enumerate() {
            let json = serde_json::to_string(request).unwrap();
            assert_eq!(&serde_json::from_str::<Request>(&json).unwrap(), request);
            for other in requests.iter().skip(position + 1) {
                assert_ne!(request.digest(), other.digest());
            }
        }
    }
}
