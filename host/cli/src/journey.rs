//! From arguments and configuration to a client and a session's configuration.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use resolvet::{
    Attachment, Client, DnssecAnchors, DnssecAnchorsError, Limits, Policies, Recursive,
    RefusedAddresses, anchors,
    enrolment::{Enroller, Enrolment, NetworkName, Renewal, Step, in_words, reattach},
    offers::{self, Asked, Offers},
    stub::{Evidence, Origin},
};
use resolvet_proto::{
    certificate::privacy::DEFAULT_OID,
    discovery::{DomainName, Plan, dnr::NetworkOption},
    doh::Method,
    judgement::{AnchorDatabase, AnchorSet, Conveyed, Der, Source, Transport, UsageProfile},
    session::{self, Session},
};

use crate::{
    args::{Journey, Profile, TokenArguments, socket_address},
    config::{Config, Dnssec, DohMethod, Network, PrivacyToken, ROOT, TokenSource},
    consent,
    daemon::protocol::NetworkChange,
    enrolled::{self, Enrolled},
    exit::UsageError,
    keys, observed,
    output::Output,
    places, policies, servers,
};

/// How long one lookup of discovery may take, retransmissions included.
pub(crate) const LOOKUP: Duration = Duration::from_secs(5);
/// How long the network is asked on an interface.
pub(crate) const ASK: Duration = Duration::from_secs(5);
/// What stands for the domain where the network's own resolver is looked for (RFC 9462 section 4).
const DESIGNATED: &str = "resolver.arpa";
/// Where a system says which resolver to use.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Everything that a journey needs.
pub(crate) struct Prepared {
    pub(crate) client: Client,
    session: session::Config,
    /// The policies and what they are asked with when an enrolment has to be renewed.
    enroller: Enroller,
    enrolled: Option<Enrolled>,
    interface: Option<String>,
    pub(crate) resolver: SocketAddr,
    pub(crate) profile: UsageProfile,
    described: Described,
}

/// What an attachment is made of, to be compared with another's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    session: session::Config,
    network: Network,
    dnssec: DnssecAnchors,
    privacy_token: PrivacyToken,
    resolver: SocketAddr,
    interface: Option<String>,
    enrolled: Option<(NetworkName, Enrolment)>,
}

impl Described {
    pub(crate) const fn session(&self) -> &session::Config {
        &self.session
    }

    /// What has to be done so that an attachment made of this is as one made of the other.
    pub(crate) fn compared(&self, other: &Self) -> NetworkChange {
        if self == other {
            return NetworkChange::Unchanged;
        }
        let evidence = Evidence::of(&other.session);
        let mut same_evidence = self.clone();
        same_evidence.session.anchors = evidence.anchors;
        same_evidence.session.conveyed = evidence.conveyed;
        same_evidence.session.crls = evidence.crls;
        if same_evidence == *other {
            NetworkChange::JudgedAgain
        } else {
            NetworkChange::Replaced
        }
    }
}

/// Prepares a journey to this domain, or to the one of an enrolment.
pub(crate) fn prepare(
    domain: Option<&str>,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Prepared> {
    let wish = Wish::read(domain, journey)?;
    let (engine, set) = policies::load(&wish.config, &wish.profile, output)?;
    let policies = observed::policies(&wish.config, &engine, set)?;
    wish.prepare(policies)
}

/// An authentication domain name that somebody wrote.
pub(crate) fn domain_name(text: &str) -> Result<DomainName, UsageError> {
    DomainName::parse(text)
        .map_err(|problem| UsageError(format!("domain `{}` {problem}", text.escape_debug())))
}

/// What arguments, configuration and enrolments say, before anything is loaded or asked.
pub(crate) struct Wish {
    pub(crate) config: Config,
    pub(crate) profile: UsageProfile,
    resolver: SocketAddr,
    domain: Option<String>,
    /// Whom to believe, and which option or key says so.
    anchors: Option<(&'static str, String)>,
    /// What an enrolment conveyed, and which option or key says so.
    end_entity: (&'static str, Vec<PathBuf>),
    enrolled: Option<Enrolled>,
    interface: Option<String>,
}

impl Wish {
    /// Reads the configuration that the arguments name; what these say themselves wins.
    pub(crate) fn read(domain: Option<&str>, journey: Journey) -> anyhow::Result<Self> {
        let config = match &journey.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        Self::of(config, domain, journey)
    }

    /// What this configuration and the arguments say.
    pub(crate) fn of(
        mut config: Config,
        domain: Option<&str>,
        journey: Journey,
    ) -> anyhow::Result<Self> {
        config.policies.folder = journey.policies.or(config.policies.folder);
        config.policies.trusting(journey.policy_trust);
        let profile = match journey.profile.or(config.network.profile) {
            None | Some(Profile::Strict) => UsageProfile::Strict,
            Some(Profile::Opportunistic) => UsageProfile::Opportunistic,
        };
        let resolver = resolver(journey.resolver, config.network.resolver.as_deref())?;
        let configured = config.network.trust_anchors.clone();
        let anchors = journey.trust_anchors.map(|file| ("--trust-anchors", file));
        let anchors = anchors.or(configured.map(|file| ("`network.trust-anchors`", file)));
        let end_entity = if journey.end_entity.is_empty() {
            ("`network.end-entity`", config.network.end_entity.clone())
        } else {
            ("--end-entity", journey.end_entity)
        };
        // What the user says about trust wins over what is stored.
        let said = anchors.is_some() || !end_entity.1.is_empty();
        let enrolled = if journey.designated || (said && journey.network.is_none()) {
            None
        } else {
            let network = journey.network.as_deref();
            enrolled::chosen(journey.store.as_deref(), network, domain)?
        };
        let stored = enrolled.as_ref().and_then(|enrolled| {
            let name = &enrolled.enrolment.authentication_domain_name;
            name.clone()
        });
        domain.map(domain_name).transpose()?;
        let domain = domain.map(str::to_owned).or(stored);
        match (&domain, journey.designated) {
            (None, false) => {
                let text = "no domain is given, and no enrolment would say one (`resolvet bootstrap`): expected DOMAIN (of `query` --via DOMAIN, of a daemon `daemon.domain`), or --designated (`daemon.designated = true`) for what the network itself designates";
                return Err(UsageError(text.into()).into());
            }
            (Some(_), true) => {
                let text = "--designated (`daemon.designated = true`) stands instead of a domain: expected one of them";
                return Err(UsageError(text.into()).into());
            }
            _ => {}
        }
        let interface = journey.interface.or(config.network.interface.clone());
        Ok(Self {
            config,
            profile,
            resolver,
            domain,
            anchors,
            end_entity,
            enrolled,
            interface,
        })
    }

    /// Everything else, with these policies.
    pub(crate) fn prepare(self, policies: Policies) -> anyhow::Result<Prepared> {
        let Self {
            config,
            profile,
            resolver,
            domain,
            anchors,
            end_entity,
            enrolled,
            interface,
        } = self;
        let mut limits = Limits::default();
        let milliseconds = |value: u32| Duration::from_millis(value.into());
        if let Some(handshake) = config.network.handshake_milliseconds {
            limits.handshake = milliseconds(handshake);
        }
        if let Some(query) = config.network.query_milliseconds {
            limits.query = milliseconds(query);
        }
        if let Some(fetch) = config.privacy_token.milliseconds {
            limits.fetch = milliseconds(fetch);
        }
        let recursive = Recursive::new(resolver, LOOKUP);
        let dnssec = dnssec_anchors(&config.dnssec)?;
        let client = client(&config.network, policies.clone(), recursive)?
            .with_limits(limits)
            .with_dnssec(dnssec.clone())
            .with_refused_addresses(refused_addresses(&config.privacy_token)?);
        let client = match &interface {
            Some(interface) => client.with_interface(interface),
            None => client,
        };
        let keys = keys::store(&config.keys, &TokenArguments::default(), None)?;
        let mut enroller = Enroller::new(
            policies,
            places::known(recursive).with_dnssec(dnssec.clone()),
        )
        .with_keys(keys);
        if let Some(Enrolled { store, network, .. }) = &enrolled {
            enroller = enroller.with_network_identity(consent::of_enrolled(store, network)?);
        }
        let mut session = match domain {
            Some(domain) => session::Config::new(domain, random()?),
            None => session::Config::of_network(resolver.ip(), random()?),
        };
        find_by(&mut session, &config.network)?;
        session.privacy_token = token_sources(&config)?;
        if config.dnssec.tlsa && dnssec.is_empty() {
            let text = "`dnssec.tlsa` needs `dnssec.anchors`: TLSA records count only when they are validated";
            return Err(UsageError(text.into()).into());
        }
        session.tlsa = config.dnssec.tlsa;
        session.usage_profile = profile.clone();
        match &enrolled {
            None => {
                let anchors = anchors.as_ref();
                let anchors = anchors.map(|(said, file)| (*said, file.as_str()));
                session.anchors = Arc::new(trust_anchors(anchors)?);
                session.conveyed = conveyed(&end_entity)?;
            }
            Some(enrolled) if enrolled.enrolment.database == AnchorDatabase::Implicit => {
                enroller = enroller.with_implicit_anchors(Arc::new(anchors::from_system()?));
            }
            Some(_) => {}
        }
        session.attempts = config.network.attempts.unwrap_or(session.attempts);
        session.at_once = config.network.attempts_at_once.unwrap_or(session.at_once);
        if let Some(delay) = config.network.attempt_delay_milliseconds {
            session.attempt_delay = delay.into();
        }
        session.crls = revocation_lists(&config.network.revocation_lists)?;
        // Whoever attaches would refuse it too, and a check or a reload never attaches.
        Session::new(session.clone()).map_err(|error| servers::no_session(&error))?;
        let described = Described {
            session: session::Config {
                seed: 0,
                ..session.clone()
            },
            // Files are compared by what is in them.
            network: Network {
                trust_anchors: None,
                end_entity: Vec::new(),
                revocation_lists: Vec::new(),
                fallback_trust_anchors: None,
                ..config.network
            },
            dnssec,
            privacy_token: config.privacy_token,
            resolver,
            interface: interface.clone(),
            enrolled: enrolled
                .as_ref()
                .map(|enrolled| (enrolled.network.clone(), enrolled.enrolment.clone())),
        };
        Ok(Prepared {
            client,
            session,
            enroller,
            enrolled,
            interface,
            resolver,
            profile,
            described,
        })
    }
}

/// Where servers may say that a signed privacy statement is.
fn token_sources(config: &Config) -> anyhow::Result<Vec<session::TokenSource>> {
    let said = &config.privacy_token;
    let asks = config.network.resolver_info == Some(true);
    if said.from.contains(&TokenSource::ResolverInfo) && !asks {
        let text = "`privacy-token.from` has `resolver-info`, which needs `network.resolver-info = true`: nobody is asked otherwise";
        return Err(UsageError(text.into()).into());
    }
    let oid = said.extension_oid.as_deref().unwrap_or(DEFAULT_OID);
    let source = |source: &TokenSource| match source {
        TokenSource::ResolverInfo => session::TokenSource::ResolverInfo,
        TokenSource::Extension => session::TokenSource::Extension(oid.into()),
    };
    Ok(said.from.iter().map(source).collect())
}

fn refused_addresses(said: &PrivacyToken) -> anyhow::Result<RefusedAddresses> {
    let mut refused = RefusedAddresses::default();
    for range in &said.refused_addresses {
        let wrong = |error| UsageError(format!("`privacy-token.refused-addresses`: {error}"));
        refused = refused.and(range).map_err(wrong)?;
    }
    Ok(refused)
}

/// The ways that the session goes, and what is written down.
fn find_by(session: &mut session::Config, network: &Network) -> anyhow::Result<()> {
    if let Some(words) = &network.discovery {
        let methods: Vec<Source> = words
            .iter()
            .map(|word| Source::from(word.as_str()))
            .collect();
        if let Some(unknown) = methods
            .iter()
            .find(|method| !Plan::METHODS.contains(method))
        {
            let known: Vec<_> = Plan::METHODS.iter().map(Source::as_str).collect();
            let text = format!(
                "`network.discovery`: `{unknown}` is none of {}",
                known.join(", ")
            );
            return Err(UsageError(text).into());
        }
        session.methods = methods;
    }
    session.network_options = servers::options(&network.network_options)?;
    session.configured = servers::servers("servers", &network.servers)?;
    session.fallback = servers::servers("fallback", &network.fallback)?;
    if !session.fallback.is_empty() {
        let anchors = network.fallback_trust_anchors.as_deref();
        let anchors = anchors.map(|file| ("`network.fallback-trust-anchors`", file));
        session.fallback_anchors = Arc::new(trust_anchors(anchors)?);
    }
    session.resolver_info = network.resolver_info.unwrap_or(session.resolver_info);
    session.associated_templates = network.associated_templates;
    session.legacy_resolver_info = network.legacy_resolver_info;
    Ok(())
}

/// What the network says of encrypted resolvers on this interface.
async fn designations(interface: &str, output: &Output) -> anyhow::Result<Asked> {
    output.progress(&format!(
        "asking on {interface} which resolvers are designated"
    ));
    let asked = offers::ask(interface, ASK).await?;
    for (_, failure) in &asked.failures {
        output.remark(&failure.to_string());
    }
    Ok(asked)
}

/// What the network says on an interface, and what is written down beside it.
pub(crate) struct Designating {
    /// What is asked again.
    pub(crate) offers: Offers,
    /// Options that the configuration has.
    pub(crate) configured: Vec<NetworkOption>,
}

impl Prepared {
    /// The network whose enrolment is used.
    pub(crate) fn network(&self) -> Option<NetworkName> {
        self.enrolled.as_ref().map(|found| found.network.clone())
    }

    pub(crate) fn described(&self) -> Described {
        self.described.clone()
    }

    /// What a stub attaches by. What the network says of encrypted resolvers is asked for now.
    pub(crate) async fn for_stub(
        mut self,
        output: &Output,
    ) -> anyhow::Result<(Client, Origin, Option<Designating>)> {
        let mut designating = None;
        if let Some(interface) = &self.interface {
            let asked = designations(interface, output).await?;
            designating = Some(Designating {
                offers: Offers::after(interface, &asked),
                configured: self.session.network_options.clone(),
            });
            self.session.network_options.extend(asked.options());
        }
        let session = Box::new(self.session);
        let origin = match self.enrolled {
            None => Origin::Configured(session),
            Some(Enrolled { store, network, .. }) => {
                let enroller = Box::new(self.enroller);
                Origin::Enrolled {
                    enroller,
                    store,
                    network,
                    session,
                }
            }
        };
        Ok((self.client, origin, designating))
    }

    /// Attaches, until a server is vetted or the session has failed, and says to which domain. With an enrolment that does
    /// not hold any more, the EST server is asked first.
    pub(crate) async fn attach(mut self, output: &Output) -> anyhow::Result<(Attachment, String)> {
        if let Some(interface) = &self.interface {
            let asked = designations(interface, output).await?;
            self.session.network_options.extend(asked.options());
        }
        let domain = self.session.authentication_domain_name.clone();
        let domain = domain.unwrap_or_else(|| DESIGNATED.to_owned());
        output.progress(&format!("discovering {domain} by {}", self.resolver));
        let Some(Enrolled { store, network, .. }) = &self.enrolled else {
            return Ok((self.client.attach(self.session)?, domain));
        };
        let mut tell = |step: &Step| {
            if let Some(text) = in_words(step) {
                output.progress(&text);
            }
        };
        let attached = reattach(
            &self.enroller,
            &self.client,
            (store, network),
            self.session,
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

pub(crate) fn dnssec_anchors(dnssec: &Dnssec) -> anyhow::Result<DnssecAnchors> {
    let read = |mut anchors: DnssecAnchors| {
        for source in &dnssec.anchors {
            anchors = match source.as_str() {
                ROOT => anchors.with_root(),
                file => anchors.with_file(Path::new(file))?,
            };
        }
        for name in &dnssec.negative_anchors {
            anchors = anchors.without(name)?;
        }
        Ok(anchors)
    };
    read(DnssecAnchors::none())
        .map_err(|error: DnssecAnchorsError| UsageError(format!("`dnssec`: {error}")).into())
}

/// The trust anchors of this source, which this option or key names.
fn trust_anchors(source: Option<(&str, &str)>) -> anyhow::Result<AnchorSet> {
    match source {
        None | Some((_, "system")) => Ok(anchors::from_system()?),
        Some((said, file)) => anchors::from_file(Path::new(file))
            .map_err(|error| UsageError(format!("{said}: {error}")).into()),
    }
}

fn revocation_lists(files: &[PathBuf]) -> Result<Vec<Der>, UsageError> {
    let mut lists = Vec::new();
    for file in files {
        let read = anchors::revocation_lists(file)
            .map_err(|error| UsageError(format!("`network.revocation-lists`: {error}")))?;
        lists.extend(read);
    }
    Ok(lists)
}

/// The certificates of these files, which this option or key names.
fn conveyed((said, files): &(&str, Vec<PathBuf>)) -> anyhow::Result<Conveyed> {
    let mut certificates: Vec<Der> = Vec::new();
    for file in files {
        let read =
            anchors::certificates(file).map_err(|error| UsageError(format!("{said}: {error}")))?;
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
