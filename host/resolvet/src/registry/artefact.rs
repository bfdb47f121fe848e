//! A component with what came with it.

use std::{collections::BTreeMap, sync::Arc};

use resolvet_engine::{Description, interface_name, provenance::Source};
use resolvet_proto::judgement::Digest;
use serde::Serialize;

use super::{
    error::RegistryError,
    manifest::{self, Manifest, ManifestError},
    reference::SHA256,
};

/// When every configuration was made: the same component and signatures are the same artefact, whoever pushes them, and whenever.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A component and its manifest, each under its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    manifest: Vec<u8>,
    digest: Digest,
    parsed: Manifest,
    /// Shared, since it has megabytes and is looked at by many.
    component: Arc<[u8]>,
}

/// What people and tools are told of an artefact. Nothing rests on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Annotations of the manifest: those that OCI names, `org.opencontainers.image.version`, or one's own.
    pub annotations: BTreeMap<String, String>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Those that it exports.
    pub exports: Vec<String>,
}

/// An artefact's configuration, from which tools learn what it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<String>,
    component: Interfaces,
}

#[derive(Serialize)]
struct Interfaces {
    exports: Vec<String>,
    imports: Vec<String>,
}

impl About {
    /// What a component says about itself, with the annotations that OCI names for it.
    #[must_use]
    pub fn of(described: &Description) -> Self {
        let annotation = |name: &str, value: &str| {
            let name = format!("org.opencontainers.image.{name}");
            (name, value.to_owned())
        };
        let manifest = &described.manifest;
        let mut imports: Vec<String> = described
            .imports
            .iter()
            .map(|import| interface_name(import.split('.').next().unwrap_or_default()))
            .collect();
        imports.dedup();
        Self {
            annotations: BTreeMap::from([
                annotation("title", &manifest.name),
                annotation("version", &manifest.version),
            ]),
            imports,
            exports: described
                .stages
                .iter()
                .map(|stage| interface_name(stage.as_str()))
                .collect(),
        }
    }
}

impl Artefact {
    /// Makes an artefact, and its configuration, of a component with its signatures in minisign's form.
    ///
    /// # Errors
    /// A signature is no text, or there are more of them than are read.
    pub fn make(source: &Source, about: About) -> Result<(Self, Vec<u8>), ManifestError> {
        let form = |reason: String| ManifestError::Form { reason };
        let component: Arc<[u8]> = source.octets.as_slice().into();
        let config = Config {
            created: CREATED,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: vec![format!("{SHA256}{}", Digest::of(&component))],
            component: Interfaces {
                exports: about.exports,
                imports: about.imports,
            },
        };
        let config = serde_json::to_vec(&config).map_err(|error| form(error.to_string()))?;
        let signatures = source.signatures.iter().cloned().map(String::from_utf8);
        let signatures: Result<Vec<String>, _> = signatures.collect();
        let signatures = signatures.map_err(|_| form("a signature is no text".into()))?;
        let manifest = manifest::write(&config, &component, &signatures, about.annotations)?;
        let artefact = Self {
            digest: Digest::of(&manifest),
            parsed: Manifest::parse(&manifest)?,
            manifest,
            component,
        };
        Ok((artefact, config))
    }

    /// An artefact of its manifest and its component, when the one names the other.
    ///
    /// # Errors
    /// The manifest cannot be read, or names another component.
    pub fn of(manifest: Vec<u8>, component: Vec<u8>) -> Result<Self, RegistryError> {
        let parsed = Manifest::parse(&manifest)?;
        let came = Digest::of(&component);
        if came != parsed.component {
            return Err(RegistryError::Digest {
                what: "the component",
                expected: parsed.component,
                came,
            });
        }
        Ok(Self {
            digest: Digest::of(&manifest),
            manifest,
            parsed,
            component: component.into(),
        })
    }

    /// The digest of the manifest, which names the whole artefact.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of the component.
    #[must_use]
    pub const fn component_digest(&self) -> Digest {
        self.parsed.component
    }

    /// The manifest's octets.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The component's octets.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// What decides whether the component may judge, under this name.
    #[must_use]
    pub fn source(&self, name: String) -> Source {
        Source {
            name,
            octets: self.component.to_vec(),
            signatures: self.parsed.signatures.clone(),
        }
    }
}
