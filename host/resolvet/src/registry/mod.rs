//! Policies from OCI registries: the distribution protocol as far as one artefact needs it, bounded, and to no forbidden address.
//!
//! * [`Reference`]: `oci://registry/repository:tag`, or `…@sha256:…` for one artefact for ever;
//! * [`Artefact`]: a component with the signatures that came with it, in the layout that tools of WebAssembly agree on;
//! * [`Registry`]: pulls and pushes artefacts;
//! * [`Cache`]: those that were in use, by digest, for when no registry can be reached.
//!
//! A registry is believed nothing. What it sends is bounded, and counts only under the digest that it was asked for; whether a component
//! may judge is decided where a file's is, by [`resolvet_engine::provenance`].

mod access;
mod artefact;
mod cache;
mod client;
mod credentials;
mod error;
mod gate;
mod http;
mod manifest;
mod reference;

pub use artefact::{About, Artefact};
pub use cache::{Cache, CacheError};
pub use client::{Pulled, Registry, RegistryOptions};
pub use error::RegistryError;
pub use gate::Forbidden;
pub use manifest::{MANIFEST_OCTETS, Manifest, ManifestError};
pub use reference::{Reference, ReferenceError, Version};
