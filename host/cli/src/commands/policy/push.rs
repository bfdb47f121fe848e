//! `resolvet policy push FILE oci://…`.

use resolvet::registry::{About, Artefact, Reference, Registry};
use resolvet_engine::Reason;
use resolvet_proto::judgement::Digest;
use serde::Serialize;

use crate::{
    args::PushArguments,
    components, config,
    delivery::{self, block_on, refused},
    exit::{Exit, NotAdmitted},
    output::Output,
    policies,
    report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PushReport {
    version: u32,
    reference: Reference,
    /// The address that means this artefact for ever.
    pinned: Reference,
    policy: String,
    policy_version: String,
    /// The component's.
    digest: Digest,
    octets: usize,
    signatures: usize,
}

pub(super) fn run(arguments: PushArguments, output: &Output) -> anyhow::Result<Exit> {
    let PushArguments {
        file,
        reference,
        annotation,
        unsigned,
        registry,
    } = arguments;
    let (registry, ..) = registry.read(&reference)?;
    let engine = policies::engine(&config::Policies::default())?;
    let source = components::source(&file)?;
    // What could never be admitted is not delivered.
    let described = components::describe(&engine, &source.name, &source.octets)?;
    if source.signatures.is_empty() && !unsigned {
        return Err(NotAdmitted {
            policy: source.name,
            code: Reason::SignatureMissing,
            reason: "there is no signature beside it, and hosts take no policy without one: sign it with `resolvet policy \
                     sign`, or push it as it is with --unsigned"
                .into(),
        }
        .into());
    }
    let mut about = About::of(&described);
    about.annotations.extend(annotation);
    let (artefact, config) = Artefact::make(&source, about)
        .map_err(|error| refused(&reference, "pushed", error.into()))?;
    output.progress(&format!("pushing {reference}"));
    let registry = Registry::new(registry.options());
    block_on(registry.push(&reference, &artefact, &config))?
        .map_err(|error| refused(&reference, "pushed", error))?;
    let pinned = reference.pinned(artefact.digest());
    if output.is_json() {
        output.document(&PushReport {
            version: VERSION,
            reference,
            pinned,
            policy: described.manifest.name,
            policy_version: described.manifest.version,
            digest: described.digest,
            octets: described.octets,
            signatures: source.signatures.len(),
        })?;
        return Ok(Exit::Done);
    }
    let manifest = &described.manifest;
    output.line(&format!(
        "{reference}: {} {}, {} octets, {}",
        manifest.name,
        manifest.version,
        described.octets,
        delivery::signatures(source.signatures.len())
    ))?;
    output.line(&pinned.to_string())?;
    Ok(Exit::Done)
}
