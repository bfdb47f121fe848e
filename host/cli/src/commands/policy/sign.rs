//! `resolvet policy sign`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign::{SecretKey, SecretKeyBox};
use resolvet::enrolment::read_secret_file;
use resolvet_engine::provenance::{SIGNATURE_ENDING, Source, Statement};
use resolvet_proto::date;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    args::SignArguments,
    components, config, dates,
    exit::{Exit, UsageError},
    output::Output,
    password, policies, provenance,
    report::VERSION,
};

/// Octets of a secret key's file.
const KEY_OCTETS: usize = 2_048;
/// How long a signature holds unless it is said, in days.
const DAYS: u64 = 90;
/// Where the way of stretching the password stands in a secret key, and what it says when there is one: scrypt.
const STRETCHED: (std::ops::Range<usize>, &[u8]) = (2..4, b"Sc");

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SignReport {
    version: u32,
    file: PathBuf,
    policy: String,
    policy_version: String,
    key: String,
    #[serde(flatten)]
    statement: Statement,
}

pub(super) fn run(arguments: &SignArguments, output: &Output) -> anyhow::Result<Exit> {
    let SignArguments { file, .. } = arguments;
    let engine = policies::engine(&config::Policies::default())?;
    let source = components::source(file)?;
    // What could never be admitted is not signed.
    let described = components::describe(&engine, &source.name, &source.octets)?;
    let first = beside(file, SIGNATURE_ENDING);
    let statement = match arguments.join {
        true => joined(arguments, &source, &first)?,
        false => Statement {
            revision: arguments.revision.unwrap_or_else(dates::now),
            not_after: arguments
                .not_after
                .unwrap_or_else(|| dates::now() + DAYS * dates::DAY),
        },
    };
    if statement.not_after <= dates::now() {
        let end = date::to_rfc3339(statement.not_after);
        return Err(UsageError(format!("`--not-after {end}` has passed")).into());
    }
    let key = secret_key(&arguments.secret_key, arguments.password_fd, output)?;
    let id = id(&key);
    let comment = format!("{} {}", described.manifest.name, described.manifest.version);
    let signature = minisign::sign(
        None,
        &key,
        source.octets.as_slice(),
        Some(&statement.to_string()),
        Some(&comment),
    )
    .context("the component cannot be signed")?;
    let to = match arguments.join {
        true => beside(file, &format!(".{id}{SIGNATURE_ENDING}")),
        false => first,
    };
    fs::write(&to, signature.into_string())
        .with_context(|| format!("`{}` cannot be written", to.display()))?;
    if output.is_json() {
        output.document(&SignReport {
            version: VERSION,
            file: to,
            policy: described.manifest.name,
            policy_version: described.manifest.version,
            key: id,
            statement,
        })?;
        return Ok(Exit::Done);
    }
    let Statement {
        revision,
        not_after,
    } = statement;
    let end = date::to_rfc3339(not_after);
    output.line(&format!(
        "{}: {comment}, revision {revision}, until {end}, by key {id}",
        to.display()
    ))?;
    Ok(Exit::Done)
}

/// What the first signature says, by one of the keys that are believed. Whoever joins makes it valid: a stranger's revision would
/// be the mark that no host goes back behind, and a stranger's end would not come.
fn joined(arguments: &SignArguments, source: &Source, path: &Path) -> anyhow::Result<Statement> {
    let wrong = |reason: String| UsageError(format!("`{}`: {reason}", path.display()));
    let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let first = Source {
        name: source.name.clone(),
        octets: source.octets.clone(),
        signatures: vec![text],
    };
    let believed = config::Policies {
        keys: arguments.policy_key.clone(),
        ..config::Policies::default()
    };
    let signatories = provenance::signatories(&believed, &source.name)?;
    let verified = signatories.verify(&first, dates::now());
    let (statement, _) = verified.map_err(|error| policies::refused(&source.name, &error))?;
    let revision = statement.revision;
    match arguments.revision {
        Some(expected) if expected != revision => {
            Err(wrong(format!("it says revision {revision}, expected {expected}")).into())
        }
        None if revision > dates::now().saturating_add(dates::DAY) => Err(wrong(format!(
            "it says revision {revision}, which lies beyond the seconds since 1970: hosts would take no lower one afterwards, so say \
             `--revision {revision}` if that is meant"
        ))
        .into()),
        _ => Ok(statement),
    }
}

/// The secret key in a file of mode 0600, opened by its password when it has one.
fn secret_key(path: &Path, descriptor: Option<u32>, output: &Output) -> anyhow::Result<SecretKey> {
    let octets = read_secret_file(path, KEY_OCTETS)
        .map_err(|error| UsageError(format!("secret key: {error}")))?;
    let wrong = || UsageError(format!("`{}` is no secret key of minisign", path.display()));
    let text_of_key = std::str::from_utf8(&octets).map_err(|_| wrong())?;
    let line = text_of_key.lines().nth(1).unwrap_or_default();
    let key = Zeroizing::new(STANDARD.decode(line.trim()).map_err(|_| wrong())?);
    let (place, scrypt) = STRETCHED;
    let in_box = SecretKeyBox::from_string(text_of_key).map_err(|_| wrong())?;
    let opened = match key.get(place) == Some(scrypt) {
        false => in_box.into_unencrypted_secret_key(),
        true => {
            let password = password::of_key(path, descriptor, false)?;
            output.progress("stretching the password");
            in_box.into_secret_key(Some(text(&password)?))
        }
    };
    opened.map_err(|error| UsageError(format!("secret key `{}`: {error}", path.display())).into())
}

/// A password as text, which the library takes.
pub(super) fn text(password: &[u8]) -> Result<String, UsageError> {
    let text = std::str::from_utf8(password);
    text.map(str::to_owned)
        .map_err(|_| UsageError("the password is no UTF-8".into()))
}

/// The key's identifier as minisign shows it.
fn id(key: &SecretKey) -> String {
    let octets = key.keynum().iter().rev();
    octets.map(|octet| format!("{octet:02X}")).collect()
}

pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
