//! The engine.

use std::sync::Arc;

use crate::{
    error::{AdmissionError, EngineError},
    options::Options,
    policy::Policy,
};

/// The sandbox: runtime, limits, compiler and evaluators. A clone shares everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    options: Options,
}

impl Engine {
    /// An engine with these options.
    ///
    /// # Errors
    /// When the runtime cannot be set up on this machine, or an option makes no sense.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        Ok(Self(Arc::new(Inner { options })))
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Admits a component as a policy, or says why not.
    ///
    /// # Errors
    /// The first reason for which the file is refused.
    pub fn admit(&self, file: &[u8]) -> Result<Policy, AdmissionError> {
        let _ = file;
        Err(AdmissionError::NotWasm)
    }
}
