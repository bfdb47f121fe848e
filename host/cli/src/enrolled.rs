//! Enrolments that the user has: where they are kept, and which one a journey uses.

use std::path::{Path, PathBuf};

use resolvet::enrolment::{Enrolment, NetworkName, Store};

use crate::{exit::UsageError, folders::absolute};

/// An enrolment and where it is kept.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub(crate) store: Store,
    pub(crate) network: NetworkName,
    pub(crate) enrolment: Enrolment,
}

/// The store's folder: the one that was named, or the user's own.
pub(crate) fn folder(named: Option<&Path>) -> Result<PathBuf, UsageError> {
    named
        .map(Path::to_owned)
        .or_else(|| absolute("XDG_DATA_HOME").map(|data| data.join("resolvet/networks")))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share/resolvet/networks")))
        .ok_or_else(|| {
            UsageError(
                "neither XDG_DATA_HOME nor HOME says where to keep enrolments: give --store FOLDER"
                    .into(),
            )
        })
}

/// The store, if there is one; a journey makes none.
pub(crate) fn existing(named: Option<&Path>) -> anyhow::Result<Option<Store>> {
    let folder = match folder(named) {
        Ok(folder) => folder,
        // Without a home there are no enrolments, unless a folder was named.
        Err(_) if named.is_none() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !folder.try_exists().unwrap_or(true) {
        return Ok(None);
    }
    Ok(Some(Store::open(&folder)?))
}

/// A network's name as the user wrote it.
pub(crate) fn network_name(text: &str) -> Result<NetworkName, UsageError> {
    let name = text.parse::<NetworkName>();
    name.map_err(|error| UsageError(error.to_string()))
}

/// The enrolment of this network.
pub(crate) fn of_network(named: Option<&Path>, network: &str) -> anyhow::Result<Enrolled> {
    let network = network_name(network)?;
    let nothing = || {
        UsageError(format!(
            "there is no enrolment of network `{network}`: `resolvet trust show` lists them"
        ))
    };
    let store = existing(named)?.ok_or_else(nothing)?;
    let enrolment = store.load(&network)?.ok_or_else(nothing)?;
    Ok(Enrolled {
        store,
        network,
        enrolment,
    })
}

/// The enrolment that a journey uses: of the network that was named, of the domain that was named, or the only one.
pub(crate) fn chosen(
    store: Option<&Path>,
    network: Option<&str>,
    domain: Option<&str>,
) -> anyhow::Result<Option<Enrolled>> {
    let is_of = |enrolled: &Enrolled, domain: &str| {
        let own = enrolled.enrolment.authentication_domain_name.as_deref();
        own.is_some_and(|own| own.eq_ignore_ascii_case(domain.trim_end_matches('.')))
    };
    if let Some(network) = network {
        let enrolled = of_network(store, network)?;
        if let Some(domain) = domain.filter(|domain| !is_of(&enrolled, domain)) {
            let own = enrolled.enrolment.authentication_domain_name;
            let own = own.unwrap_or_else(|| "none".into());
            return Err(UsageError(format!(
                "network `{network}` has the domain `{own}`, not `{domain}`"
            ))
            .into());
        }
        return Ok(Some(enrolled));
    }
    let Some(store) = existing(store)? else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for network in store.networks()? {
        if let Some(enrolment) = store.load(&network)? {
            all.push(Enrolled {
                store: store.clone(),
                network,
                enrolment,
            });
        }
    }
    if let Some(domain) = domain {
        all.retain(|enrolled| is_of(enrolled, domain));
    }
    let mut all = all.into_iter();
    match (all.next(), all.next()) {
        (Some(_), Some(_)) => {
            Err(UsageError("there are several enrolments: give --network NAME".into()).into())
        }
        (first, _) => Ok(first),
    }
}
