//! The user's consent to enrol in a network (the draft's section 11): what was given before, with this command, or on the
//! terminal when asked.

use resolvet::{
    enrolment::{NetworkName, Store, StoreError},
    networks::{Link, Recognition, System, TrustedNetwork, identity},
};
use resolvet_proto::{discovery::DomainName, judgement::NetworkIdentity};

use crate::{commands::by, dates::now, exit::UsageError, output::Output};

/// The paragraph that asks for it.
const REFERENCE: &str = "draft-reddy-dprive-bootstrap-dns-server-04 11";

/// What stands for a network that nobody named.
const UNNAMED: &str = "NAME";

/// What the user named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The network's name.
    pub(crate) network: Option<&'a NetworkName>,
    /// Its domain.
    pub(crate) domain: Option<&'a str>,
    /// Whether the command gives the consent.
    pub(crate) trust: bool,
}

/// That enrolling may begin, and in what.
#[derive(Debug)]
pub(crate) struct Consent {
    /// The network's name; it may become known by enrolling.
    pub(crate) network: Option<NetworkName>,
    /// The domain that the user trusts it for.
    pub(crate) domain: Option<String>,
    /// How it is known.
    pub(crate) identity: NetworkIdentity,
    /// What is to be kept when the network has a name.
    unkept: Option<TrustedNetwork>,
}

impl Consent {
    /// Looks for the consent to enrol here. It is kept at once where it is new and the network has a name.
    pub(crate) fn to_enrol(
        store: &Store,
        wanted: Wanted<'_>,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let link = System::default().link(None);
        let found = find(store, wanted, link.as_ref())?;
        let refusal = match &found {
            None => match wanted.trust {
                true => None,
                false => Some(Refusal::NotTrusted),
            },
            Some((name, trusted)) => {
                contradiction(name, trusted, wanted)?;
                match identity(trusted, link.as_ref()) {
                    Some(identity) => {
                        return Ok(Self {
                            network: Some(name.clone()),
                            domain: trusted.domain.clone(),
                            identity,
                            unkept: None,
                        });
                    }
                    None => match wanted.trust {
                        true => None,
                        false => Some(Refusal::Elsewhere(by(&trusted.recognition))),
                    },
                }
            }
        };
        let name = name(wanted, found.as_ref().map(|(name, _)| name))?;
        if let Some(refusal) = refusal {
            let shown = shown(name.as_ref(), wanted);
            let question = format!(
                "{}\nTrust it, as it is attached now, to enrol this device in?",
                refusal.text(&shown)
            );
            if !output.confirms(&question)? {
                return Err(refusal.error(&shown).into());
            }
        }
        let recognition = link.as_ref().map_or(Recognition::ByName, Link::recognition);
        let domain = wanted.domain.map(DomainName::parse).transpose();
        let domain = domain.map_err(|problem| UsageError(format!("the domain {problem}")))?;
        let trusted = TrustedNetwork::new(domain.as_ref(), recognition, now());
        let mut consent = Self {
            identity: identity(&trusted, link.as_ref()).unwrap_or(NetworkIdentity::Named),
            domain: trusted.domain.clone(),
            network: name,
            unkept: Some(trusted),
        };
        if let Some(name) = &consent.network
            && let Some(trusted) = consent.unkept.take()
        {
            store.trust(name, &trusted)?;
        }
        Ok(consent)
    }

    /// Keeps a consent that was given for a network whose name has become known.
    pub(crate) fn keep(&mut self, store: &Store, network: &NetworkName) -> Result<(), StoreError> {
        let Some(mut trusted) = self.unkept.take() else {
            return Ok(());
        };
        // Whoever named no domain has trusted the one that it turned out to be.
        let domain = DomainName::parse(network.as_str()).ok();
        trusted.domain = trusted
            .domain
            .or_else(|| domain.map(|domain| domain.without_dot().to_owned()));
        store.trust(network, &trusted)
    }
}

/// How a network is known whose enrolment is used: whoever uses it has named it.
pub(crate) fn of_enrolled(
    store: &Store,
    network: &NetworkName,
) -> Result<NetworkIdentity, StoreError> {
    let trusted = store.trust_in(network)?;
    let link = trusted.as_ref().and_then(|_| System::default().link(None));
    let known = trusted.and_then(|trusted| identity(&trusted, link.as_ref()));
    Ok(known.unwrap_or(NetworkIdentity::Named))
}

/// What is known of the consent beforehand, for `--dry-run`.
#[derive(Debug)]
pub(crate) struct Given {
    /// Whether enrolling may begin.
    pub(crate) trusted: bool,
    /// Whether the consent is kept already.
    pub(crate) kept: bool,
    /// The network's name, where it is known before enrolling.
    pub(crate) network: Option<NetworkName>,
    /// The domain that the user trusts it for.
    pub(crate) domain: Option<String>,
}

/// Whether there is consent already; nothing is asked and nothing is kept.
pub(crate) fn given(store: Option<&Store>, wanted: Wanted<'_>) -> anyhow::Result<Given> {
    let link = System::default().link(None);
    let found = match store {
        Some(store) => find(store, wanted, link.as_ref())?,
        None => None,
    };
    let name = name(wanted, found.as_ref().map(|(name, _)| name))?;
    let (kept, domain) = match found {
        Some((name, trusted)) => {
            contradiction(&name, &trusted, wanted)?;
            let kept = identity(&trusted, link.as_ref()).is_some();
            (kept, trusted.domain)
        }
        None => (false, None),
    };
    Ok(Given {
        trusted: kept || wanted.trust,
        kept,
        network: name,
        domain,
    })
}

/// The trusted network that is meant: by its name, else by the domain, else the one that this device is attached to.
fn find(
    store: &Store,
    wanted: Wanted<'_>,
    link: Option<&Link>,
) -> Result<Option<(NetworkName, TrustedNetwork)>, StoreError> {
    if let Some(name) = wanted.network {
        let trusted = store.trust_in(name)?;
        return Ok(trusted.map(|trusted| (name.clone(), trusted)));
    }
    let domain = wanted.domain.map(|domain| domain.trim_end_matches('.'));
    let mut found = Vec::new();
    for name in store.trusted()? {
        let Some(trusted) = store.trust_in(&name)? else {
            continue;
        };
        let is_meant = match domain {
            Some(domain) => {
                let own = trusted.domain.as_deref().unwrap_or(name.as_str());
                own.eq_ignore_ascii_case(domain)
            }
            None => {
                trusted.recognition != Recognition::ByName && identity(&trusted, link).is_some()
            }
        };
        if is_meant {
            found.push((name, trusted));
        }
    }
    // Of several for one domain, the one that this device is attached to.
    let here = found
        .iter()
        .position(|(_, trusted)| identity(trusted, link).is_some());
    let position = here.unwrap_or_default();
    Ok(found.into_iter().nth(position))
}

/// A network is trusted for its own domain.
fn contradiction(
    name: &NetworkName,
    trusted: &TrustedNetwork,
    wanted: Wanted<'_>,
) -> Result<(), UsageError> {
    let asked = wanted.domain.map(|domain| domain.trim_end_matches('.'));
    match (asked, &trusted.domain) {
        (Some(asked), Some(own)) if !own.eq_ignore_ascii_case(asked) => Err(UsageError(format!(
            "network `{name}` is trusted for the domain `{own}`, not for `{}`: `resolvet network trust {name} --domain {asked}` changes that",
            asked.escape_debug()
        ))),
        _ => Ok(()),
    }
}

/// What a network that is trusted with this command is called.
fn name(
    wanted: Wanted<'_>,
    found: Option<&NetworkName>,
) -> Result<Option<NetworkName>, UsageError> {
    if let Some(name) = wanted.network.or(found) {
        return Ok(Some(name.clone()));
    }
    let domain = wanted
        .domain
        .map(|domain| domain.trim_end_matches('.').to_lowercase());
    let name = domain.map(|domain| domain.parse());
    name.transpose()
        .map_err(|error| UsageError(format!("{error}: give --network NAME")))
}

/// The network as commands name it.
fn shown(name: Option<&NetworkName>, wanted: Wanted<'_>) -> String {
    match (name, wanted.domain) {
        (Some(name), _) => name.to_string(),
        (None, Some(domain)) => domain.escape_debug().to_string(),
        (None, None) => UNNAMED.into(),
    }
}

/// Why there is no consent.
enum Refusal {
    /// The user did not trust the network.
    NotTrusted,
    /// The user trusted another one, recognised so.
    Elsewhere(String),
}

impl Refusal {
    fn text(&self, network: &str) -> String {
        match self {
            Self::NotTrusted if network == UNNAMED => {
                "this network is not one that you trust to enrol in".into()
            }
            Self::NotTrusted => {
                format!("network `{network}` is not one that you trust to enrol in")
            }
            Self::Elsewhere(by) => format!(
                "network `{network}` is recognised {by}, and this device is attached otherwise now"
            ),
        }
    }

    fn error(&self, network: &str) -> UsageError {
        if network == UNNAMED {
            return UsageError(format!(
                "{}: name it by its DOMAIN or with --network NAME once `resolvet network trust NAME` has said so, or give --trust-network with this command ({REFERENCE})",
                self.text(network)
            ));
        }
        UsageError(format!(
            "{}: if you mean this network, `resolvet network trust {network}`, or give --trust-network with this command ({REFERENCE})",
            self.text(network)
        ))
    }
}
