//! `resolvet trust show|export|renew|remove`.

pub(super) mod show;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use resolvet::{
    Recursive, anchors,
    enrolment::{Enroller, Step},
};
use resolvet_proto::judgement::{AnchorDatabase, Der, UsageProfile};
use serde::Serialize;

use show::{ShowReport, report};

use crate::{
    args::{Exported, OwnArguments, TokenArguments, TrustCommand},
    config::Config,
    consent,
    dates::{date, now},
    enrolled::{self, Enrolled},
    exit::{Exit, UsageError},
    journey::{self, LOOKUP},
    keys, observed,
    output::{Output, Tone, tinted},
    own,
    pem::pem,
    places, policies,
    progress::Progress,
    report::VERSION,
};

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

pub(super) async fn run(command: TrustCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        TrustCommand::Show { network, store } => {
            show::run(network.as_deref(), store.as_deref(), output)
        }
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
            own,
        } => {
            let arguments = (config, token, own);
            renew(&network, store.as_deref(), arguments, resolver, output).await
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
    (config, token, own): (Option<PathBuf>, TokenArguments, OwnArguments),
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
    let policies = observed::policies(&config, &engine, set)?;
    let recursive = Recursive::new(resolver, LOOKUP);
    let keys = keys::store(&config.keys, &token, None)?;
    let identity = consent::of_enrolled(&found.store, &found.network)?;
    let dnssec = journey::dnssec_anchors(&config.dnssec)?;
    let mut enroller = Enroller::new(policies, places::known(recursive).with_dnssec(dnssec))
        .with_keys(keys)
        .with_network_identity(identity);
    if found.enrolment.database == AnchorDatabase::Implicit {
        enroller = enroller.with_implicit_anchors(Arc::new(anchors::from_system()?));
    }
    let enroller = own::choose(&own, None, enroller)?;
    let mut progress = Progress::new(output);
    let mut tell = |step: &Step| progress.tell(step);
    let renewed = enroller
        .renew(&found.store, &found.network, &mut tell)
        .await?;
    let report = report(&found.network, &renewed, now());
    if output.is_json() {
        output.document(&ShowReport {
            version: VERSION,
            networks: vec![report],
            warnings: progress.warnings,
        })?;
    } else {
        let until = report.expires.map(date).unwrap_or_default();
        let done = format!("network {network} is renewed, good until {until}");
        output.line(&tinted(Tone::Good, &done))?;
    }
    Ok(Exit::Done)
}
