//! Asks for a fact while its settings are checked, when there is no request.

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
struct Settings {}

fn check(_: &Settings) -> Result<(), String> {
    match presented::count() {
        0 => Ok(()),
        count => Err(format!("{count} certificates")),
    }
}

fn validate(_: &Settings) -> Verdict {
    Verdict::abstain()
}

resolvet_guest::export_validator!(Settings, validate, check);
