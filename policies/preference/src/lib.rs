//! Selection: the administrator's order (NAPTR order and preference, SRV priority, SvcPriority), ranked and narrowed by
//! settings.
//!
//! Without settings nothing is dropped. The order is: what the settings rank first, transports before address families;
//! then discovery's sources in the order in which discovery has them; then, of S-NAPTR, the transports in the order in which
//! discovery has them, since each protocol is pursued to its end before the next (RFC 3958 section 2.2.5); then the
//! administrator's ranks; then discovery's own order, which has drawn lots among servers of one rank by their weights (RFC 2782).
//! What the network designates (DNR) stays in discovery's order: ranks of DHCP and of router advertisements have nothing to do
//! with one another (RFC 8106 section 5.3.1). A transport that this policy does not know is ranked last unless the settings name it.
//!
//! Every candidate that is dropped is a finding of its own.

mod names;
mod settings;

use resolvet_guest::{
    candidates::Candidate,
    prelude::*,
    words::{Source, Transport},
};
use settings::Family;

pub use settings::Settings;

/// Orders what the settings allow; the crate's head says how.
pub fn select(settings: &Settings) -> Ranking {
    let mut sources = Vec::new();
    let mut protocols = Vec::new();
    let mut kept = Vec::new();
    let mut findings = Vec::new();
    for (index, candidate) in candidates::all() {
        if let Some(finding) = objection(settings, &candidate) {
            findings.push(finding.evidence(Evidence::candidate(index)));
            continue;
        }
        if is_unknown(&candidate.transport) && settings.position(&candidate.transport).is_none() {
            let message = format!(
                "transport `{}` is not known here: ranked last",
                candidate.transport
            );
            findings.push(
                Finding::note("transport-unknown", message).evidence(Evidence::candidate(index)),
            );
        }
        // Ranks of different sources have nothing to do with one another: SvcPriority 1 is not before NAPTR order 100.
        let source = place(&mut sources, &candidate.source);
        let (protocol, ranks) = match candidate.source {
            Source::SNaptr => {
                let protocol = place(&mut protocols, &candidate.transport);
                (protocol, candidates::ranks(index))
            }
            Source::Dnr => (0, Vec::new()),
            _ => (0, candidates::ranks(index)),
        };
        let key = (
            transport_rank(settings, &candidate),
            family_rank(settings, &candidate),
            source,
            protocol,
        );
        kept.push((key, ranks, index));
    }
    // No two keys are equal: the position is the last part.
    kept.sort_unstable();
    let ranking = Ranking::of(kept.iter().map(|(_, _, index)| *index).collect());
    // What is fatal comes first: the contract has room for 64 findings.
    let nothing = kept.is_empty().then(nothing_left);
    nothing
        .into_iter()
        .chain(findings)
        .fold(ranking, Ranking::because)
}

/// Where something came first among its like.
fn place<T: Clone + PartialEq>(known: &mut Vec<T>, it: &T) -> usize {
    known
        .iter()
        .position(|known| known == it)
        .unwrap_or_else(|| {
            known.push(it.clone());
            known.len() - 1
        })
}

/// Why nothing is acceptable.
fn nothing_left() -> Finding {
    match candidates::count() {
        0 => Finding::error(
            "no-candidates",
            "expected at least one candidate, discovery yielded none",
        ),
        count => {
            let message = format!(
                "the settings forbid each of the {count} candidates that discovery yielded"
            );
            Finding::error("no-candidate-left", message)
        }
    }
}

/// The first setting that forbids a candidate.
fn objection(settings: &Settings, candidate: &Candidate) -> Option<Finding> {
    let Candidate {
        transport,
        port,
        target,
        ..
    } = candidate;
    let dropped = |code, message| Some(Finding::warning(code, message));
    if settings
        .forbidden_transports
        .iter()
        .any(|word| word == transport.as_str())
    {
        return dropped(
            "transport-forbidden",
            format!("transport `{transport}` is in `forbidden-transports`"),
        );
    }
    if settings.only_listed_transports && settings.position(transport).is_none() {
        return dropped(
            "transport-not-listed",
            format!("transport `{transport}` is not in `transports`"),
        );
    }
    let family = Family::of(candidate.address);
    if settings.only_listed_address_families && !settings.address_families.contains(&family) {
        return dropped(
            "address-family-not-listed",
            format!("`{family}` is not in `address-families`"),
        );
    }
    if settings.forbidden_ports.contains(port) {
        return dropped(
            "port-forbidden",
            format!("port {port} is in `forbidden-ports`"),
        );
    }
    if !settings.allowed_ports.is_empty() && !settings.allowed_ports.contains(port) {
        return dropped(
            "port-not-allowed",
            format!("port {port} is not in `allowed-ports`"),
        );
    }
    if let Some(pattern) = settings
        .forbidden_names
        .iter()
        .find(|pattern| names::matches(pattern, target))
    {
        return dropped(
            "name-forbidden",
            format!("`{target}` is `{pattern}` of `forbidden-names`"),
        );
    }
    let allowed = &settings.allowed_names;
    if !allowed.is_empty()
        && !allowed
            .iter()
            .any(|pattern| names::matches(pattern, target))
    {
        return dropped(
            "name-not-allowed",
            format!("`{target}` is none of `allowed-names`"),
        );
    }
    None
}

fn transport_rank(settings: &Settings, candidate: &Candidate) -> usize {
    let listed = settings.transports.len();
    let unlisted = listed + usize::from(is_unknown(&candidate.transport));
    settings.position(&candidate.transport).unwrap_or(unlisted)
}

fn family_rank(settings: &Settings, candidate: &Candidate) -> usize {
    let family = Family::of(candidate.address);
    let families = &settings.address_families;
    families
        .iter()
        .position(|listed| *listed == family)
        .unwrap_or(families.len())
}

fn is_unknown(transport: &Transport) -> bool {
    matches!(transport, Transport::Other(_))
}

resolvet_guest::export_selector!(Settings, select, Settings::check);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() -> Result<(), resolvet_guest::native::CaseError> {
        resolvet_guest::native::run_cases(
            concat!(env!("CARGO_MANIFEST_DIR"), "/cases"),
            super::select,
        )
    }
}
