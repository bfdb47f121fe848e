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
    daemon,
    exit::Exit,
    journey::Wish,
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

/// A resolver for one that names none.
const NO_RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
/// A domain for a configuration that names none: nobody is asked about it.
const NO_DOMAIN: &str = "domain.invalid";

/// Does everything that a journey or a daemon would do before its first packet.
fn check(file: &Path, output: &Output) -> anyhow::Result<()> {
    let config = Config::read(file)?;
    daemon::check(&config)?;
    let journey = Journey {
        // That of the machine it is for may be another than this one's.
        resolver: config.network.resolver.is_none().then_some(NO_RESOLVER),
        ..Journey::default()
    };
    let domain = config.daemon.domain.clone();
    let domain = domain.as_deref().unwrap_or(NO_DOMAIN);
    let wish = Wish::of(config, Some(domain), journey)?;
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
