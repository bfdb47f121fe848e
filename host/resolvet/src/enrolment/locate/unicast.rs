//! DNS-SD and addresses at a resolver.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_util::{StreamExt as _, stream};
use hickory_proto::rr::RecordType;
use resolvet_proto::discovery::{
    Answer, AnswerError, Data, DomainName, Kind, Outcome, Question,
    dns_sd::{self, Browse, Instance, Lookup},
    limits::{ADDRESSES, DOMAINS},
};

use crate::{LookupError, Recursive};

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

/// A lookup that brought nothing.
enum Nothing {
    /// Nobody answered.
    Lookup(LookupError),
    /// Somebody did, and what came cannot be used.
    Answer(AnswerError),
}

/// Looks for the services in the domains. Where none of them has an instance, the domains are looked in that these domains
/// and the networks list (RFC 6763 section 11), unless the resolver does not answer at all.
pub(super) async fn find(
    recursive: Recursive,
    services: &[&'static str],
    (domains, networks): (&[DomainName], &[(Ipv4Addr, u8)]),
    seed: u64,
) -> Asked {
    let mut asked = browse(recursive, services, domains, seed).await;
    if !asked.instances.is_empty() || asked.failure.is_some() {
        return asked;
    }
    let lookups =
        domains
            .iter()
            .filter_map(|domain| dns_sd::browse_domains(domain).ok())
            .chain(networks.iter().filter_map(|(address, prefix)| {
                dns_sd::browse_domains_of_network(*address, *prefix)
            }));
    let lookups: Vec<Lookup> = lookups.collect();
    let asking = lookups.iter().map(|lookup| ask(recursive, lookup));
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
    let listed = browse(recursive, services, &more, seed).await;
    asked.instances = listed.instances;
    asked.told.extend(listed.told);
    asked
}

/// Looks for the services in these domains and in no others.
async fn browse(
    recursive: Recursive,
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
        (place, browse_one(recursive, service, domain, seed).await)
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
    recursive: Recursive,
    service: &'static str,
    domain: &DomainName,
    seed: u64,
) -> Result<(Vec<Instance>, String), Nothing> {
    let Ok(mut browse) = Browse::new(service, domain) else {
        return Ok((Vec::new(), "is no domain name (RFC 1035 2.3.4)".into()));
    };
    let mut listed = 0;
    if let Some(lookup) = browse.next_lookup() {
        let answer = ask(recursive, &lookup).await?;
        if answer.outcome != Outcome::Found {
            return Ok((Vec::new(), "has no records".into()));
        }
        browse.answered(&lookup, answer);
    }
    let mut lookups = Vec::new();
    while let Some(lookup) = browse.next_lookup() {
        lookups.push(lookup);
        listed += 1;
    }
    let asking = lookups.iter().map(|lookup| ask(recursive, lookup));
    let answers = at_once(asking.collect()).await;
    for (lookup, answer) in lookups.iter().zip(answers) {
        if let Ok(answer) = answer {
            browse.answered(lookup, answer);
        }
    }
    let note = browse.notes().first();
    let note = note.map(|note| format!(": {}", note.message));
    let why = format!(
        "lists {listed} instances, none of which can be connected to{}",
        note.unwrap_or_default()
    );
    Ok((browse.instances(seed), why))
}

/// The addresses of a host.
pub(super) async fn addresses(
    recursive: Recursive,
    host: &DomainName,
    port: u16,
) -> Result<Vec<SocketAddr>, LookupError> {
    let of = |kind| {
        let name = host.clone();
        async move {
            let octets = recursive.lookup(name.as_str(), Kind::number(kind)).await?;
            let question = Question { name, kind };
            Ok::<_, LookupError>(Answer::parse(&octets, &question).ok())
        }
    };
    let (six, four) = tokio::join!(of(Kind::Aaaa), of(Kind::A));
    let families = match (six, four) {
        // One family is enough.
        (Err(error), Err(_)) => return Err(error),
        (six, four) => [six.ok().flatten(), four.ok().flatten()],
    };
    let mut found: Vec<SocketAddr> = Vec::new();
    for answer in families.into_iter().flatten() {
        let addresses = answer
            .records
            .iter()
            .filter_map(|record| match record.data {
                Data::Address(address) => Some(address),
                _ => None,
            });
        let usable = addresses.filter(|address| can_be_connected_to(*address));
        found.extend(
            usable
                .take(ADDRESSES)
                .map(|address| SocketAddr::new(address, port)),
        );
    }
    Ok(found)
}

/// No server has the unspecified address or one of a group.
fn can_be_connected_to(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

/// What comes of all of these, in their order, a few under way at once. They are made beforehand: of futures that a closure
/// makes one by one the compiler cannot tell that they may go to another thread.
async fn at_once<F: Future>(work: Vec<F>) -> Vec<F::Output> {
    stream::iter(work).buffered(AT_ONCE).collect().await
}

async fn ask(recursive: Recursive, lookup: &Lookup) -> Result<Answer, Nothing> {
    let name = lookup.name.clone();
    let rtype = RecordType::from(lookup.kind.number());
    let octets = recursive.lookup_name(name, rtype).await;
    let octets = octets.map_err(Nothing::Lookup)?;
    Answer::parse(&octets, &lookup.question()).map_err(Nothing::Answer)
}
