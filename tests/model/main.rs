//! The session's state machine, walked through exhaustively.
//!
//! A session has no clock, no sockets and no randomness, so it can be tried: from each state every event that could come next is handed
//! over (good and bad answers, judgements of other requests and older generations, faults, what an attacker sends, time, swaps,
//! new evidence), and what follows is compared with rules that an observer holds without looking inside ([`watch`]). States that are
//! equal are walked on from once. How far: to a depth, and with so many troubles on one way as a configuration says ([`walk`]).
//!
//! That the rules can fail is shown by mistakes: a session that makes one (`mistakes`) must be found out, each by its own rule.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod mistakes;
mod walk;
mod watch;
mod world;

use mistakes::Mistake;
use walk::{Bounds, walk};
use watch::Rule;
use world::World;

/// Ways with at most two troubles, which every configuration is walked with.
const BOUNDS: Bounds = Bounds {
    depth: 12,
    troubles: 2,
};

fn holds(world: World) {
    let report = walk(&world, None, BOUNDS).unwrap_or_else(|broken| panic!("{broken}"));
    // What was never reached was not tried.
    assert!(report.served > 0 && report.failed > 0, "{report:?}");
    assert!(report.states > 1_000, "{report:?}");
}

#[test]
fn a_strict_session_with_servers_that_are_written_down() {
    holds(World::configured());
}

#[test]
fn a_strict_session_that_discovers_after_an_enrolment() {
    holds(World::enrolled());
}

#[test]
fn an_opportunistic_session() {
    holds(World::opportunistic());
}

#[test]
fn a_session_with_a_fallback() {
    holds(World::with_fallback());
}

#[test]
fn a_session_that_asks_servers_about_themselves() {
    holds(World::asking());
}

#[test]
fn a_session_for_what_the_network_designates() {
    holds(World::designated());
}

/// Each mistake is found, by the rule that it breaks.
#[test]
fn mistakes_are_found() {
    for (mistake, world, rule) in [
        (Mistake::ForgetsProof, World::configured(), Rule::Proof),
        (
            Mistake::TakesAnyRequest,
            World::configured(),
            Rule::Accepted,
        ),
        (Mistake::NeedsNoAuthority, World::configured(), Rule::Strict),
        (Mistake::IgnoresPrivacy, World::configured(), Rule::Accepted),
        (Mistake::NeverExpires, World::configured(), Rule::Ends),
        (Mistake::IgnoresSwaps, World::configured(), Rule::Swapped),
        (Mistake::KeepsTheRefused, World::configured(), Rule::Refused),
        (Mistake::HidesDowngrades, World::enrolled(), Rule::Downgrade),
        (
            Mistake::HidesWhatWasGivenUp,
            World::opportunistic(),
            Rule::Silent,
        ),
        (
            Mistake::HidesTheFallback,
            World::with_fallback(),
            Rule::Silent,
        ),
        (Mistake::AsksStrangers, World::asking(), Rule::Informed),
        (Mistake::TakesOlder, World::configured(), Rule::Accepted),
        (
            Mistake::IgnoresEvidence,
            World::configured(),
            Rule::Evidence,
        ),
        (Mistake::Resumes, World::configured(), Rule::Resumed),
        (Mistake::Stops, World::configured(), Rule::GoesOn),
    ] {
        match walk(&world, Some(mistake), BOUNDS) {
            Ok(report) => panic!("nobody sees {mistake:?}: {report:?}"),
            Err(broken) => assert_eq!(broken.rule, rule, "{mistake:?}: {broken}"),
        }
    }
}
