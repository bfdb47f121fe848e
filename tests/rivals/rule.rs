//! The rule as the modules have it that get JSON: names of a list and long chains are refused.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    name: &'a str,
    /// DER in base64, as JSON holds it.
    #[serde(borrow)]
    certificates: Vec<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Settings<'a> {
    #[serde(borrow)]
    refused: BTreeSet<&'a str>,
    longest: usize,
}

#[derive(Serialize)]
pub(crate) struct Verdict {
    decision: &'static str,
    findings: Vec<&'static str>,
}

pub(crate) fn judge(request: &Request<'_>, settings: &Settings<'_>) -> Verdict {
    let mut findings = Vec::new();
    if settings.refused.contains(request.name) {
        findings.push("name-refused");
    }
    if request.certificates.len() > settings.longest {
        findings.push("chain-too-long");
    }
    let decision = if findings.is_empty() {
        "accept"
    } else {
        "reject"
    };
    Verdict { decision, findings }
}
