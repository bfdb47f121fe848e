//! Answers more than anybody asked for.

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    octets: usize,
}

fn validate(settings: &Settings) -> Verdict {
    // The SDK's own makers would cut the text.
    let message = "x".repeat(settings.octets);
    let mut finding = Finding::error("too-much", "");
    finding.message = message;
    let mut verdict = Verdict::accept();
    verdict.findings.push(finding);
    verdict
}

resolvet_guest::export_validator!(Settings, validate);
