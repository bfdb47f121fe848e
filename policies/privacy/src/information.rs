//! What a resolver says about itself (RFC 9606), asked over the connection that was authenticated. These are claims that nobody
//! verified, so they can only make a verdict worse: none of them makes a server acceptable.

use resolvet_guest::{prelude::*, server};

use crate::settings::Settings;

/// Extended errors that mean that an answer was held back (RFC 8914 sections 4.16 to 4.18): blocked, censored, filtered.
const HELD_BACK: std::ops::RangeInclusive<u16> = 15..=17;
/// The section that registers the keys.
const KEYS: &str = "RFC 9606 5";

/// The findings about what the resolver says.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(keys) = server::resolver_info_keys() else {
        if settings.require_resolver_info {
            let message = "the server says nothing about itself (setting `require-resolver-info`)";
            findings.push(Finding::error("resolver-info-missing", message).reference("RFC 9606 3"));
        }
        return findings;
    };
    let value = |name: &str| {
        keys.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    if value("qnamemin").is_none() {
        let message = "the server does not say that it minimizes the names that it sends on";
        let code = "query-name-minimization-missing";
        findings.push(if settings.require_query_name_minimization {
            let message = format!("{message} (setting `require-query-name-minimization`)");
            Finding::error(code, message)
        } else {
            Finding::note(code, message)
        });
    }
    if let Some(Some(errors)) = value("exterr")
        && errors.split(',').any(|range| overlaps(range.trim()))
    {
        let message =
            format!("the server says that it may hold answers back: extended errors `{errors}`");
        findings.push(if settings.accept_blocking {
            Finding::note("resolver-blocks", message)
        } else {
            let message = format!("{message} (setting `accept-blocking`)");
            Finding::error("resolver-blocks", message)
        });
    }
    if let Some(url) = value("infourl") {
        let url = url.as_deref().unwrap_or_default();
        findings.push(if url.starts_with("https://") {
            Finding::note(
                "information-url",
                format!("the server names `{url}` for those who maintain it"),
            )
        } else {
            let message = format!("the server names `{url}`, expected a URL of the scheme https");
            Finding::warning("information-url-unusable", message)
        });
    }
    for finding in &mut findings {
        if finding.reference.is_empty() {
            finding.reference = KEYS.into();
        }
    }
    findings
}

/// Whether `17`, or a number of `15-20`, is an error that means that an answer was held back.
fn overlaps(range: &str) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => first <= *HELD_BACK.end() && last >= *HELD_BACK.start(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_errors() {
        for (range, expected) in [
            ("15", true),
            ("17", true),
            ("14", false),
            ("18", false),
            ("0-14", false),
            ("0-15", true),
            ("17-30", true),
            ("18-30", false),
            ("", false),
            ("a-b", false),
            ("15-", false),
        ] {
            assert_eq!(overlaps(range), expected, "{range}");
        }
    }
}
