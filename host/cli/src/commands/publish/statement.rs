//! A privacy statement as an administrator writes it, in TOML or JSON.

use std::{collections::BTreeMap, fs, path::Path};

use resolvet_proto::certificate::privacy::{
    Logging, LoggingKind, PrivacyPolicy, PrivacyStatement, Sharing,
};
use serde::Deserialize;

use crate::exit::UsageError;

/// Octets of a statement's file.
const OCTETS: u64 = 65_536;
/// Hours that stand for *without end* (the draft's section 10.2).
const WITHOUT_END: i64 = -1;

/// What the draft's section 10.1 asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Statement {
    ip_address_is_personal: bool,
    /// Hours for each kind that is logged; -1 is without end.
    #[serde(default)]
    logs: BTreeMap<LoggingKind, i64>,
    /// Names of partners that data is shared with.
    #[serde(default)]
    partners: Vec<String>,
    /// Whether what partners get is anonymized.
    anonymized: Option<bool>,
    transfers_data: bool,
    blocks_domains: bool,
    policy_url: Option<String>,
    audit_url: Option<String>,
}

/// Reads a file, or the word `none`.
pub(super) fn read(file: &Path) -> Result<PrivacyStatement, UsageError> {
    if file.as_os_str() == "none" {
        return Ok(PrivacyStatement::None);
    }
    let wrong = |reason: String| UsageError(format!("--privacy: `{}`: {reason}", file.display()));
    let length = fs::metadata(file)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if length > OCTETS {
        return Err(wrong(format!("{length} octets, at most {OCTETS} are read")));
    }
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<PrivacyStatement, String> {
    let statement: Statement = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        toml::from_str(text).map_err(|error| error.to_string())?
    };
    statement.checked()
}

impl Statement {
    /// Refuses what the draft forbids and what would contradict itself.
    fn checked(self) -> Result<PrivacyStatement, String> {
        for (key, url) in [
            ("policy-url", &self.policy_url),
            ("audit-url", &self.audit_url),
        ] {
            if let Some(url) = url
                && !(url.starts_with("https://") && url.len() > "https://".len() && url.is_ascii())
            {
                return Err(format!(
                    "`{key}` is `{}`: expected `https://…` (draft-reddy-dprive-bootstrap-dns-server-04 10.2)",
                    url.escape_debug()
                ));
            }
        }
        for (kind, hours) in &self.logs {
            if *hours < WITHOUT_END {
                return Err(format!(
                    "`logs.{}` is {hours}: expected hours, or -1 for without end",
                    kind.as_str()
                ));
            }
        }
        if self.anonymized.is_some() && self.partners.is_empty() {
            return Err("`anonymized` is said and `partners` names nobody".into());
        }
        if self
            .partners
            .iter()
            .any(|partner| partner.trim().is_empty())
        {
            return Err("`partners` has an empty name".into());
        }
        let shares = !self.partners.is_empty();
        Ok(PrivacyStatement::Policy(PrivacyPolicy {
            ip_address_is_personal: self.ip_address_is_personal,
            logging: Logging {
                none: self.logs.is_empty(),
                kinds: self.logs.keys().copied().collect(),
                unknown_kinds: false,
                durations: self.logs.into_iter().collect(),
            },
            sharing: Sharing {
                with_partners: shares,
                partners: shares.then_some(self.partners),
                anonymized: self.anonymized,
            },
            transfers_data: self.transfers_data,
            blocks_domains: self.blocks_domains,
            policy_url: self.policy_url,
            audit_url: self.audit_url,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    const TOML: &str = "ip-address-is-personal = true\ntransfers-data = false\nblocks-domains = true\n\
                        policy-url = \"https://example.net/privacy\"\n[logs]\nknown-malware = 24\n";

    #[test]
    fn toml_and_json_say_the_same() {
        let json = r#" {"ip-address-is-personal": true, "transfers-data": false, "blocks-domains": true,
            "policy-url": "https://example.net/privacy", "logs": {"known-malware": 24}}"#;
        let statement = parse(TOML).unwrap();
        assert_eq!(parse(json).unwrap(), statement);
        let PrivacyStatement::Policy(policy) = statement else {
            unreachable!()
        };
        assert_eq!(policy.logging.kinds, [LoggingKind::KnownMalware]);
        assert_eq!(policy.logging.duration(LoggingKind::KnownMalware), Some(24));
        assert!(!policy.logging.none && !policy.sharing.with_partners);
    }

    #[test]
    fn what_is_not_said_is_not_guessed_and_what_contradicts_itself_is_refused() {
        for (text, expected) in [
            ("transfers-data = false", "missing field"),
            (
                "ip-address-is-personal = true\ntransfers-data = false\nblocks-domains = true\nlog = 1",
                "unknown field `log`",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for (line, expected) in [
            ("audit-url = \"http://example.net/\"", "`audit-url` is"),
            ("anonymized = true", "names nobody"),
            ("partners = [\" \"]", "empty name"),
        ] {
            let error = parse(&format!("{line}\n{TOML}")).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = parse(&TOML.replace("24", "-2")).unwrap_err();
        assert!(error.contains("`logs.known-malware` is -2"), "{error}");
    }
}
