//! `resolvet bootstrap`: from nothing but a user's password to a stored enrolment.

mod plan;

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use resolvet::{
    anchors,
    enrolment::{
        Device, EnrolError, Enrolled, Enroller, EstLocation, KeyLocation, KeyStore, NetworkName,
        Person, Place, Step, Store, prepared,
    },
};
use resolvet_proto::{
    enrolment::est::Endpoint,
    judgement::{NetworkIdentity, UsageProfile},
};
use serde::Serialize;

use super::trust::show::{self, LdevidReport, PendingReport};
use crate::{
    args::Bootstrap,
    config::Config,
    consent::{Consent, Wanted},
    dates::now,
    enrolled,
    exit::{Exit, UsageError},
    journey, keys, observed,
    output::{Output, Tone, tinted},
    own, password,
    places::Places,
    policies,
    progress::{Progress, WarningReport},
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
    /// The device's own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    ldevid: Option<LdevidReport>,
    /// A request for one that the server has not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingReport>,
    expires: Option<u64>,
    /// What the policies warned of although they accepted.
    warnings: Vec<WarningReport>,
    /// What was not checked of a voucher, as sentences.
    waived: Vec<String>,
    folder: PathBuf,
}

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
    config.policies.trusting(arguments.policy_trust.clone());
    let resolver = journey::resolver(arguments.resolver, config.network.resolver.as_deref())?;
    let folder = enrolled::folder(arguments.store.as_deref())?;
    // What is wrong with them is said before anything else is done.
    Places::of(&arguments, domain.as_deref(), resolver)?;
    own::subject(&arguments.own)?;
    if arguments.dry_run {
        return plan::run(
            &arguments,
            location.as_ref(),
            &config,
            resolver,
            folder,
            output,
        );
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
    let consent = Consent::to_enrol(&store, wanted, output)?;
    named = named.or_else(|| consent.network.clone());
    let domain = &domain.clone().or_else(|| consent.domain.clone());
    // A trusted network may say the domain that the arguments do not.
    let places = Places::of(&arguments, domain.as_deref(), resolver)?;
    let (engine, set) = policies::load(&config, &UsageProfile::Strict, output)?;
    let policies = observed::policies(&config, &engine, set)?;
    let anchors = journey::dnssec_anchors(&config.dnssec)?;
    let enroller = Enroller::new(policies, places.search().with_dnssec(anchors))
        .with_keys(keys.clone())
        .with_network_identity(consent.identity.clone());
    let place = match &named {
        Some(network) => Place::named(&store, network),
        None => Place::by_domain(&store),
    };
    let progress = Progress::new(output);
    if location.is_none() && arguments.registrar.is_none() {
        for line in places.told() {
            progress.line(&format!("looking for {line}"));
        }
    }
    let enrolling = Enrolling {
        arguments: &arguments,
        store: &store,
        consent,
        progress,
        output,
    };
    match (device, &named) {
        (Some(device), Some(network)) => {
            let place = (&store, network);
            enrolling
                .by_voucher(enroller, device, domain.as_deref(), place)
                .await
        }
        _ => {
            let server = (location, domain.clone());
            enrolling.by_password(enroller, &keys, server, place).await
        }
    }
}

/// What both ways to enrol have in common.
struct Enrolling<'a> {
    arguments: &'a Bootstrap,
    store: &'a Store,
    consent: Consent,
    progress: Progress<'a>,
    output: &'a Output,
}

impl Enrolling<'_> {
    /// A device by what its manufacturer vouches for (RFC 8995).
    async fn by_voucher(
        mut self,
        enroller: Enroller,
        (registrar, device): (Option<Endpoint>, Device),
        domain: Option<&str>,
        place: (&Store, &NetworkName),
    ) -> anyhow::Result<Exit> {
        let enroller = own::choose(&self.arguments.own, None, enroller)?;
        let mut tell = |step: &Step| self.progress.tell(step);
        let enrolled = enroller
            .join(registrar, &device, domain, place, &mut tell)
            .await?;
        self.finish(&enrolled)
    }

    /// A person by a password (the draft's section 4).
    async fn by_password(
        mut self,
        mut enroller: Enroller,
        keys: &KeyStore,
        (server, domain): (Option<EstLocation>, Option<String>),
        place: Place,
    ) -> anyhow::Result<Exit> {
        let arguments = self.arguments;
        if !arguments.no_system_anchors
            && let Ok(system) = anchors::from_system()
        {
            enroller = enroller.with_implicit_anchors(Arc::new(system));
        }
        let name = arguments.user.as_deref().unwrap_or_default();
        let password = password::read(name, arguments.password_fd)?;
        if arguments.own.subject.is_some() {
            keys.check().map_err(EnrolError::from)?;
        }
        let user = prepared(name, password).map_err(|error| UsageError(error.to_string()))?;
        let enroller = arguments.authentication.choose(enroller);
        let enroller = own::choose(&arguments.own, Some(&user), enroller)?;
        let person = Person {
            user: user.clone(),
            server,
            domain,
        };
        let mut tell = |step: &Step| self.progress.tell(step);
        let mut enrolled = enroller.bootstrap(person, place, &mut tell).await?;
        self.consent.keep(self.store, &enrolled.network)?;
        if arguments.own.subject.is_some() {
            let place = (self.store, &enrolled.network);
            let own = enroller.own_certificate(place, Some(user.clone()), &mut tell);
            enrolled.enrolment = own.await.with_context(|| {
                format!(
                    "enrolled in network {}, but without a certificate of this device's own",
                    enrolled.network
                )
            })?;
        }
        if arguments.server_key {
            let place = (self.store, &enrolled.network);
            let own = enroller.server_key(place, Some(user)).await;
            enrolled.enrolment = own.with_context(|| {
                format!(
                    "enrolled in network {}, but without a key and certificate that its server makes",
                    enrolled.network
                )
            })?;
            let text = "the server made a key for this device and certified it";
            self.progress.line(text);
        }
        self.finish(&enrolled)
    }

    /// Says what was stored.
    fn finish(self, enrolled: &Enrolled) -> anyhow::Result<Exit> {
        let Enrolled {
            network, enrolment, ..
        } = enrolled;
        let shown = show::report(network, enrolment, now());
        let report = BootstrapReport {
            version: VERSION,
            network: network.to_string(),
            network_identity: self.consent.identity.clone(),
            authentication_domain_name: enrolment.authentication_domain_name.clone(),
            est: enrolment.est.endpoint.to_string(),
            reference_ids: enrolment.est.reference_ids.clone(),
            anchor_database: enrolment.database.as_str().to_owned(),
            anchors: enrolment.anchors.len(),
            end_entities: enrolment.end_entities.len(),
            ldevid: shown.ldevid,
            pending: shown.pending,
            expires: enrolment.expires(),
            warnings: self.progress.warnings,
            waived: self.progress.waived,
            folder: self.store.folder().to_owned(),
        };
        if self.output.is_json() {
            self.output.document(&report)?;
            return Ok(Exit::Done);
        }
        let done = format!(
            "enrolled in network {network}, kept in {}",
            report.folder.display()
        );
        self.output.line(&tinted(Tone::Good, &done))?;
        if report.pending.is_some() {
            self.output.remark(&format!(
                "the server has not decided yet whether this device gets a certificate of its own: `resolvet trust renew {network}` asks again"
            ));
        }
        if let Some(domain) = &report.authentication_domain_name {
            self.output
                .line(&format!("try: resolvet discover {domain}"))?;
        }
        Ok(Exit::Done)
    }
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
