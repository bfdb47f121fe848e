//! What an enrolment leaves behind: what the store keeps for one network.

use alloc::{string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    brski,
    est::{CaLabel, Endpoint, Operation},
};
use crate::{
    certificate,
    judgement::{AnchorDatabase, AnchorSet, Conveyed, Der, ReferenceId, ServerAuthentication},
    word::open_word,
};

/// The version of the stored form that this code writes and reads.
const VERSION: u32 = 1;

open_word! {
    /// Where an anchor came from.
    AnchorSource {
        /// `/cacerts` over an authenticated connection (RFC 7030 section 4.1).
        CaCerts = "cacerts",
        /// The pin of a voucher (RFC 8366).
        Voucher = "voucher",
        /// The administrator.
        Configured = "configured",
    }
}

/// An Explicit trust anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Anchor {
    /// The certificate, DER.
    pub certificate: Der,
    /// Where it came from.
    pub source: AnchorSource,
}

/// The EST server that an enrolment is renewed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EstServer {
    /// Where it was. Discovery may find it elsewhere: it is known by its reference identifiers.
    pub endpoint: Endpoint,
    /// The label of the certification authority, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<CaLabel>,
    /// Its reference identifiers: the DNS-IDs of the certificate that it was authenticated with (the draft's section 4, step
    /// 3), lower case. Empty for a registrar that is known by id-kp-cmcRA alone (RFC 7030 section 3.6.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_ids: Vec<String>,
    /// How it was authenticated the first time.
    pub authentication: ServerAuthentication,
    /// The certificate that it had then, DER.
    pub certificate: Der,
}

/// A certificate of the device's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LocalIdentity {
    /// The certificate (LDevID), DER.
    pub certificate: Der,
    /// What leads from it to an anchor, DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Der>,
    /// The handle of its key in the key store; never the key.
    pub key: String,
}

impl LocalIdentity {
    /// Whether two thirds of its validity are over.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        renewal(&self.certificate).is_some_and(|due| due <= now)
    }
}

/// When two thirds of a certificate's validity are over: a server that is away for a while does no harm then.
fn renewal(certificate: &[u8]) -> Option<u64> {
    let (from, until) = certificate::validity(certificate)?;
    Some(from.saturating_add(until.saturating_sub(from) / 3 * 2))
}

/// A request that a server has not decided yet (RFC 7030 section 4.2.3): it is sent again as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pending {
    /// What was asked.
    pub operation: Operation,
    /// The request, DER.
    pub request: Der,
    /// The handle of the request's key in the key store.
    pub key: String,
    /// When it was sent first, seconds since 1970.
    pub since: u64,
    /// When it may be sent again, seconds since 1970.
    pub not_before: u64,
}

/// A voucher request that a registrar has not decided yet (RFC 8995 section 5.6): it is sent again as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PendingVoucher {
    version: Version,
    /// The registrar.
    pub endpoint: Endpoint,
    /// Where the request goes there.
    pub path: String,
    /// What the registrar presented, DER: the request names it.
    pub registrar: Vec<Der>,
    /// The request, CMS.
    pub request: Der,
    /// The nonce of the request.
    pub nonce: String,
    /// When it was sent first, seconds since 1970.
    pub since: u64,
    /// When it may be sent again, seconds since 1970.
    pub not_before: u64,
}

impl PendingVoucher {
    pub(super) fn new(
        endpoint: Endpoint,
        path: String,
        registrar: Vec<Der>,
        (request, nonce): (Der, String),
        (since, not_before): (u64, u64),
    ) -> Self {
        Self {
            version: Version,
            endpoint,
            path,
            registrar,
            request,
            nonce,
            since,
            not_before,
        }
    }
}

/// What an enrolment left behind. In JSON it carries the number of its form, and another number is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Enrolment {
    version: Version,
    /// When it was made or renewed last, seconds since 1970.
    pub renewed: u64,
    /// Which trust anchor database applies to this network's DNS and EST servers.
    pub database: AnchorDatabase,
    /// The Explicit trust anchors; empty where the Implicit ones apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Anchor>,
    /// Other certificates of authorities, which help to build paths, DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediates: Vec<Der>,
    /// The DNS server's certificates, DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_entities: Vec<Der>,
    /// The authentication domain name, lower case, without a final dot; absent when no certificate was conveyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_domain_name: Option<String>,
    /// Whether anchors alone suffice where no certificate was conveyed.
    #[serde(default)]
    pub anchors_suffice: bool,
    /// Certificate revocation lists, DER, not verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<Der>,
    /// The server that it is renewed at.
    pub est: EstServer,
    /// The voucher, CMS as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<Der>,
    /// The device's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<LocalIdentity>,
    /// A request that is not decided yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Not before this time the server is asked again after a failure, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Enrolment {
    /// An enrolment at this server that conveyed nothing yet.
    #[must_use]
    pub const fn new(est: EstServer, database: AnchorDatabase, now: u64) -> Self {
        Self {
            version: Version,
            renewed: now,
            database,
            anchors: Vec::new(),
            intermediates: Vec::new(),
            end_entities: Vec::new(),
            authentication_domain_name: None,
            anchors_suffice: false,
            crls: Vec::new(),
            est,
            voucher: None,
            identity: None,
            pending: None,
            retry_after: None,
        }
    }

    /// What policies are told about what was conveyed.
    #[must_use]
    pub fn conveyed(&self) -> Conveyed {
        if self.end_entities.is_empty() {
            return Conveyed::None {
                anchors_suffice: self.anchors_suffice,
            };
        }
        Conveyed::Certificates {
            certificates: self.end_entities.clone(),
        }
    }

    /// The anchors that apply: the enrolment's own, or the system's where the enrolment says so and they are enabled.
    #[must_use]
    pub fn anchor_set(&self, implicit: Option<&Arc<AnchorSet>>) -> Arc<AnchorSet> {
        match self.database {
            AnchorDatabase::Explicit => {
                let anchors = self.anchors.iter();
                Arc::new(AnchorSet::new(
                    AnchorDatabase::Explicit,
                    anchors.map(|anchor| anchor.certificate.clone()).collect(),
                ))
            }
            AnchorDatabase::Implicit => implicit.cloned().unwrap_or_default(),
            _ => Arc::default(),
        }
    }

    /// What the EST server must answer to.
    #[must_use]
    pub fn est_reference_ids(&self) -> Vec<ReferenceId> {
        let names = self.est.reference_ids.iter().cloned();
        names.map(ReferenceId::DnsId).collect()
    }

    /// What the voucher says of revocation checks in its domain (RFC 8366 section 5.3). It was verified before it was stored.
    #[must_use]
    pub fn revocation_checks(&self) -> Option<bool> {
        let signed = brski::Signed::from_der(self.voucher.as_deref()?).ok()?;
        let voucher = brski::Voucher::from_json(signed.content()).ok()?;
        voucher.domain_cert_revocation_checks
    }

    /// When the first of the conveyed certificates and of the device's own ends, seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let own = self.identity.iter().map(|identity| &identity.certificate);
        let all = self.end_entities.iter().chain(own);
        all.filter_map(|der| certificate::validity(der))
            .map(|(_, not_after)| not_after)
            .min()
    }

    /// When to renew: when two thirds of the validity of anything that ends are over, or when a pending request may be sent
    /// again.
    #[must_use]
    pub fn renew_at(&self) -> Option<u64> {
        let own = self.identity.iter().map(|identity| &identity.certificate);
        let all = self.end_entities.iter().chain(own);
        let pending = self.pending.iter().map(|pending| pending.not_before);
        all.filter_map(|der| renewal(der)).chain(pending).min()
    }
}

/// The number of the stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let presented = u32::deserialize(deserializer)?;
        if presented != VERSION {
            return Err(D::Error::custom(format_args!(
                "form {presented} of an enrolment, expected {VERSION}"
            )));
        }
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolment() -> Enrolment {
        let est = EstServer {
            endpoint: Endpoint::new("est.example.net", 8443).unwrap(),
            label: Some(CaLabel::new("dns").unwrap()),
            reference_ids: ["est.example.net".into()].into(),
            authentication: ServerAuthentication::HttpMutual,
            certificate: [0x30, 0].as_slice().into(),
        };
        Enrolment::new(est, AnchorDatabase::Implicit, 1)
    }

    #[test]
    fn it_reads_back_from_json() {
        let json = serde_json::to_string(&enrolment()).unwrap();
        assert!(json.starts_with(r#"{"version":1,"renewed":1,"#), "{json}");
        assert_eq!(
            serde_json::from_str::<Enrolment>(&json).unwrap(),
            enrolment()
        );
    }

    #[test]
    fn another_form_is_refused() {
        let json = serde_json::to_string(&enrolment()).unwrap();
        let other = json.replace(r#""version":1"#, r#""version":2"#);
        let error = serde_json::from_str::<Enrolment>(&other).unwrap_err();
        assert!(
            alloc::string::ToString::to_string(&error)
                .starts_with("form 2 of an enrolment, expected 1")
        );
        assert!(serde_json::from_str::<Enrolment>(&json.replace(r#""version":1,"#, "")).is_err());
    }

    #[test]
    fn anchors_are_those_of_the_database() {
        let system = Arc::new(AnchorSet::new(
            AnchorDatabase::Implicit,
            [[0x30, 1].as_slice().into()].into(),
        ));
        let mut enrolment = enrolment();
        assert_eq!(enrolment.anchor_set(Some(&system)), system);
        assert_eq!(enrolment.anchor_set(None).database(), &AnchorDatabase::None);
        enrolment.database = AnchorDatabase::Explicit;
        enrolment.anchors.push(Anchor {
            certificate: [0x30, 2].as_slice().into(),
            source: AnchorSource::CaCerts,
        });
        let explicit = enrolment.anchor_set(Some(&system));
        assert_eq!(explicit.database(), &AnchorDatabase::Explicit);
        assert_eq!(explicit.certificates(), [[0x30, 2].as_slice().into()]);
    }
}
