//! `resolvet policy pull oci://…`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use resolvet::registry::{Pulled, Reference, Registry};
use resolvet_engine::provenance::{
    KeyId, SIGNATURE_ENDING, Statement, other_policy, signature_files,
};
use resolvet_proto::{date, judgement::Digest};
use serde::Serialize;

use super::sign::beside;
use crate::{
    args::PullArguments,
    components, dates,
    delivery::{self, block_on, refused},
    exit::Exit,
    output::{Output, Tone, tinted},
    policies, provenance,
    report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PullReport {
    version: u32,
    reference: Reference,
    /// The address that means this artefact for ever.
    pinned: Reference,
    file: PathBuf,
    policy: String,
    policy_version: String,
    /// The component's.
    digest: Digest,
    octets: usize,
    signatures: Vec<PathBuf>,
    /// By which of the keys that count it is signed; absent when none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<KeyId>>,
    #[serde(flatten)]
    statement: Option<Statement>,
}

pub(super) fn run(arguments: PullArguments, output: &Output) -> anyhow::Result<Exit> {
    let PullArguments {
        reference,
        output: to,
        trust,
        registry,
    } = arguments;
    let (registry, mut policies, name) = registry.read(&reference)?;
    policies.trusting(trust);
    let engine = policies::engine(&policies)?;
    output.progress(&format!("pulling {reference}"));
    let registry = Registry::new(registry.options());
    let pulled = block_on(registry.pull(&reference, None))?;
    let artefact = match pulled.map_err(|error| refused(&reference, "had", error))? {
        Pulled::New(artefact) => artefact,
        Pulled::Unchanged => bail!("{reference} is unchanged, and was never known"),
    };
    let source = artefact.source(reference.to_string());
    let described = components::describe(&engine, &source.name, &source.octets)?;
    let verified = match policies.keys.is_empty() {
        true => None,
        false => {
            let signatories = provenance::signatories(&policies, &source.name)?;
            let verified = signatories.verify(&source, dates::now());
            Some(verified.map_err(|error| policies::refused(&source.name, &error))?)
        }
    };
    if let Some(error) = name.and_then(|name| other_policy(&name, &described)) {
        return Err(policies::refused(&source.name, &error).into());
    }
    let manifest = described.manifest;
    let file = to.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", manifest.name)));
    let signatures = write(&file, &source.octets, &source.signatures)?;
    let pinned = reference.pinned(artefact.digest());
    let (statement, keys) = verified.unzip();
    if output.is_json() {
        output.document(&PullReport {
            version: VERSION,
            reference,
            pinned,
            file,
            policy: manifest.name,
            policy_version: manifest.version,
            digest: described.digest,
            octets: described.octets,
            signatures,
            keys,
            statement,
        })?;
        return Ok(Exit::Done);
    }
    output.line(&format!(
        "{}: {} {}, {} octets, {}",
        file.display(),
        manifest.name,
        manifest.version,
        described.octets,
        delivery::signatures(signatures.len())
    ))?;
    match statement {
        Some(Statement {
            revision,
            not_after,
        }) => output.line(&format!(
            "{}: revision {revision}, until {}",
            tinted(Tone::Good, "signed"),
            date::to_rfc3339(not_after)
        ))?,
        None => output.remark("its signatures were not verified: no key was named"),
    }
    output.line(&pinned.to_string())?;
    Ok(Exit::Done)
}

/// Writes the component, and beside it its signatures; those of another component that lie there go. Says where the signatures are.
fn write(file: &Path, octets: &[u8], signatures: &[Vec<u8>]) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = |path: &Path| format!("`{}` cannot be written", path.display());
    let before = signature_files(file).map_err(anyhow::Error::from)?;
    for path in before {
        fs::remove_file(&path).with_context(|| cannot(&path))?;
    }
    let mut written = Vec::new();
    for (number, signature) in signatures.iter().enumerate() {
        let ending = match number {
            0 => SIGNATURE_ENDING.to_owned(),
            _ => format!(".{number}{SIGNATURE_ENDING}"),
        };
        let path = beside(file, &ending);
        fs::write(&path, signature).with_context(|| cannot(&path))?;
        written.push(path);
    }
    fs::write(file, octets).with_context(|| cannot(file))?;
    Ok(written)
}
