//! Refuses names of a list and long chains: settings from the plug-in's configuration, the request as JSON.

#[path = "../../../rule.rs"]
mod rule;

use extism_pdk::{FnResult, config, plugin_fn};
use rule::judge;

#[plugin_fn]
pub fn validate(request: Vec<u8>) -> FnResult<Vec<u8>> {
    let settings = config::get("settings")?.unwrap_or_default();
    let settings = serde_json::from_str(&settings)?;
    let request = serde_json::from_slice(&request)?;
    Ok(serde_json::to_vec(&judge(&request, &settings))?)
}
