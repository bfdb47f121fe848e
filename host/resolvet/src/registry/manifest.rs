//! An artefact's manifest, read and written: the layout for WebAssembly in OCI registries, which `wkg` and other tools share.
//!
//! Its configuration has a media type of its own, and there is exactly one layer, the component: those tools refuse a second one. So
//! signatures travel as annotations of that layer. They are part of the manifest then, which every registry, mirror and copying tool
//! keeps whole, and they come in the same answer; a *referrer* would need another question that older registries do not know, and is
//! left behind by a copy.

use std::collections::BTreeMap;

use resolvet_engine::provenance::{SIGNATURE_OCTETS, SIGNATURES};
use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::reference::SHA256;

/// Octets of a manifest. One with a signature has a thousand; registries take 4 MiB.
pub const MANIFEST_OCTETS: usize = 256 << 10;
/// Media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the configuration, by which tools know an artefact for WebAssembly.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the layer.
const COMPONENT: &str = "application/wasm";
/// How the annotations that are signatures begin; a number follows.
const SIGNATURE: &str = "resolvet.policy.signature.";

/// What an artefact consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The digest of the component.
    pub component: Digest,
    /// The octets of the component.
    pub octets: u64,
    /// Signatures in minisign's form.
    pub signatures: Vec<Vec<u8>>,
}

/// What came is no manifest of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no manifest at all.
    #[error("the manifest cannot be read: {reason}")]
    Form {
        /// What is wrong.
        reason: String,
    },
    /// It is one of another kind.
    #[error("{what} has the media type `{}`: expected `{expected}`", .came.escape_debug())]
    MediaType {
        /// Whose media type.
        what: &'static str,
        /// What is expected.
        expected: &'static str,
        /// What came.
        came: String,
    },
    /// The artefact has no layer, or several.
    #[error("the manifest has {came} layers: expected one, the component")]
    Layers {
        /// How many.
        came: usize,
    },
    /// A digest cannot be read.
    #[error("the digest `{}` of the component is not `sha256:` and 64 hexadecimal digits", .came.escape_debug())]
    Digest {
        /// What came.
        came: String,
    },
    /// There is more of something than is read.
    #[error("{came} {what}: at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many came.
        came: usize,
        /// How many are read.
        limit: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

/// What every kind of manifest has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    media_type: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads a manifest, which anybody may have written.
    ///
    /// # Errors
    /// It is none of a WebAssembly component, or larger than is read.
    pub fn parse(octets: &[u8]) -> Result<Self, ManifestError> {
        if octets.len() > MANIFEST_OCTETS {
            return Err(ManifestError::TooMany {
                what: "octets of the manifest",
                came: octets.len(),
                limit: MANIFEST_OCTETS,
            });
        }
        let form = |error: serde_json::Error| ManifestError::Form {
            reason: error.to_string(),
        };
        // An index of several platforms is told as what it is, not as a manifest without layers.
        let kind: Kind = serde_json::from_slice(octets).map_err(form)?;
        if let Some(came) = &kind.media_type {
            expect("the manifest", MANIFEST, came)?;
        }
        let stored: Stored = serde_json::from_slice(octets).map_err(form)?;
        if stored.schema_version != 2 {
            let reason = format!("`schemaVersion` is {}: expected 2", stored.schema_version);
            return Err(ManifestError::Form { reason });
        }
        expect("the configuration", CONFIG, &stored.config.media_type)?;
        let [layer] = stored.layers.as_slice() else {
            return Err(ManifestError::Layers {
                came: stored.layers.len(),
            });
        };
        expect("the layer", COMPONENT, &layer.media_type)?;
        let digest = layer.digest.strip_prefix(SHA256);
        let component = digest.and_then(|digest| digest.parse().ok());
        let component = component.ok_or_else(|| ManifestError::Digest {
            came: layer.digest.clone(),
        })?;
        Ok(Self {
            component,
            octets: layer.size,
            signatures: signatures(layer)?,
        })
    }
}

fn expect(what: &'static str, expected: &'static str, came: &str) -> Result<(), ManifestError> {
    if came == expected {
        return Ok(());
    }
    let came = came.to_owned();
    Err(ManifestError::MediaType {
        what,
        expected,
        came,
    })
}

fn signatures(layer: &Descriptor) -> Result<Vec<Vec<u8>>, ManifestError> {
    let too_many = |what, came, limit| ManifestError::TooMany { what, came, limit };
    let annotations = layer.annotations.iter().flatten();
    let signatures = annotations.filter(|(name, _)| name.starts_with(SIGNATURE));
    let signatures: Vec<Vec<u8>> = signatures
        .map(|(_, text)| text.clone().into_bytes())
        .collect();
    if signatures.len() > SIGNATURES {
        return Err(too_many("signatures", signatures.len(), SIGNATURES));
    }
    match signatures.iter().find(|one| one.len() > SIGNATURE_OCTETS) {
        Some(long) => Err(too_many(
            "octets of a signature",
            long.len(),
            SIGNATURE_OCTETS,
        )),
        None => Ok(signatures),
    }
}

/// Writes the manifest of a component with its configuration, signatures and annotations for people.
pub(super) fn write(
    config: &[u8],
    component: &[u8],
    signatures: &[String],
    annotations: BTreeMap<String, String>,
) -> Result<Vec<u8>, ManifestError> {
    let descriptor = |media_type: &str, octets: &[u8]| Descriptor {
        media_type: media_type.to_owned(),
        digest: format!("{SHA256}{}", Digest::of(octets)),
        size: octets.len() as u64,
        annotations: None,
    };
    let mut layer = descriptor(COMPONENT, component);
    let named = signatures.iter().enumerate();
    let named = named.map(|(number, text)| (format!("{SIGNATURE}{number}"), text.clone()));
    layer.annotations = (!signatures.is_empty()).then(|| named.collect());
    let stored = Stored {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: descriptor(CONFIG, config),
        layers: vec![layer],
        annotations: (!annotations.is_empty()).then_some(annotations),
    };
    serde_json::to_vec(&stored).map_err(|error| ManifestError::Form {
        reason: error.to_string(),
    })
}
