//! An admitted policy.

use std::sync::Arc;

use resolvet_proto::judgement::{Digest, Stage};

use crate::manifest::Manifest;

/// An admitted policy: checked, compiled and ready to be instantiated. A clone shares everything.
#[derive(Clone)]
pub struct Policy(Arc<Admitted>);

/// What admission found out.
pub(crate) struct Admitted {
    pub(crate) manifest: Manifest,
    pub(crate) digest: Digest,
    pub(crate) octets: usize,
    pub(crate) imports: Vec<String>,
    pub(crate) stages: Vec<Stage>,
}

impl Policy {
    /// What it says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Size of its file in octets.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.0.octets
    }

    /// The functions that it imports, `presented.certificate`, sorted: which facts it can see.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// The stages at which it can judge.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.0.stages
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Manifest { name, version, .. } = self.manifest();
        write!(f, "Policy({name} {version} {})", self.digest())
    }
}
