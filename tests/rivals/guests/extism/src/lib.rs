//! Refuses names of a list and long chains: settings from the plug-in's configuration, the request as JSON.

use std::collections::BTreeSet;

use extism_pdk::{FnResult, config, plugin_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Request<'a> {
    name: &'a str,
    /// DER in base64, as JSON holds it.
    #[serde(borrow)]
    certificates: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Settings<'a> {
    #[serde(borrow)]
    refused: BTreeSet<&'a str>,
    longest: usize,
}

#[derive(Serialize)]
struct Verdict {
    decision: &'static str,
    findings: Vec<&'static str>,
}

fn judge(request: &Request<'_>, settings: &Settings<'_>) -> Verdict {
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

#[plugin_fn]
pub fn validate(request: Vec<u8>) -> FnResult<Vec<u8>> {
    let settings = config::get("settings")?.unwrap_or_default();
    let settings = serde_json::from_str(&settings)?;
    let request = serde_json::from_slice(&request)?;
    Ok(serde_json::to_vec(&judge(&request, &settings))?)
}
