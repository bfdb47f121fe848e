//! From arguments and configuration to a client and a session's configuration.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use resolvet::{
    Attachment, Client, Limits, Policies, Recursive, anchors,
    enrolment::{Enroller, NetworkName, Progress, Renewal, reattach},
};
use resolvet_proto::{
    doh::Method,
    judgement::{AnchorDatabase, AnchorSet, Conveyed, Der, Transport, UsageProfile},
    session,
};

use crate::{
    args::{Journey, Profile, TokenArguments, socket_address},
    commands::told,
    config::{Config, DohMethod, Network},
    enrolled::{self, Enrolled},
    exit::UsageError,
    keys,
    output::Output,
    policies,
};

/// How long one lookup of discovery may take, retransmissions included.
pub(crate) const LOOKUP: Duration = Duration::from_secs(5);
/// Where a system says which resolver to use.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Everything that a journey needs.
pub(crate) struct Prepared {
    pub(crate) client: Client,
    session: session::Config,
    /// The policies and what they are asked with when an enrolment has to be renewed.
    enroller: Enroller,
    enrolled: Option<Enrolled>,
    implicit: Option<Arc<AnchorSet>>,
    pub(crate) resolver: SocketAddr,
    pub(crate) profile: UsageProfile,
}

/// Prepares a journey to this domain, or to the one of an enrolment.
pub(crate) fn prepare(
    domain: Option<&str>,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Prepared> {
    let mut config = match &journey.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    config.policies.folder = journey.policies.or(config.policies.folder);
    let profile = match journey.profile.or(config.network.profile) {
        None | Some(Profile::Strict) => UsageProfile::Strict,
        Some(Profile::Opportunistic) => UsageProfile::Opportunistic,
    };
    let resolver = resolver(journey.resolver, config.network.resolver.as_deref())?;
    let anchors = journey
        .trust_anchors
        .or(config.network.trust_anchors.clone());
    let end_entity = if journey.end_entity.is_empty() {
        &config.network.end_entity
    } else {
        &journey.end_entity
    };
    // What the user says about trust wins over what is stored.
    let said = anchors.is_some() || !end_entity.is_empty();
    let enrolled = if said && journey.network.is_none() {
        None
    } else {
        let network = journey.network.as_deref();
        enrolled::chosen(journey.store.as_deref(), network, domain)?
    };
    let stored = enrolled.as_ref().and_then(|enrolled| {
        let name = &enrolled.enrolment.authentication_domain_name;
        name.clone()
    });
    let domain = match domain.map(str::to_owned).or(stored) {
        Some(domain) => domain,
        None => {
            let text =
                "give a domain: there is no enrolment that would say one (`resolvet bootstrap`)";
            return Err(UsageError(text.into()).into());
        }
    };
    let (engine, set) = policies::load(&config, &profile, output)?;
    let mut limits = Limits::default();
    let milliseconds = |value: u32| Duration::from_millis(value.into());
    if let Some(handshake) = config.network.handshake_milliseconds {
        limits.handshake = milliseconds(handshake);
    }
    if let Some(query) = config.network.query_milliseconds {
        limits.query = milliseconds(query);
    }
    let recursive = Recursive::new(resolver, LOOKUP);
    let policies = Policies::new(&engine, set);
    let client = client(&config.network, policies.clone(), recursive)?.with_limits(limits);
    let keys = keys::store(&config.keys, &TokenArguments::default(), None)?;
    let mut enroller = Enroller::new(policies, recursive).with_keys(keys);

    let mut session = session::Config::new(domain, random()?);
    session.usage_profile = profile.clone();
    let mut implicit = None;
    match &enrolled {
        None => {
            session.anchors = Arc::new(trust_anchors(anchors.as_deref())?);
            session.conveyed = conveyed(end_entity)?;
        }
        Some(enrolled) if enrolled.enrolment.database == AnchorDatabase::Implicit => {
            let system = Arc::new(anchors::from_system()?);
            enroller = enroller.with_implicit_anchors(Arc::clone(&system));
            implicit = Some(system);
        }
        Some(_) => {}
    }
    session.attempts = config.network.attempts.unwrap_or(session.attempts);
    Ok(Prepared {
        client,
        session,
        enroller,
        enrolled,
        implicit,
        resolver,
        profile,
    })
}

impl Prepared {
    /// The network whose enrolment is used.
    pub(crate) fn network(&self) -> Option<NetworkName> {
        self.enrolled.as_ref().map(|found| found.network.clone())
    }

    /// Attaches, until a server is vetted or the session has failed, and says to which domain. With an enrolment that does
    /// not hold any more, the EST server is asked first.
    pub(crate) async fn attach(self, output: &Output) -> anyhow::Result<(Attachment, String)> {
        let domain = self.session.authentication_domain_name.clone();
        let domain = domain.unwrap_or_default();
        output.progress(&format!("discovering {domain} by {}", self.resolver));
        let Some(Enrolled { store, network, .. }) = &self.enrolled else {
            return Ok((self.client.attach(self.session)?, domain));
        };
        let mut tell = |progress: Progress| output.progress(&told(&progress));
        let attached = reattach(
            &self.enroller,
            &self.client,
            (store, network),
            self.session,
            self.implicit.as_ref(),
            &mut tell,
        );
        let attached = attached.await?;
        match &attached.renewal {
            Renewal::Renewed { changed: true } => output.remark(&format!(
                "network {network} was renewed: its EST server conveys other certificates than were stored"
            )),
            Renewal::Failed(error) => output.remark(&format!(
                "network {network} could not be renewed: {error}; `resolvet bootstrap` enrols again"
            )),
            _ => {}
        }
        let domain = attached.enrolment.authentication_domain_name;
        Ok((attached.attachment, domain.unwrap_or_default()))
    }
}

pub(crate) fn resolver(
    argument: Option<SocketAddr>,
    configured: Option<&str>,
) -> anyhow::Result<SocketAddr> {
    if let Some(address) = argument {
        return Ok(address);
    }
    if let Some(text) = configured {
        return socket_address(text).map_err(|expected| {
            UsageError(format!("`network.resolver` is `{text}`: {expected}")).into()
        });
    }
    let text = fs::read_to_string(RESOLV_CONF)
        .with_context(|| format!("{RESOLV_CONF} cannot be read: give --resolver ADDRESS"))?;
    let nameserver = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .find_map(|address| socket_address(address.trim()).ok());
    nameserver.ok_or_else(|| {
        UsageError(format!(
            "{RESOLV_CONF} names no `nameserver`: give --resolver ADDRESS"
        ))
        .into()
    })
}

/// What attaches, by the transports and in the way that the configuration has.
fn client(
    network: &Network,
    policies: Policies,
    recursive: Recursive,
) -> Result<Client, UsageError> {
    let client = Client::new(policies, recursive).with_doh_method(match network.doh_method {
        DohMethod::Post => Method::Post,
        DohMethod::Get => Method::Get,
    });
    Ok(match network.transports.as_slice() {
        [] => client,
        words => client.with_transports(transports(words)?),
    })
}

/// The transports of a configuration.
fn transports(words: &[Transport]) -> Result<Vec<Transport>, UsageError> {
    let known = Client::transports();
    if let Some(word) = words.iter().find(|word| !known.contains(word)) {
        let known: Vec<&str> = known.iter().map(Transport::as_str).collect();
        return Err(UsageError(format!(
            "`network.transports` has `{word}`: expected {}",
            known.join(", ")
        )));
    }
    Ok(words.to_vec())
}

fn trust_anchors(source: Option<&str>) -> anyhow::Result<AnchorSet> {
    match source {
        None | Some("system") => Ok(anchors::from_system()?),
        Some(file) => anchors::from_file(Path::new(file))
            .map_err(|error| UsageError(format!("--trust-anchors: {error}")).into()),
    }
}

fn conveyed(files: &[impl AsRef<Path>]) -> anyhow::Result<Conveyed> {
    let mut certificates: Vec<Der> = Vec::new();
    for file in files {
        let read = anchors::certificates(file.as_ref())
            .map_err(|error| UsageError(format!("--end-entity: {error}")))?;
        certificates.extend(read);
    }
    Ok(if certificates.is_empty() {
        Conveyed::NotEnrolled
    } else {
        Conveyed::Certificates { certificates }
    })
}

/// A random number for SRV weights.
fn random() -> anyhow::Result<u64> {
    let mut octets = [0; 8];
    if aws_lc_rs::rand::fill(&mut octets).is_err() {
        bail!("the system gives no random numbers");
    }
    Ok(u64::from_be_bytes(octets))
}
