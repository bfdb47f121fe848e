//! `resolvet policy verify`.

use std::path::Path;

use resolvet_engine::provenance::{KeyId, Statement};
use resolvet_proto::{date, judgement::Digest};
use serde::Serialize;

use crate::{
    args::PolicyTrust,
    components,
    config::Config,
    dates,
    exit::Exit,
    output::{Output, Tone, tinted},
    policies, provenance,
    report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct VerifyReport {
    version: u32,
    policy: String,
    policy_version: String,
    digest: Digest,
    #[serde(flatten)]
    statement: Statement,
    keys: Vec<KeyId>,
    imports: Vec<String>,
}

pub(super) fn run(
    file: &Path,
    config: Option<&Path>,
    trust: PolicyTrust,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mut config = config.map(Config::read).transpose()?.unwrap_or_default();
    config.policies.trusting(trust);
    let engine = policies::engine(&config.policies)?;
    let source = components::source(file)?;
    let signatories = provenance::signatories(&config.policies, &source.name)?;
    let (statement, keys) = signatories
        .verify(&source, dates::now())
        .map_err(|error| policies::refused(&source.name, &error))?;
    let described = components::describe(&engine, &source.name, &source.octets)?;
    if output.is_json() {
        output.document(&VerifyReport {
            version: VERSION,
            policy: described.manifest.name,
            policy_version: described.manifest.version,
            digest: described.digest,
            statement,
            keys,
            imports: described.imports,
        })?;
        return Ok(Exit::Done);
    }
    let manifest = &described.manifest;
    let keys: Vec<String> = keys.iter().map(|key| format!("key {key}")).collect();
    output.line(&format!(
        "{}: {}; {} {}, revision {}, until {}, by {}",
        file.display(),
        tinted(Tone::Good, "good"),
        manifest.name,
        manifest.version,
        statement.revision,
        date::to_rfc3339(statement.not_after),
        keys.join(", ")
    ))?;
    Ok(Exit::Done)
}
