//! Keys of the device: where networks' keys are made, and how tokens are spoken to.

use resolvet::enrolment::{KeyPlace, KeyStore};

use crate::{args::TokenArguments, config, exit::UsageError, password};

/// The word for keys in files beside the enrolments.
const FOLDER: &str = "folder";

/// What opens and makes keys. `place` says where networks' keys are made; without it the configuration does, or the key of
/// the network that there is.
pub(crate) fn store(
    configured: &config::Keys,
    arguments: &TokenArguments,
    place: Option<&str>,
) -> Result<KeyStore, UsageError> {
    let mut keys = KeyStore::new().with_pin_entry(password::pin_entry(arguments.pin_fd));
    let module = arguments.pkcs11_module.as_ref();
    if let Some(module) = module.or(configured.pkcs11_module.as_ref()) {
        keys = keys.with_module(module.clone());
    }
    if let Some(place) = named(configured, place)? {
        keys = keys.with_place(place);
    }
    Ok(keys)
}

/// Where networks' keys are made, where an option or the configuration says so.
pub(crate) fn named(
    configured: &config::Keys,
    place: Option<&str>,
) -> Result<Option<KeyPlace>, UsageError> {
    let place = place.map(|place| ("--key-store", place));
    let configured = configured.store.as_deref();
    let Some((option, place)) = place.or(configured.map(|place| ("`keys.store`", place))) else {
        return Ok(None);
    };
    let place = key_place(place).map_err(|error| UsageError(format!("{option}: {error}")))?;
    Ok(Some(place))
}

fn key_place(text: &str) -> Result<KeyPlace, String> {
    if text == FOLDER {
        return Ok(KeyPlace::Folder);
    }
    let uri = text.parse().map(Box::new).map(KeyPlace::Token);
    uri.map_err(|error| format!("`{text}` is neither `{FOLDER}` nor a token: {error}"))
}
