//! `resolvet policy keygen`.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use minisign::KeyPair;
use resolvet_engine::provenance::VerificationKey;
use serde::Serialize;

use super::sign::text;
use crate::{
    args::KeygenArguments,
    exit::{Exit, UsageError},
    files::{not_there, write_new},
    output::Output,
    password,
    report::VERSION,
};

/// What to do when a file of a key is there: a key is never written over another.
const INSTEAD: [&str; 2] = [
    "name another file with --secret-key",
    "name another file with --public-key",
];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KeygenReport {
    version: u32,
    key: String,
    public_key: String,
    secret_key_file: PathBuf,
    public_key_file: PathBuf,
}

pub(super) fn run(arguments: &KeygenArguments, output: &Output) -> anyhow::Result<Exit> {
    let secret = &arguments.secret_key;
    let public = arguments.public_key.clone();
    let public = public.unwrap_or_else(|| secret.with_extension("pub"));
    if *secret == public {
        let path = public.display();
        let text = format!("both keys cannot be in `{path}`: name another file with --public-key");
        return Err(UsageError(text).into());
    }
    let [secret_instead, public_instead] = INSTEAD;
    not_there(secret, secret_instead)?;
    not_there(&public, public_instead)?;
    let pair = match arguments.no_password {
        true => KeyPair::generate_unencrypted_keypair(),
        false => {
            let password = password::of_key(secret, arguments.password_fd, true)?;
            output.progress("stretching the password");
            KeyPair::generate_encrypted_keypair(Some(text(&password)?))
        }
    };
    let pair = pair.context("no pair of keys can be made")?;
    let encoded = pair.pk.to_base64();
    let key = VerificationKey::parse(&encoded).context("the key that was made is none")?;
    let id = key.id();
    let secret_text = pair
        .sk
        .to_box(Some(&format!("secret key {id} of resolvet policy keygen")))
        .context("the secret key has no form")?
        .into_string();
    write_new(secret, secret_text.as_bytes(), 0o600, secret_instead)?;
    let public_text = format!("untrusted comment: minisign public key {id}\n{encoded}\n");
    let written = write_new(&public, public_text.as_bytes(), 0o644, public_instead);
    if written.is_err() {
        // A key without its public half is of no use; the error is told.
        let _removed = fs::remove_file(secret);
    }
    written?;
    if output.is_json() {
        output.document(&KeygenReport {
            version: VERSION,
            key: id.to_string(),
            public_key: encoded,
            secret_key_file: secret.clone(),
            public_key_file: public,
        })?;
        return Ok(Exit::Done);
    }
    output.line(&format!("key {id}: {encoded}"))?;
    output.line(&format!("secret key in {}", secret.display()))?;
    output.line(&format!("public key in {}", public.display()))?;
    Ok(Exit::Done)
}
