//! Refuses names of a list and long chains.

use std::collections::BTreeSet;

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    refused: BTreeSet<String>,
    longest: u32,
}

fn check(_settings: &Settings) -> Result<(), String> {
    Ok(())
}

fn validate(settings: &Settings) -> Verdict {
    let name = context::authentication_domain_name().unwrap_or_default();
    let mut findings = Vec::new();
    if settings.refused.contains(&name) {
        findings.push(Finding::error("name-refused", "the name is refused"));
    }
    if presented::certificates().count() > settings.longest as usize {
        findings.push(Finding::error("chain-too-long", "the chain is too long"));
    }
    let verdict = match findings.is_empty() {
        true => Verdict::accept(),
        false => Verdict::reject(),
    };
    findings.into_iter().fold(verdict, Verdict::because)
}

resolvet_guest::export_validator!(Settings, validate, check);
