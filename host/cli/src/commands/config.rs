//! `resolvet config template|check`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use resolvet::Policies;
use serde::Serialize;

use crate::{
    args::{ConfigCommand, Journey},
    config::{Config, TEMPLATE},
    daemon, enrolled,
    exit::{Exit, UsageError},
    journey::Wish,
    output::{Output, Tone, tinted},
    policies, provenance,
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

/// A resolver for one that names none.
const NO_RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
/// A domain for a configuration that names none: nobody is asked about it.
const NO_DOMAIN: &str = "domain.invalid";

/// Does everything that a journey or a daemon would do before its first packet.
fn check(file: &Path, output: &Output) -> anyhow::Result<()> {
    let config = Config::read(file)?;
    daemon::check(&config)?;
    provenance::check(&config.policies)?;
    if let Some(network) = &config.daemon.enrolment {
        let named = enrolled::network_name(network);
        named.map_err(|error| UsageError(format!("`daemon.enrolment`: {error}")))?;
    }
    let designated = config.daemon.designated.unwrap_or(false);
    let journey = Journey {
        // That of the machine it is for may be another than this one's.
        resolver: config.network.resolver.is_none().then_some(NO_RESOLVER),
        designated,
        ..Journey::default()
    };
    let domain = config.daemon.domain.clone();
    let domain = domain.or_else(|| (!designated).then(|| NO_DOMAIN.into()));
    let wish = Wish::of(config, domain.as_deref(), journey)?;
    let (engine, set) = policies::preview(&wish.config, &wish.profile, output)?;
    let names: Vec<String> = set
        .rules()
        .iter()
        .map(|rule| rule.policy.manifest().name.clone())
        .collect();
    wish.prepare(Policies::observed(&engine, set, Vec::new()))?;
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
