//! `resolvet bootstrap`: from nothing but a user's password to a stored enrolment.

use std::{
    error::Error,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use resolvet::{
    anchors,
    enrolment::{
        Device, EnrolError, Enrolled, Enroller, EstLocation, KeyLocation, KeyStore, Person, Place,
        Step, Store, in_words, prepared,
    },
};
use resolvet_proto::{
    enrolment::est::Endpoint,
    judgement::{NetworkIdentity, UsageProfile},
};
use serde::Serialize;

use crate::{
    args::Bootstrap,
    config::Config,
    consent::{self, Consent, Wanted},
    enrolled,
    exit::{Exit, UsageError},
    journey, keys, observed,
    output::{Output, Tone, tinted},
    password,
    places::Places,
    policies,
    report::VERSION,
};

/// What was enrolled.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct BootstrapReport {
    version: u32,
    network: String,
    network_identity: NetworkIdentity,
    authentication_domain_name: Option<String>,
    est: String,
    reference_ids: Vec<String>,
    anchor_database: String,
    anchors: usize,
    end_entities: usize,
    expires: Option<u64>,
    folder: PathBuf,
}

/// What would be done.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Plan {
    version: u32,
    /// Whether the network is one that the user trusts to enrol in; where not, nothing is done.
    trusted: bool,
    resolver: SocketAddr,
    lookups: Vec<String>,
    link: Option<String>,
    est: Option<String>,
    steps: Vec<&'static str>,
    folder: PathBuf,
}

/// What happens at an EST server, in order.
const STEPS: [&str; 6] = [
    "connect by TLS without believing the certificate; verify only that the server has its key",
    "prove to one another that both know the password: by OPAQUE (RFC 9807), bound to the connection, or by HTTP Mutual (RFC 8120), bound to the certificate; nothing else is sent",
    "GET /cacerts: trust anchors",
    "GET /eecerts: certificates of the network's DNS server",
    "have policies judge the EST server's certificate and every conveyed one",
    "store anchors, certificates, authentication domain name and the EST server's names",
];

/// What happens at a registrar, in order.
const PLEDGE_STEPS: [&str; 6] = [
    "connect by TLS with the IDevID, without believing the registrar's certificate; verify only that it has its key",
    "POST a voucher request; the manufacturer's voucher must be for this device, this request and this registrar (RFC 8995)",
    "have policies judge the registrar's certificate by what the voucher pins, and tell the registrar (voucher status)",
    "GET /cacerts, /eecerts and /csrattrs: trust anchors and the DNS server's certificates, judged by policies",
    "POST /simpleenroll: a certificate of the device's own (LDevID); tell the registrar (enrol status)",
    "store anchors, certificates, authentication domain name, voucher and the device's certificate with its key",
];

pub(super) async fn run(arguments: Bootstrap, output: &Output) -> anyhow::Result<Exit> {
    let Bootstrap { domain, est, .. } = &arguments;
    let location = est.as_deref().map(EstLocation::parse).transpose();
    let location = location.map_err(|error| UsageError(format!("--est: {error}")))?;
    if domain.is_none() && location.is_none() && arguments.network.is_none() {
        let text = "give the DOMAIN of the network, its EST server with --est URL, or the name that you give it with \
                    --network NAME: a network's own word is not enough to begin trusting it";
        return Err(UsageError(text.into()).into());
    }
    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    config.policies.folder = arguments.policies.clone().or(config.policies.folder);
    let resolver = journey::resolver(arguments.resolver, config.network.resolver.as_deref())?;
    let folder = enrolled::folder(arguments.store.as_deref())?;
    let places = Places::of(&arguments, domain.as_deref(), resolver)?;
    if arguments.dry_run {
        return plan(&arguments, location, &places, folder, output);
    }
    let named = arguments.network.as_deref().map(enrolled::network_name);
    let mut named = named.transpose()?;
    // Before anything is asked of anybody: what cannot be kept is not worth a password.
    let store = Store::open(&folder)?;
    let keys = keys::store(
        &config.keys,
        &arguments.token,
        arguments.key_store.as_deref(),
    )?;
    let device = device(&arguments, &keys)?;
    let name = arguments.user.as_deref();
    if name.is_none() && device.is_none() {
        return Err(UsageError("give the user's name with --user NAME".into()).into());
    }
    let wanted = Wanted {
        network: named.as_ref(),
        domain: domain.as_deref(),
        trust: arguments.trust_network,
    };
    let mut consent = Consent::to_enrol(&store, wanted, output)?;
    named = named.or_else(|| consent.network.clone());
    let domain = &domain.clone().or_else(|| consent.domain.clone());
    // A trusted network may say the domain that the arguments do not.
    let places = Places::of(&arguments, domain.as_deref(), resolver)?;
    let (engine, set) = policies::load(&config, &UsageProfile::Strict, output)?;
    let policies = observed::policies(&config, &engine, set)?;
    let mut enroller = Enroller::new(policies, places.search())
        .with_keys(keys)
        .with_network_identity(consent.identity.clone());
    let place = match &named {
        Some(network) => Place::named(&store, network),
        None => Place::by_domain(&store),
    };
    if location.is_none() && arguments.registrar.is_none() {
        for line in places.told() {
            step(output, &format!("looking for {line}"));
        }
    }
    let mut tell = |progress: &Step| tell(output, progress);
    if let (Some((registrar, device)), Some(network)) = (device, &named) {
        let place = (&store, network);
        let enrolled = enroller
            .join(registrar, &device, domain.as_deref(), place, &mut tell)
            .await?;
        return finish(&store, &enrolled, &consent, output);
    }
    if !arguments.no_system_anchors
        && let Ok(system) = anchors::from_system()
    {
        enroller = enroller.with_implicit_anchors(Arc::new(system));
    }
    let name = name.unwrap_or_default();
    let password = password::read(name, arguments.password_fd)?;
    let user = prepared(name, password).map_err(|error| UsageError(error.to_string()))?;
    let enroller = arguments.authentication.choose(enroller);
    let person = Person {
        user: user.clone(),
        server: location,
        domain: domain.clone(),
    };
    let enrolled = enroller.bootstrap(person, place, &mut tell).await?;
    consent.keep(&store, &enrolled.network)?;
    if arguments.server_key {
        let place = (&store, &enrolled.network);
        let own = enroller.server_key(place, Some(user)).await;
        own.with_context(|| {
            format!(
                "enrolled in network {}, but without a key and certificate that its server makes",
                enrolled.network
            )
        })?;
        step(
            output,
            "the server made a key for this device and certified it",
        );
    }
    finish(&store, &enrolled, &consent, output)
}

/// The registrar and what the manufacturer gave the device, where it is to join by a voucher.
fn device(
    arguments: &Bootstrap,
    keys: &KeyStore,
) -> anyhow::Result<Option<(Option<Endpoint>, Device)>> {
    let Bootstrap {
        registrar,
        idevid: Some(idevid),
        idevid_key: Some(key),
        manufacturer_anchors: Some(manufacturer),
        ..
    } = arguments
    else {
        return Ok(None);
    };
    let registrar = registrar.as_deref().map(Endpoint::parse).transpose();
    let registrar = registrar.map_err(|error| UsageError(format!("--registrar: {error}")))?;
    let registrar = registrar.map(|(endpoint, _)| endpoint);
    let certificates = |option: &str, path: &Path| {
        anchors::certificates(path).map_err(|error| UsageError(format!("{option}: {error}")))
    };
    let wrong = |error: &dyn Error| UsageError(format!("--idevid-key: {error}"));
    let location: KeyLocation = key.parse().map_err(|error| wrong(&error))?;
    let opened = keys.open(&location);
    let key = match location {
        KeyLocation::File(_) => opened.map_err(|error| wrong(&error))?,
        // Not how it was asked for is wrong, but what the token says.
        _ => opened.map_err(EnrolError::from)?,
    };
    let device = Device {
        chain: certificates("--idevid", idevid)?,
        key,
        manufacturer: certificates("--manufacturer-anchors", manufacturer)?,
    };
    // What a network's key is made in must be there before a voucher is asked for.
    keys.check().map_err(EnrolError::from)?;
    Ok(Some((registrar, device)))
}

/// Says what was stored.
fn finish(
    store: &Store,
    enrolled: &Enrolled,
    consent: &Consent,
    output: &Output,
) -> anyhow::Result<Exit> {
    let Enrolled {
        network, enrolment, ..
    } = enrolled;
    let report = BootstrapReport {
        version: VERSION,
        network: network.to_string(),
        network_identity: consent.identity.clone(),
        authentication_domain_name: enrolment.authentication_domain_name.clone(),
        est: enrolment.est.endpoint.to_string(),
        reference_ids: enrolment.est.reference_ids.clone(),
        anchor_database: enrolment.database.as_str().to_owned(),
        anchors: enrolment.anchors.len(),
        end_entities: enrolment.end_entities.len(),
        expires: enrolment.expires(),
        folder: store.folder().to_owned(),
    };
    if output.is_json() {
        output.document(&report)?;
        return Ok(Exit::Done);
    }
    let done = format!(
        "enrolled in network {network}, kept in {}",
        report.folder.display()
    );
    output.line(&tinted(Tone::Good, &done))?;
    if let Some(domain) = &report.authentication_domain_name {
        output.line(&format!("try: resolvet discover {domain}"))?;
    }
    Ok(Exit::Done)
}

/// A line for a step that has one.
pub(super) fn tell(output: &Output, progress: &Step) {
    if let Some(text) = in_words(progress) {
        step(output, &text);
    }
}

/// A line for a person who waits; beside JSON there is none.
pub(super) fn step(output: &Output, text: &str) {
    if !output.is_json() {
        // Whoever closed standard output is not waiting any more; the end of the command says so.
        let _closed = output.line(&tinted(Tone::Faint, text));
    }
}

fn plan(
    arguments: &Bootstrap,
    location: Option<EstLocation>,
    places: &Places,
    folder: PathBuf,
    output: &Output,
) -> anyhow::Result<Exit> {
    let resolver = places.resolver();
    let lookups = match (&location, &arguments.registrar) {
        (_, Some(_)) => vec!["A and AAAA of the registrar's host".into()],
        (Some(location), _) => vec![format!("A and AAAA of {}", location.endpoint.host())],
        (None, None) => places.lookups(),
    };
    let named = arguments.network.as_deref().map(enrolled::network_name);
    let named = named.transpose()?;
    let wanted = Wanted {
        network: named.as_ref(),
        domain: arguments.domain.as_deref(),
        trust: arguments.trust_network,
    };
    let store = enrolled::existing(arguments.store.as_deref())?;
    let is_named = location.is_some() || arguments.registrar.is_some();
    let link = places.link().filter(|_| !is_named);
    let plan = Plan {
        version: VERSION,
        trusted: consent::is_given(store.as_ref(), wanted)?,
        resolver,
        lookups,
        link: link.map(str::to_owned),
        est: match &arguments.registrar {
            Some(registrar) => Some(registrar.clone()),
            None => location.map(|location| location.endpoint.to_string()),
        },
        steps: match arguments.brski {
            true => PLEDGE_STEPS.to_vec(),
            false => STEPS.to_vec(),
        },
        folder,
    };
    if output.is_json() {
        output.document(&plan)?;
        return Ok(Exit::Done);
    }
    output.line(match plan.trusted {
        true => "nothing is sent; this would be done:",
        false => "nothing is sent, and nothing would be before you trust the network (`resolvet network trust`); this would be done then:",
    })?;
    for lookup in &plan.lookups {
        output.line(&format!("  ask {resolver}, in clear text: {lookup}"))?;
    }
    if let Some(link) = &plan.link {
        let names = places.names();
        output.line(&format!(
            "  ask everybody on {link} by multicast DNS: {names}"
        ))?;
    }
    let found = match arguments.brski {
        true => "the registrar that is found",
        false => "the EST server that is found",
    };
    let est = plan.est.as_deref().unwrap_or(found);
    output.line(&format!("  at {est}:"))?;
    for step in &plan.steps {
        output.line(&format!("    {step}"))?;
    }
    output.line(&format!("  keep it in {}", plan.folder.display()))?;
    Ok(Exit::Done)
}
