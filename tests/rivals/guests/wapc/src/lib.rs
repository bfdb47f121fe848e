//! Refuses names of a list and long chains: request and settings as JSON in each call, as admission policies of this kind get them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wapc_guest::{CallResult, register_function};

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

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    settings: Settings<'a>,
}

#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
}

fn validate(payload: &[u8]) -> CallResult {
    let Payload { request, settings } = serde_json::from_slice(payload)?;
    Ok(serde_json::to_vec(&judge(&request, &settings))?)
}
