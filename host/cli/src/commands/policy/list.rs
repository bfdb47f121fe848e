//! `resolvet policy list`.

use std::path::{Path, PathBuf};

use comfy_table::Cell;
use resolvet_engine::Rule;
use resolvet_proto::judgement::{Digest, Mode, Purpose, Role, Stage, UsageProfile};
use serde::Serialize;

use crate::{
    args::PolicyTrust, config::Config, exit::Exit, output::Output, policies, report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ListReport {
    version: u32,
    policies: Vec<PolicyReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PolicyReport {
    name: String,
    policy_version: String,
    description: String,
    authors: Vec<String>,
    stages: Vec<Stage>,
    judges: Vec<Purpose>,
    mode: Mode,
    role: Role,
    octets: usize,
    digest: Digest,
    imports: Vec<String>,
}

pub(super) fn run(
    config: Option<&Path>,
    folder: Option<PathBuf>,
    trust: PolicyTrust,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mut config = config.map(Config::read).transpose()?.unwrap_or_default();
    config.policies.folder = folder.or(config.policies.folder);
    config.policies.trusting(trust);
    // Listing needs no authority.
    let (_, set) = policies::preview(&config, &UsageProfile::Opportunistic, output)?;
    let policies: Vec<PolicyReport> = set.rules().iter().map(report).collect();
    if output.is_json() {
        output.document(&ListReport {
            version: VERSION,
            policies,
        })?;
        return Ok(Exit::Done);
    }
    let rows = policies.iter().map(row).collect();
    output.table(
        &[
            "policy", "version", "stages", "role", "mode", "size", "sees",
        ],
        rows,
    )?;
    Ok(Exit::Done)
}

fn report(rule: &Rule) -> PolicyReport {
    let manifest = rule.policy.manifest();
    PolicyReport {
        name: manifest.name.clone(),
        policy_version: manifest.version.clone(),
        description: manifest.description.clone(),
        authors: manifest.authors.clone(),
        stages: rule
            .stages
            .clone()
            .unwrap_or_else(|| rule.policy.stages().to_vec()),
        judges: manifest.judges.clone(),
        mode: rule.mode,
        role: rule.role,
        octets: rule.policy.octets(),
        digest: rule.policy.digest(),
        imports: rule.policy.imports().to_vec(),
    }
}

fn row(policy: &PolicyReport) -> Vec<Cell> {
    let stages: Vec<&str> = policy.stages.iter().map(|stage| stage.as_str()).collect();
    vec![
        Cell::new(&policy.name),
        Cell::new(&policy.policy_version),
        Cell::new(stages.join(", ")),
        Cell::new(word(policy.role)),
        Cell::new(word(policy.mode)),
        Cell::new(format!("{} kB", policy.octets.div_ceil(1_000))),
        Cell::new(sees(&policy.imports)),
    ]
}

/// The interfaces that a policy imports, which is what it can see and do.
fn sees(imports: &[String]) -> String {
    let mut interfaces: Vec<&str> = imports
        .iter()
        .filter_map(|function| function.split('.').next())
        .collect();
    interfaces.sort_unstable();
    interfaces.dedup();
    interfaces.join(" ")
}

/// A mode or role by its word.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}
