//! `resolvet config template|check`.

use std::path::Path;

use resolvet::anchors;
use resolvet_proto::judgement::UsageProfile;
use serde::Serialize;

use crate::{
    args::{ConfigCommand, Profile, TokenArguments, socket_address},
    config::{Config, TEMPLATE},
    exit::{Exit, UsageError},
    keys,
    output::{Output, Tone, tinted},
    policies,
    report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CheckReport {
    version: u32,
    file: String,
    policies: Vec<String>,
}

pub(super) fn run(command: ConfigCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Template => output.line(TEMPLATE.trim_end())?,
        ConfigCommand::Check { file } => check(&file, output)?,
    }
    Ok(Exit::Done)
}

/// Does everything that a journey would do before its first packet.
fn check(file: &Path, output: &Output) -> anyhow::Result<()> {
    let config = Config::read(file)?;
    let profile = match config.network.profile {
        Some(Profile::Opportunistic) => UsageProfile::Opportunistic,
        None | Some(Profile::Strict) => UsageProfile::Strict,
    };
    if let Some(resolver) = &config.network.resolver {
        socket_address(resolver).map_err(|expected| {
            UsageError(format!("`network.resolver` is `{resolver}`: {expected}"))
        })?;
    }
    if let Some(path) = config
        .network
        .trust_anchors
        .as_deref()
        .filter(|text| *text != "system")
    {
        anchors::from_file(Path::new(path))
            .map_err(|e| UsageError(format!("`network.trust-anchors`: {e}")))?;
    }
    for path in &config.network.end_entity {
        anchors::certificates(path)
            .map_err(|e| UsageError(format!("`network.end-entity`: {e}")))?;
    }
    for path in &config.network.revocation_lists {
        anchors::revocation_lists(path)
            .map_err(|e| UsageError(format!("`network.revocation-lists`: {e}")))?;
    }
    keys::store(&config.keys, &TokenArguments::default(), None)?;
    let set = policies::preview(&config, &profile, output)?;
    let names: Vec<String> = set
        .rules()
        .iter()
        .map(|rule| rule.policy.manifest().name.clone())
        .collect();
    if output.is_json() {
        let file = file.display().to_string();
        return output.document(&CheckReport {
            version: VERSION,
            file,
            policies: names,
        });
    }
    let good = tinted(Tone::Good, "good");
    output.line(&format!(
        "{}: {good}; policies {}",
        file.display(),
        names.join(", ")
    ))
}
