//! `resolvet network trust|list|forget`: where this device may enrol.

use std::path::Path;

use comfy_table::Cell;
use resolvet::{
    enrolment::Store,
    networks::{Link, Recognition, System, TrustedNetwork, identity},
};
use resolvet_proto::{discovery::DomainName, judgement::NetworkIdentity};
use serde::Serialize;

use crate::{
    args::{NetworkCommand, Trust},
    dates::now,
    enrolled::{self, network_name},
    exit::{Exit, UsageError},
    output::{Output, Tone, cell, tinted},
    report::VERSION,
};

/// The networks that are trusted.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ListReport {
    version: u32,
    link: Option<LinkReport>,
    networks: Vec<NetworkReport>,
}

/// By what this device is attached.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct LinkReport {
    interface: String,
    connection: Option<String>,
    authenticated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkReport {
    network: String,
    domain: Option<String>,
    recognition: Recognition,
    since: u64,
    /// How the network is known here; absent when this device is attached to another one.
    identity: Option<NetworkIdentity>,
    enrolled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ForgetReport {
    version: u32,
    forgotten: String,
}

pub(super) fn run(command: NetworkCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        NetworkCommand::Trust(arguments) => trust(&arguments, output),
        NetworkCommand::List { store } => list(store.as_deref(), output),
        NetworkCommand::Forget { network, store } => forget(&network, store.as_deref(), output),
    }
}

fn trust(arguments: &Trust, output: &Output) -> anyhow::Result<Exit> {
    let name = network_name(&arguments.network)?;
    let domain = match &arguments.domain {
        Some(domain) => Some(DomainName::parse(domain).map_err(|problem| {
            UsageError(format!("--domain `{}` {problem}", domain.escape_debug()))
        })?),
        // A word without a dot names no domain that a network could have.
        None => DomainName::parse(name.as_str())
            .ok()
            .filter(|_| name.as_str().contains('.')),
    };
    let interface = arguments.interface.as_deref();
    let link = System::default().link(interface);
    if let (Some(interface), None) = (interface, &link) {
        let text = format!("--interface: there is none of the name `{interface}`");
        return Err(UsageError(text).into());
    }
    let recognition = match &link {
        Some(link) if !arguments.by_name => link.recognition(),
        _ => Recognition::ByName,
    };
    let store = Store::open(&enrolled::folder(arguments.store.as_deref())?)?;
    let trusted = TrustedNetwork::new(domain.as_ref(), recognition, now());
    store.trust(&name, &trusted)?;
    let report = report(&store, name.as_str(), trusted, link.as_ref())?;
    if output.is_json() {
        output.document(&ListReport {
            version: VERSION,
            link: link.map(Into::into),
            networks: vec![report],
        })?;
        return Ok(Exit::Done);
    }
    let done = format!(
        "network {name} is trusted to enrol in, recognised {}",
        by(&report.recognition)
    );
    output.line(&tinted(Tone::Good, &done))?;
    if report.identity != Some(NetworkIdentity::Authenticated) {
        output.remark(
            "nothing here proves which network this is: that it is the right one rests on you, until its EST server has \
             proved that it knows your password",
        );
    }
    if !report.enrolled {
        let domain = report.domain.as_deref().unwrap_or("DOMAIN");
        let network = match domain == name.as_str() {
            true => String::new(),
            false => format!(" --network {name}"),
        };
        output.line(&format!(
            "try: resolvet bootstrap {domain} --user NAME{network}"
        ))?;
    }
    Ok(Exit::Done)
}

fn list(store: Option<&Path>, output: &Output) -> anyhow::Result<Exit> {
    let link = System::default().link(None);
    let mut networks = Vec::new();
    if let Some(store) = enrolled::existing(store)? {
        for name in store.trusted()? {
            if let Some(trusted) = store.trust_in(&name)? {
                networks.push(report(&store, name.as_str(), trusted, link.as_ref())?);
            }
        }
    }
    if output.is_json() {
        output.document(&ListReport {
            version: VERSION,
            link: link.map(Into::into),
            networks,
        })?;
        return Ok(Exit::Done);
    }
    if networks.is_empty() {
        output.line("no network is trusted: `resolvet network trust NAME` trusts one")?;
        return Ok(Exit::Done);
    }
    let rows = networks.iter().map(row).collect();
    output.table(
        &["network", "domain", "recognised", "here", "enrolled"],
        rows,
    )?;
    Ok(Exit::Done)
}

fn row(network: &NetworkReport) -> Vec<Cell> {
    let here = match &network.identity {
        Some(NetworkIdentity::Authenticated) => cell(Tone::Good, "yes, authenticated"),
        Some(_) if network.recognition == Recognition::ByName => {
            cell(Tone::Weak, "when you say so")
        }
        Some(_) => cell(Tone::Weak, "yes, not authenticated"),
        None => cell(Tone::Faint, "no"),
    };
    vec![
        Cell::new(&network.network),
        Cell::new(network.domain.as_deref().unwrap_or("any")),
        Cell::new(by(&network.recognition)),
        here,
        Cell::new(if network.enrolled { "yes" } else { "no" }),
    ]
}

fn forget(network: &str, store: Option<&Path>, output: &Output) -> anyhow::Result<Exit> {
    let name = network_name(network)?;
    let store = enrolled::existing(store)?;
    let was = store.as_ref().map(|store| store.distrust(&name));
    if !was.transpose()?.unwrap_or(false) {
        let text = format!(
            "network `{name}` is not one that you trust: `resolvet network list` lists those"
        );
        return Err(UsageError(text).into());
    }
    if output.is_json() {
        output.document(&ForgetReport {
            version: VERSION,
            forgotten: name.to_string(),
        })?;
        return Ok(Exit::Done);
    }
    output.line(&format!("network {name} is trusted no longer"))?;
    if let Some(store) = store
        && store.load(&name)?.is_some()
    {
        output.remark(&format!(
            "its enrolment is still used: `resolvet trust remove {name}` removes it"
        ));
    }
    Ok(Exit::Done)
}

fn report(
    store: &Store,
    name: &str,
    trusted: TrustedNetwork,
    link: Option<&Link>,
) -> anyhow::Result<NetworkReport> {
    Ok(NetworkReport {
        network: name.to_owned(),
        identity: identity(&trusted, link),
        domain: trusted.domain,
        recognition: trusted.recognition,
        since: trusted.since,
        enrolled: store.load(&name.parse()?)?.is_some(),
    })
}

/// By what a network is recognised, in words.
pub(crate) fn by(recognition: &Recognition) -> String {
    match recognition {
        Recognition::Connection { uuid } => format!("by the connection {uuid}"),
        Recognition::AuthenticationServer(server) => match &server.name {
            Some(name) => format!("by 802.1X with {name}, certified by {}", server.authority),
            None => format!("by 802.1X with a server certified by {}", server.authority),
        },
        _ => "by your word alone".into(),
    }
}

impl From<Link> for LinkReport {
    fn from(link: Link) -> Self {
        Self {
            authenticated: link.is_authenticated(),
            connection: link.connection.map(|connection| connection.uuid),
            interface: link.interface,
        }
    }
}
