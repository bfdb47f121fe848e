//! Judges at every stage, as its settings say: what tests ask after something else went wrong, and what they build sets of.

use std::cell::Cell;

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// `accept`, `reject` or `abstain`.
    decision: String,
    /// Seconds of an accept.
    lifetime: Option<u32>,
    /// Positions in the order, as a selector sees them; all reversed when there are none.
    order: Option<Vec<u32>>,
    /// Work to do before the answer.
    rounds: u64,
}

thread_local! {
    /// How often this instance was asked: more than once would mean that it is not pristine.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

fn check(settings: &Settings) -> Result<(), String> {
    match settings.decision.as_str() {
        "" | "accept" | "reject" | "abstain" => Ok(()),
        other => Err(format!("`decision` is `{other}`: expected `accept`, `reject` or `abstain`")),
    }
}

fn judge(settings: &Settings) -> Verdict {
    let asked = ASKED.get() + 1;
    ASKED.set(asked);
    let mut sum = context::now();
    for round in 0..settings.rounds {
        sum = std::hint::black_box(sum.rotate_left(5) ^ round);
    }
    let verdict = match (settings.decision.as_str(), settings.lifetime) {
        ("accept", Some(lifetime)) => Verdict::accept_for(lifetime),
        ("accept", None) => Verdict::accept(),
        ("reject", _) => Verdict::reject(),
        _ => Verdict::abstain(),
    };
    let octets: usize = presented::certificates().map(|der| der.len()).sum();
    let message = format!("asked {asked} times, {octets} octets of certificates were presented, {}", sum % 2 < 2);
    verdict.because(Finding::note("asked", message))
}

fn select(settings: &Settings) -> Ranking {
    let order = settings.order.clone().unwrap_or_else(|| (0..candidates::count()).rev().collect());
    let seen: Vec<_> = candidates::all().map(|(_, candidate)| candidate.port.to_string()).collect();
    let mut finding = Finding::note("seen", seen.join(" "));
    finding.evidence.extend(order.first().map(|&first| resolvet_guest::Evidence::Candidate(first)));
    Ranking::of(order).because(finding)
}

resolvet_guest::export_validator!(Settings, judge, check);
resolvet_guest::export_selector!(Settings, select, check);
resolvet_guest::export_privacy_assessor!(Settings, judge, check);
