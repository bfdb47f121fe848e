//! The clauses of a statement, one after another.

use resolvet_guest::{
    certificate::privacy::{LoggingKind, PrivacyPolicy},
    prelude::*,
};

use crate::settings::{Settings, Sharing, setting};

/// Adds a finding for each clause that is not acceptable, or not what the draft allows.
pub(crate) fn check(policy: &PrivacyPolicy, settings: &Settings, findings: &mut Vec<Finding>) {
    if settings.require_address_is_personal && !policy.ip_address_is_personal {
        let message =
            "a client's address is not treated as personal (setting `require-address-is-personal`)";
        findings.push(Finding::error("address-not-personal", message));
    }
    logging(policy, settings, findings);
    sharing(policy, settings, findings);
    if policy.transfers_data && !settings.accept_transfer {
        let message = "data is shared with or sold to third parties (setting `accept-transfer`)";
        findings.push(Finding::error("transfer-to-third-parties", message));
    }
    blocking(policy.blocks_domains, settings, findings);
    urls(
        policy.policy_url.as_deref(),
        policy.audit_url.as_deref(),
        settings,
        findings,
    );
}

/// What is held back.
pub(crate) fn blocking(blocks: bool, settings: &Settings, findings: &mut Vec<Finding>) {
    if blocks && !settings.accept_blocking {
        let message = "domains are blocked (setting `accept-blocking`)";
        findings.push(Finding::error("blocks-domains", message));
    }
}

/// Where more can be read.
pub(crate) fn urls(
    policy: Option<&str>,
    audit: Option<&str>,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) {
    let policy_url = ("policy-url", policy, settings.require_policy_url);
    let audit_url = ("audit-report", audit, settings.require_audit_report);
    for (noun, url, required) in [policy_url, audit_url] {
        match url {
            None if required => {
                let message = format!("no URL is stated (setting `require-{noun}`)");
                findings.push(Finding::error(format!("{noun}-missing"), message));
            }
            Some(url) if !is_https(url) => {
                let message = format!("`{}` is no https URL", clipped(url));
                findings.push(Finding::error(format!("{noun}-not-https"), message));
            }
            _ => {}
        }
    }
}

/// The scheme is https and there is a host.
fn is_https(url: &str) -> bool {
    let scheme = url
        .get(..8)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let host = url
        .get(8..)
        .and_then(|rest| rest.split(['/', '?', '#']).next())
        .unwrap_or_default();
    scheme && !host.is_empty() && url.chars().all(|c| c.is_ascii_graphic())
}

fn clipped(text: &str) -> String {
    text.chars().take(120).collect()
}

fn logging(policy: &PrivacyPolicy, settings: &Settings, findings: &mut Vec<Finding>) {
    let logging = &policy.logging;
    if logging.none && (!logging.kinds.is_empty() || logging.unknown_kinds) {
        let message = "logging is stated to be `none` and something else as well";
        findings.push(Finding::error("logging-contradictory", message));
    }
    if logging.unknown_kinds {
        let message = "a kind of logging is stated that the draft does not define";
        findings.push(Finding::error("logging-kind-unknown", message));
    }
    for kind in LoggingKind::EVERY {
        let word = kind.as_str();
        let duration = logging.duration(kind);
        if let Some(hours @ ..-1) = duration {
            let message = format!("logging `{word}` for {hours} hours: expected -1 or more");
            findings.push(Finding::error(
                format!("logging-{word}-duration-invalid"),
                message,
            ));
        }
        let logs = logging.logs(kind);
        if !logs && duration.is_some_and(|hours| hours != 0) {
            let message =
                format!("a duration is stated for logging `{word}`, which is not stated to happen");
            findings.push(Finding::warning(
                format!("logging-{word}-not-stated"),
                message,
            ));
        } else if !logs {
            continue;
        }
        let longest = settings.longest(kind);
        // No duration means without end (section 10.1 wants one stated), and so does every negative one.
        let hours = duration.filter(|hours| *hours >= 0);
        if longest == -1 || hours.is_some_and(|hours| hours <= longest) {
            continue;
        }
        let stated = hours.map_or_else(
            || "without end".into(),
            |hours| format!("for {hours} hours"),
        );
        let limit = if longest == 0 {
            "never".into()
        } else {
            format!("at most {longest} hours")
        };
        let message = format!(
            "logging `{word}` {stated}: expected {limit} (setting `{}`)",
            setting(kind)
        );
        findings.push(Finding::error(format!("logging-{word}-too-long"), message));
    }
}

fn sharing(policy: &PrivacyPolicy, settings: &Settings, findings: &mut Vec<Finding>) {
    let sharing = &policy.sharing;
    let named: &[String] = sharing.partners.as_deref().unwrap_or_default();
    if !sharing.with_partners && !named.is_empty() {
        let message = "partners are named, yet sharing with partners is denied: taken as sharing";
        findings.push(Finding::warning("partners-without-sharing", message));
    }
    if !sharing.with_partners && named.is_empty() {
        return;
    }
    let anonymized = sharing.anonymized == Some(true);
    match settings.sharing {
        Sharing::Any => {}
        Sharing::None => {
            let message = "data is shared with partners (setting `sharing`)";
            findings.push(Finding::error("sharing", message));
        }
        Sharing::Anonymized if anonymized => {}
        Sharing::Anonymized => {
            let message = match sharing.anonymized {
                Some(_) => {
                    "data that identifies people is shared with partners (setting `sharing`)"
                }
                None => {
                    "it is not stated that shared data is anonymized, so it identifies people (setting `sharing`)"
                }
            };
            findings.push(Finding::error("sharing-identifiable", message));
        }
        Sharing::Partners => {
            if named.is_empty() {
                let message =
                    "data is shared with partners that are not named (setting `partners`)";
                findings.push(Finding::error("sharing-partner-unnamed", message));
            }
            for partner in named
                .iter()
                .filter(|partner| !settings.partners.contains(partner))
            {
                let message = format!(
                    "data is shared with `{}` (setting `partners`)",
                    clipped(partner)
                );
                findings.push(Finding::error("sharing-partner", message));
            }
        }
    }
}
