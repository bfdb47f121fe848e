//! Has the host verify and digest without end.

use resolvet_guest::{crypto::DigestAlgorithm, prelude::*};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    digest: bool,
}

fn validate(settings: &Settings) -> Verdict {
    let data = [0; 4_096];
    loop {
        if settings.digest {
            drop(crypto::digest(DigestAlgorithm::Sha256, &data));
        } else {
            drop(crypto::verify_signature(&[], &[], &[], &[], &[]));
        }
    }
}

resolvet_guest::export_validator!(Settings, validate);
