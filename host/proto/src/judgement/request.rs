//! The request: an owned value that is digested, logged and replayed. What a policy is told is this and nothing else.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    AnchorSet, Candidate, Conveyed, Der, Digest, DnsRecord, Pin, Presented, ReferenceId, Server,
    digest::Writer,
    limits,
    words::{Clock, NetworkIdentity, Purpose, ServerAuthentication, Source, UsageProfile},
};
use crate::{
    discovery::ech,
    privacy_token::{
        PrivacyToken,
        limits::{TOKEN_OCTETS, URL_OCTETS},
    },
};

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

/// An address as 4 or 16 octets in network order.
fn address_octets(address: IpAddr) -> Vec<u8> {
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
