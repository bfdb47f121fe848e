//! An admitted policy.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use resolvet_proto::judgement::{Digest, Stage};
use wasmtime::Engine;

use crate::{
    bindings::{privacy::PrivacyPre, selection::SelectionPre, validation::ValidationPre},
    manifest::Manifest,
    state::State,
};

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
    pub(crate) runtime: Engine,
    /// The settings that it has read already, JSON, if its memory was kept.
    pub(crate) settings: Option<Arc<str>>,
    /// The same for each copy of the component. A memory's slot is given again to the copy that used it last: threads with
    /// copies of their own do not take turns with the same memory, which would move it from core to core each time.
    pub(crate) copies: Vec<Exports>,
}

/// What is prepared for each judgement that the component exports: linked and checked against the contract's types.
pub(crate) struct Exports {
    pub(crate) validation: Option<ValidationPre<State>>,
    pub(crate) selection: Option<SelectionPre<State>>,
    pub(crate) privacy: Option<PrivacyPre<State>>,
}

impl Policy {
    pub(crate) fn new(admitted: Admitted) -> Self {
        Self(Arc::new(admitted))
    }

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

    /// The settings under which alone it serves, JSON: those that it read before its memory was kept.
    #[must_use]
    pub fn settings(&self) -> Option<&str> {
        self.0.settings.as_deref()
    }

    /// What this thread evaluates by. `None` only if there is no copy, which admission does not make.
    pub(crate) fn exports(&self) -> Option<&Exports> {
        let copies = &self.0.copies;
        copies.get(this_thread() % copies.len().max(1))
    }

    pub(crate) fn runtime(&self) -> &Engine {
        &self.0.runtime
    }
}

/// A number for this thread, counted as threads come.
fn this_thread() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = COUNT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, version, .. } = self.manifest();
        write!(f, "Policy({name} {version} {})", self.digest())
    }
}
