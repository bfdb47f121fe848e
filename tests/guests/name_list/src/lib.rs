//! Refuses the names of a list in its settings, which may be long: what is read once when its memory is kept.

use std::{cell::Cell, collections::BTreeSet};

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    refused: BTreeSet<String>,
    /// Whether checking them ends in a panic.
    panics: bool,
}

thread_local! {
    /// How often this instance was asked: more than once would mean that it is not pristine.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

fn check(settings: &Settings) -> Result<(), String> {
    assert!(!settings.panics, "told to");
    match settings.refused.contains("") {
        true => Err("`refused` has an empty name".to_owned()),
        false => Ok(()),
    }
}

fn validate(settings: &Settings) -> Verdict {
    let asked = ASKED.get() + 1;
    ASKED.set(asked);
    let name = context::authentication_domain_name().unwrap_or_default();
    let verdict = match settings.refused.contains(&name) {
        true => Verdict::reject(),
        false => Verdict::accept(),
    };
    let message = format!("asked {asked} times, one of {} names", settings.refused.len());
    verdict.because(Finding::note("asked", message))
}

resolvet_guest::export_validator!(Settings, validate, check);
