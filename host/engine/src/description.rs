//! What a component says about itself and asks for, before anything of it is compiled.

use resolvet_proto::judgement::{Digest, Stage};

use crate::{Engine, Manifest, error::AdmissionError, structure};

/// What a component says about itself and asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Description {
    /// What it says about itself.
    pub manifest: Manifest,
    /// The functions that it imports, `presented.certificate`, sorted: which facts it can see.
    pub imports: Vec<String>,
    /// The stages at which it can judge.
    pub stages: Vec<Stage>,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Size of its file in octets.
    pub octets: usize,
}

impl Engine {
    /// Reads a component without compiling it: the first half of [`Engine::admit`].
    ///
    /// # Errors
    /// The first reason for which the file is refused.
    pub fn describe(&self, file: &[u8]) -> Result<Description, AdmissionError> {
        let structure = structure::read(file, &self.options().admission)?;
        Ok(Description {
            manifest: structure.manifest,
            imports: structure.imports,
            stages: structure.stages,
            digest: Digest::of(file),
            octets: file.len(),
        })
    }
}
