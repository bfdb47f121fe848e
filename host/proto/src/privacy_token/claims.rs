//! What a token claims (the drafts' section 7): for which servers, how long, and what they do.

use alloc::{string::String, vec, vec::Vec};
use core::net::IpAddr;

use serde::Deserialize;

use super::{TokenError, is_there, limits};
use crate::{
    certificate::privacy::{Logging, LoggingKind, PrivacyPolicy, Sharing},
    endpoint::Endpoint,
    json,
};

/// The claims of a token. Members that are not known are ignored (RFC 7519 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// When it was made, seconds since 1970.
    pub iat: u64,
    /// When it ends.
    pub exp: u64,
    /// For which servers it holds.
    pub server: Servers,
    /// What a server does, as the draft of 2019 has it.
    #[serde(default)]
    pub privinfo: Option<PrivacyInformation>,
    /// What a server does, as the draft of 2020 has it: nothing about logging.
    #[serde(default)]
    pub policyinfo: Option<PolicyInformation>,
}

/// Names of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Servers {
    /// Authentication domain names.
    pub adn: Vec<String>,
    /// URI templates of DoH servers.
    pub uri: Vec<String>,
}

/// What is held back, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Filtering {
    malwareblocking: bool,
    phishingblocking: bool,
    policyblocking: bool,
    censoredblocking: bool,
}

impl Filtering {
    const fn any(self) -> bool {
        let harmful = self.malwareblocking || self.phishingblocking;
        harmful || self.policyblocking || self.censoredblocking
    }
}

/// `privinfo`. Durations are hours, 0 for never and -1 without end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PrivacyInformation {
    ipaddresspii: bool,
    logging: i64,
    useridentity: i64,
    #[serde(default)]
    notifyuser: i64,
    #[serde(default)]
    analytics: i64,
    #[serde(default)]
    filtering: Filtering,
    sharedata: SharedData,
    transferdata: bool,
    qnameminimization: bool,
    privacyurl: String,
    #[serde(default)]
    auditurl: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    upstreamservers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SharedData {
    sharepartners: bool,
    #[serde(default)]
    partners: Option<Vec<String>>,
    #[serde(default)]
    anonymizeddata: Option<bool>,
}

/// `policyinfo`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyInformation {
    #[serde(default)]
    filtering: Filtering,
    qnameminimization: bool,
    privacyurl: String,
    #[serde(default)]
    auditurl: Option<String>,
}

impl Claims {
    /// Reads claims.
    pub(super) fn read(payload: &[u8]) -> Result<Self, TokenError> {
        let part = "payload";
        let text = core::str::from_utf8(payload).map_err(|_| TokenError::Encoding { part })?;
        let claims: Self =
            json::read(text).map_err(|problem| TokenError::Json { part, problem })?;
        claims.check()?;
        Ok(claims)
    }

    fn check(&self) -> Result<(), TokenError> {
        let wrong = |problem| Err(TokenError::Claims(problem));
        let names = self.server.adn.len() + self.server.uri.len();
        if names == 0 {
            return wrong("`server` names none");
        }
        if names > limits::SERVERS {
            return wrong("`server` names more than 64");
        }
        if self.exp <= self.iat {
            return wrong("it ends before it begins");
        }
        let Some(info) = &self.privinfo else {
            return match self.policyinfo {
                Some(_) => Ok(()),
                None => wrong("neither `privinfo` nor `policyinfo` is there"),
            };
        };
        let details = [info.useridentity, info.notifyuser, info.analytics];
        if details
            .iter()
            .chain([&info.logging])
            .any(|hours| *hours < -1)
        {
            return wrong("a duration is below -1 hours");
        }
        if info.logging == 0 && details.iter().any(|hours| *hours != 0) {
            return wrong("`logging` is 0, and something is logged");
        }
        let shared = &info.sharedata;
        if !shared.sharepartners && (shared.partners.is_some() || shared.anonymizeddata.is_some()) {
            return wrong("`sharepartners` is false, and what is shared is described");
        }
        Ok(())
    }

    /// Whether it holds for the server that was authenticated by this name.
    #[must_use]
    pub fn is_for_name(&self, name: &str) -> bool {
        let is_name = |other: &str| {
            let other = other.strip_suffix('.').unwrap_or(other);
            other.eq_ignore_ascii_case(name)
        };
        self.server.adn.iter().any(|other| is_name(other))
            || self.hosts().any(|uri| is_name(uri.host()))
    }

    /// Whether it holds for the server that was authenticated by this address.
    #[must_use]
    pub fn is_for_address(&self, address: IpAddr) -> bool {
        self.hosts()
            .any(|uri| uri.host().parse::<IpAddr>().ok() == Some(address))
    }

    fn hosts(&self) -> impl Iterator<Item = Endpoint> {
        let hosts = self.server.uri.iter();
        hosts.filter_map(|uri| Some(Endpoint::parse(uri).ok()?.0))
    }

    /// What the privacy extension would say; `None` where nothing is said about logging.
    #[must_use]
    pub fn statement(&self) -> Option<PrivacyPolicy> {
        let info = self.privinfo.as_ref()?;
        let durations: Vec<(LoggingKind, i64)> = [
            (LoggingKind::All, info.logging),
            (LoggingKind::UserIdentity, info.useridentity),
            (LoggingKind::NotifyUser, info.notifyuser),
            (LoggingKind::Analytics, info.analytics),
        ]
        .into_iter()
        .filter(|(_, hours)| *hours != 0)
        .collect();
        Some(PrivacyPolicy {
            ip_address_is_personal: info.ipaddresspii,
            logging: Logging {
                none: durations.is_empty(),
                kinds: durations.iter().map(|(kind, _)| *kind).collect(),
                unknown_kinds: false,
                durations,
            },
            sharing: Sharing {
                with_partners: info.sharedata.sharepartners,
                partners: info.sharedata.partners.clone(),
                anonymized: info.sharedata.anonymizeddata,
            },
            transfers_data: info.transferdata,
            blocks_domains: self.blocks_domains(),
            policy_url: Some(info.privacyurl.clone()),
            audit_url: info.auditurl.clone(),
        })
    }

    /// Whether answers are held back, for whatever reason.
    #[must_use]
    pub fn blocks_domains(&self) -> bool {
        let private = self.privinfo.as_ref().map(|info| info.filtering);
        let public = self.policyinfo.as_ref().map(|info| info.filtering);
        [private, public].into_iter().flatten().any(Filtering::any)
    }

    /// Whether query names are minimized (RFC 9156): the worse, where it is said twice.
    #[must_use]
    pub fn minimizes_names(&self) -> bool {
        let private = self.privinfo.as_ref().map(|info| info.qnameminimization);
        let public = self.policyinfo.as_ref().map(|info| info.qnameminimization);
        [private, public]
            .into_iter()
            .flatten()
            .all(|minimizes| minimizes)
    }

    /// Whether it passes queries on to servers that have statements of their own, which are not read here.
    #[must_use]
    pub fn has_upstream(&self) -> bool {
        let info = self.privinfo.as_ref();
        info.is_some_and(|info| info.upstreamservers)
    }

    /// Where the policy and an auditor's report can be read, as each part says.
    #[must_use]
    pub fn urls(&self) -> Vec<(&str, Option<&str>)> {
        let mut urls = vec![];
        if let Some(info) = &self.privinfo {
            urls.push((info.privacyurl.as_str(), info.auditurl.as_deref()));
        }
        if let Some(info) = &self.policyinfo {
            urls.push((info.privacyurl.as_str(), info.auditurl.as_deref()));
        }
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Claims, TokenError> {
        Claims::read(json.as_bytes())
    }

    fn private(change: &str, to: &str) -> Result<Claims, TokenError> {
        let json = r#"{"iat":1,"exp":9,"server":{"adn":["Example.com."],"uri":["https://doh.example.com/q{?dns}","https://192.0.2.1/q{?dns}"]},"privinfo":{"ipaddresspii":true,"logging":24,"useridentity":-1,"notifyuser":2,"filtering":{"malwareblocking":true},"sharedata":{"sharepartners":true,"partners":["A"],"anonymizeddata":true},"transferdata":false,"qnameminimization":true,"privacyurl":"https://example.com/p","other":[1]}}"#;
        assert!(json.contains(change), "{change}");
        read(&json.replace(change, to))
    }

    #[test]
    fn claims_say_what_an_extension_would() {
        let claims = private("", "").unwrap();
        let statement = claims.statement().unwrap();
        let hours = |kind| statement.logging.duration(kind);
        assert_eq!(hours(LoggingKind::All), Some(24));
        assert_eq!(hours(LoggingKind::UserIdentity), Some(-1));
        assert_eq!(hours(LoggingKind::Analytics), None);
        assert!(!statement.logging.none && statement.blocks_domains);
        assert_eq!(
            statement.sharing.partners.as_deref(),
            Some(&["A".into()][..])
        );
        for (name, expected) in [
            ("example.com", true),
            ("doh.example.com", true),
            ("a.example.com", false),
        ] {
            assert_eq!(claims.is_for_name(name), expected);
        }
        assert!(claims.is_for_address([192, 0, 2, 1].into()));
        assert!(!claims.is_for_address([192, 0, 2, 2].into()));
        assert!(!claims.has_upstream());
        let upstream = private("\"other\"", "\"upstreamservers\"").unwrap();
        assert!(upstream.has_upstream());
    }

    #[test]
    fn contradictions_are_refused() {
        for (change, to, problem) in [
            ("\"exp\":9", "\"exp\":1", "ends before"),
            ("\"logging\":24", "\"logging\":0", "`logging` is 0"),
            ("\"logging\":24", "\"logging\":-2", "below -1"),
            (
                "\"sharepartners\":true",
                "\"sharepartners\":false",
                "is false",
            ),
            ("privinfo", "prvinfo", "neither"),
            ("\"server\"", "\"srver\"", "missing field `server`"),
            ("\"iat\":1", "\"iat\":1,\"iat\":2", "duplicate field `iat`"),
            ("\"iat\":1", "\"iat\":1.5", "expected u64"),
            (
                "\"transferdata\":false,",
                "",
                "missing field `transferdata`",
            ),
        ] {
            let error = alloc::format!("{}", private(change, to).unwrap_err());
            assert!(error.contains(problem), "{error}");
        }
        let nobody = r#"{"iat":1,"exp":9,"server":{},"policyinfo":{"qnameminimization":true,"privacyurl":""}}"#;
        assert!(read(nobody).is_err());
    }
}
