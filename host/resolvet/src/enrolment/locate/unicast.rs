//! DNS-SD at a resolver.

use std::net::Ipv4Addr;

use futures_util::{StreamExt as _, stream};
use resolvet_proto::discovery::{
    Answer, DomainName, Outcome,
    dns_sd::{self, Browse, Instance, Lookup},
    limits::DOMAINS,
};

use crate::{
    LookupError,
    lookups::{Lookups, Nothing},
};

/// Lookups under way at once.
const AT_ONCE: usize = 8;

/// What a resolver said about a service.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The instances, those of the first domain first.
    pub(super) instances: Vec<Instance>,
    /// What came of each place where there is none.
    pub(super) told: Vec<String>,
    /// Why nobody answered, if nobody did.
    pub(super) failure: Option<LookupError>,
}

/// Looks for the services in the domains. Where none of them has an instance, the domains are looked in that these domains
/// and the networks list (RFC 6763 section 11), unless the resolver does not answer at all.
pub(super) async fn find(
    lookups: &Lookups,
    services: &[&'static str],
    (domains, networks): (&[DomainName], &[(Ipv4Addr, u8)]),
    seed: u64,
) -> Asked {
    let mut asked = browse(lookups, services, domains, seed).await;
    if !asked.instances.is_empty() || asked.failure.is_some() {
        return asked;
    }
    let listing =
        domains
            .iter()
            .filter_map(|domain| dns_sd::browse_domains(domain).ok())
            .chain(networks.iter().filter_map(|(address, prefix)| {
                dns_sd::browse_domains_of_network(*address, *prefix)
            }));
    let listing: Vec<Lookup> = listing.collect();
    let asking = listing.iter().map(|lookup| ask(lookups.clone(), lookup));
    let answers = at_once(asking.collect()).await;
    let mut more: Vec<DomainName> = Vec::new();
    for answer in answers.iter().flatten() {
        for domain in dns_sd::domains(answer) {
            if !domains.contains(&domain) && !more.contains(&domain) {
                more.push(domain);
            }
        }
    }
    more.truncate(DOMAINS);
    let listed = browse(lookups, services, &more, seed).await;
    asked.instances = listed.instances;
    asked.told.extend(listed.told);
    asked
}

/// Looks for the services in these domains and in no others.
async fn browse(
    lookups: &Lookups,
    services: &[&'static str],
    domains: &[DomainName],
    seed: u64,
) -> Asked {
    let mut asked = Asked::default();
    let places = domains
        .iter()
        .flat_map(|domain| services.iter().map(move |service| (*service, domain)));
    let browsing = places.map(|(service, domain)| async move {
        let place = format!("{service}.{}", domain.without_dot());
        (place, browse_one(lookups, service, domain, seed).await)
    });
    let all = at_once(browsing.collect()).await;
    let mut answered = false;
    for (place, came) in all {
        match came {
            Ok((instances, _)) if !instances.is_empty() => asked.instances.extend(instances),
            Ok((_, why)) => asked.told.push(format!("`{place}` {why}")),
            Err(Nothing::Answer(error)) => asked.told.push(format!("`{place}`: {error}")),
            Err(Nothing::Lookup(error)) => {
                asked.told.push(format!("`{place}`: {error}"));
                asked.failure.get_or_insert(error);
                continue;
            }
        }
        answered = true;
    }
    if answered {
        asked.failure = None;
    }
    asked
}

/// The instances of one service in one domain, or why there is none.
async fn browse_one(
    lookups: &Lookups,
    service: &'static str,
    domain: &DomainName,
    seed: u64,
) -> Result<(Vec<Instance>, String), Nothing> {
    let Ok(mut browse) = Browse::new(service, domain) else {
        return Ok((Vec::new(), "is no domain name (RFC 1035 2.3.4)".into()));
    };
    let mut listed = 0;
    if let Some(lookup) = browse.next_lookup() {
        let answer = ask(lookups.clone(), &lookup).await?;
        if answer.outcome != Outcome::Found {
            return Ok((Vec::new(), "has no records".into()));
        }
        browse.answered(&lookup, answer);
    }
    let mut instances = Vec::new();
    while let Some(lookup) = browse.next_lookup() {
        instances.push(lookup);
        listed += 1;
    }
    let asking = instances.iter().map(|lookup| ask(lookups.clone(), lookup));
    let answers = at_once(asking.collect()).await;
    let mut problem = None;
    for (lookup, answer) in instances.iter().zip(answers) {
        match answer {
            Ok(answer) => browse.answered(lookup, answer),
            Err(error) => {
                problem.get_or_insert(error.to_string());
            }
        }
    }
    let note = browse.notes().first().map(|note| note.message.clone());
    let note = problem.or(note).map(|note| format!(": {note}"));
    let why = format!(
        "lists {listed} instances, none of which can be connected to{}",
        note.unwrap_or_default()
    );
    Ok((browse.instances(seed), why))
}

/// What comes of all of these, in their order, a few under way at once. They are made beforehand: of futures that a closure
/// makes one by one the compiler cannot tell that they may go to another thread.
async fn at_once<F: Future>(work: Vec<F>) -> Vec<F::Output> {
    stream::iter(work).buffered(AT_ONCE).collect().await
}

async fn ask(lookups: Lookups, lookup: &Lookup) -> Result<Answer, Nothing> {
    lookups.answer(&lookup.question()).await
}
