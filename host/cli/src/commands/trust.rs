//! `resolvet trust show|export|renew|remove`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use comfy_table::Cell;
use resolvet::{
    Policies, Recursive, anchors,
    enrolment::{Enroller, Enrolment, NetworkName, Progress},
};
use resolvet_proto::{
    certificate,
    judgement::{AnchorDatabase, Der, UsageProfile},
};
use serde::Serialize;
use time::OffsetDateTime;

use super::bootstrap::tell;
use crate::{
    args::{Exported, TokenArguments, TrustCommand},
    config::Config,
    enrolled::{self, Enrolled},
    exit::{Exit, UsageError},
    journey::{self, LOOKUP},
    keys,
    output::{Output, Tone, cell, tinted},
    pem::pem,
    policies,
    report::VERSION,
};

const DAY: u64 = 86_400;

/// The enrolments.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShowReport {
    version: u32,
    networks: Vec<NetworkReport>,
}

/// One of them.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkReport {
    network: String,
    authentication_domain_name: Option<String>,
    est: String,
    reference_ids: Vec<String>,
    authentication: String,
    anchor_database: String,
    anchors: Vec<CertificateReport>,
    end_entities: Vec<CertificateReport>,
    renewed: u64,
    renew_at: Option<u64>,
    expires: Option<u64>,
    state: State,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CertificateReport {
    subject: String,
    not_after: Option<u64>,
    sha256: Option<String>,
}

/// Certificates as PEM.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ExportReport {
    version: u32,
    certificates: Vec<String>,
}

/// The network that is forgotten.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RemoveReport {
    version: u32,
    removed: String,
}

/// How much of an enrolment's time is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Most of it.
    Good,
    /// Less than a third: it is renewed at the next journey.
    Ending,
    /// None.
    Expired,
}

pub(super) async fn run(command: TrustCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        TrustCommand::Show { network, store } => show(network.as_deref(), store.as_deref(), output),
        TrustCommand::Export {
            network,
            what,
            store,
        } => export(&network, what, store.as_deref(), output),
        TrustCommand::Renew {
            network,
            store,
            config,
            resolver,
            token,
        } => {
            renew(
                &network,
                store.as_deref(),
                (config, token),
                resolver,
                output,
            )
            .await
        }
        TrustCommand::Remove {
            network,
            store,
            config,
            token,
        } => {
            let Enrolled {
                store,
                network,
                enrolment,
            } = enrolled::of_network(store.as_deref(), &network)?;
            let config = config.as_deref().map(Config::read).transpose()?;
            let keys = keys::store(&config.unwrap_or_default().keys, &token, None)?;
            store.remove(&network)?;
            // Whether a token is there decides nothing about whom this device trusts.
            keys.remove_all(&store, &enrolment)
                .with_context(|| format!("network {network} is forgotten, but its key is left"))?;
            if output.is_json() {
                let removed = network.to_string();
                output.document(&RemoveReport {
                    version: VERSION,
                    removed,
                })?;
            } else {
                output.line(&format!("network {network} is forgotten"))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn show(network: Option<&str>, store: Option<&Path>, output: &Output) -> anyhow::Result<Exit> {
    let now = now();
    let mut networks = Vec::new();
    if let Some(network) = network {
        let found = enrolled::of_network(store, network)?;
        networks.push(report(&found.network, &found.enrolment, now));
    } else if let Some(store) = enrolled::existing(store)? {
        for network in store.networks()? {
            if let Some(enrolment) = store.load(&network)? {
                networks.push(report(&network, &enrolment, now));
            }
        }
    }
    if output.is_json() {
        output.document(&ShowReport {
            version: VERSION,
            networks,
        })?;
        return Ok(Exit::Done);
    }
    if networks.is_empty() {
        output.line("no network is enrolled: `resolvet bootstrap DOMAIN --user NAME` enrols")?;
        return Ok(Exit::Done);
    }
    let rows = networks.iter().map(|network| row(network, now)).collect();
    output.table(
        &[
            "network",
            "domain",
            "EST server",
            "anchors",
            "certificates",
            "until",
        ],
        rows,
    )?;
    for network in &networks {
        warn(network, now, output);
    }
    Ok(Exit::Done)
}

fn row(network: &NetworkReport, now: u64) -> Vec<Cell> {
    let tone = match network.state {
        State::Good => Tone::Good,
        State::Ending => Tone::Weak,
        State::Expired => Tone::Bad,
    };
    let until = network.expires.map_or_else(
        || "–".into(),
        |end| format!("{}, {}", date(end), left(end, now)),
    );
    let anchors = format!("{} {}", network.anchors.len(), network.anchor_database);
    vec![
        Cell::new(&network.network),
        Cell::new(network.authentication_domain_name.as_deref().unwrap_or("–")),
        Cell::new(&network.est),
        Cell::new(anchors),
        Cell::new(network.end_entities.len()),
        cell(tone, &until),
    ]
}

fn warn(network: &NetworkReport, now: u64, output: &Output) {
    let name = &network.network;
    let end = network
        .expires
        .map(|end| left(end, now))
        .unwrap_or_default();
    match network.state {
        State::Good => {}
        State::Ending => output.remark(&format!(
            "the certificates of network {name} end soon, {end}: the next journey renews them, or `resolvet trust renew {name}`"
        )),
        State::Expired => output.remark(&format!(
            "the certificates of network {name} have ended, {end}: `resolvet trust renew {name}`, or enrol again with `resolvet bootstrap`"
        )),
    }
}

fn export(
    network: &str,
    what: Exported,
    store: Option<&Path>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let Enrolled { enrolment, .. } = enrolled::of_network(store, network)?;
    let certificates: Vec<&Der> = match what {
        Exported::Anchors => enrolment
            .anchors
            .iter()
            .map(|anchor| &anchor.certificate)
            .collect(),
        Exported::EndEntities => enrolment.end_entities.iter().collect(),
    };
    if certificates.is_empty() {
        let text =
            format!("network `{network}` has none of its own: the system's trust anchors apply");
        return Err(UsageError(text).into());
    }
    let certificates: Vec<String> = certificates
        .into_iter()
        .map(|der| pem("CERTIFICATE", der))
        .collect();
    if output.is_json() {
        output.document(&ExportReport {
            version: VERSION,
            certificates,
        })?;
    } else {
        output.line(&certificates.join("\n"))?;
    }
    Ok(Exit::Done)
}

async fn renew(
    network: &str,
    store: Option<&Path>,
    (config, token): (Option<PathBuf>, TokenArguments),
    resolver: Option<SocketAddr>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let found = enrolled::of_network(store, network)?;
    let config = match config {
        Some(path) => Config::read(&path)?,
        None => Config::default(),
    };
    let resolver = journey::resolver(resolver, config.network.resolver.as_deref())?;
    let (engine, set) = policies::load(&config, &UsageProfile::Strict, output)?;
    let recursive = Recursive::new(resolver, LOOKUP);
    let keys = keys::store(&config.keys, &token, None)?;
    let mut enroller = Enroller::new(Policies::new(&engine, set), recursive).with_keys(keys);
    if found.enrolment.database == AnchorDatabase::Implicit {
        enroller = enroller.with_implicit_anchors(Arc::new(anchors::from_system()?));
    }
    let mut tell = |progress: Progress| tell(output, &progress);
    let renewed = enroller.renew(&found.enrolment, &mut tell).await?;
    found.store.save(&found.network, &renewed)?;
    let report = report(&found.network, &renewed, now());
    if output.is_json() {
        output.document(&ShowReport {
            version: VERSION,
            networks: vec![report],
        })?;
    } else {
        let until = report.expires.map(date).unwrap_or_default();
        let done = format!("network {network} is renewed, good until {until}");
        output.line(&tinted(Tone::Good, &done))?;
    }
    Ok(Exit::Done)
}

fn report(network: &NetworkName, enrolment: &Enrolment, now: u64) -> NetworkReport {
    let anchors = enrolment.anchors.iter().map(|anchor| &anchor.certificate);
    let reached = |moment: Option<u64>| moment.is_some_and(|moment| moment <= now);
    let state = if reached(enrolment.expires()) {
        State::Expired
    } else if reached(enrolment.renew_at()) {
        State::Ending
    } else {
        State::Good
    };
    NetworkReport {
        network: network.to_string(),
        authentication_domain_name: enrolment.authentication_domain_name.clone(),
        est: enrolment.est.endpoint.to_string(),
        reference_ids: enrolment.est.reference_ids.clone(),
        authentication: enrolment.est.authentication.as_str().to_owned(),
        anchor_database: enrolment.database.as_str().to_owned(),
        anchors: anchors.map(certificate_report).collect(),
        end_entities: enrolment
            .end_entities
            .iter()
            .map(certificate_report)
            .collect(),
        renewed: enrolment.renewed,
        renew_at: enrolment.renew_at(),
        expires: enrolment.expires(),
        state,
    }
}

fn certificate_report(der: &Der) -> CertificateReport {
    let facts = certificate::facts(der).ok();
    CertificateReport {
        subject: facts
            .as_ref()
            .map(|facts| facts.subject.clone())
            .unwrap_or_default(),
        not_after: certificate::validity(der).map(|(_, until)| until),
        sha256: facts.map(|facts| facts.fingerprint.to_string()),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
    time.map_or_else(
        || format!("{seconds} s since 1970"),
        |time| time.date().to_string(),
    )
}

fn left(end: u64, now: u64) -> String {
    match end.checked_sub(now) {
        Some(left) => format!("in {} days", left / DAY),
        None => format!("{} days ago", (now - end) / DAY),
    }
}
