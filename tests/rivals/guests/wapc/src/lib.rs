//! Refuses names of a list and long chains: request and settings as JSON in each call, as admission policies of this kind get them.

#[path = "../../../rule.rs"]
mod rule;

use rule::{Request, Settings, judge};
use serde::Deserialize;
use wapc_guest::{CallResult, register_function};

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    settings: Settings<'a>,
}

#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
}

fn validate(payload: &[u8]) -> CallResult {
    let Payload { request, settings } = serde_json::from_slice(payload)?;
    Ok(serde_json::to_vec(&judge(&request, &settings))?)
}
