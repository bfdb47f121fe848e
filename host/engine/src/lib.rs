//! The sandbox of resolvet: admits policies, limits what they may use, evaluates them and replaces them while in use.
//!
//! A *policy* is a WebAssembly component that answers one question about one request. It has no clock, no randomness, no
//! network and no files; what it may know are the facts of the request, read through the functions of `wit/`.
//!
//! * [`Engine::admit`] takes a file's octets and gives a [`Policy`]: structure, imports, manifest, compilation in a child
//!   process, authenticated cache.
//! * [`provenance`] comes before it: signatures, freshness, high-water marks, and what a component may import.
//! * A [`Rule`] is one configured use of a policy; a [`PolicySet`] the rules in order, each with settings that its policy
//!   has accepted.
//! * A [`Judge`] evaluates the active set, from many threads at once, and swaps it atomically. An [`Observer`] is told of every
//!   judgement; [`Shadow`] is one that tries another set on the same requests.
//! * [`record`] is what a log keeps of a judgement, and a [`Replayer`] asks other policies the questions of such a log.
//!
//! Every evaluation runs on a pristine instance that is dropped afterwards, within [`Limits`]. What goes wrong in a guest is
//! a [`Fault`](resolvet_proto::judgement::Fault) in the judgement, never an error of the host and never a panic.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

mod answer;
mod bindings;
mod cache;
mod child;
mod compiler;
mod config;
mod description;
mod engine;
mod error;
mod evaluation;
mod evaluators;
mod fault;
mod file;
mod host;
mod judge;
mod lift;
mod limits;
mod loader;
mod manifest;
mod observer;
mod options;
mod policy;
pub mod provenance;
mod reason;
pub mod record;
mod replay;
mod set;
mod shadow;
mod snapshot;
mod state;
mod structure;
mod text;
mod ticker;
mod versions;

pub use cache::CacheStatistics;
pub use child::compile_from_stdin;
pub use description::Description;
pub use engine::Engine;
pub use error::{AdmissionError, CompileError, EngineError, FileError, SetError, StaleGeneration};
pub use file::{
    guarded_path, lock_file, read_guarded_file, read_policy_file, replace_file, try_lock_file,
};
pub use host::interface_name;
pub use judge::Judge;
pub use lift::{Lift, LiftError};
pub use limits::{AdmissionLimits, Limits};
pub use manifest::{MANIFEST_SECTION, MANIFEST_VERSION, Manifest};
pub use observer::{Answered, Judged, Observer};
pub use options::{Compiler, Options};
pub use policy::Policy;
pub use reason::Reason;
pub use replay::{Change, PolicyChange, ReplayError, Replayed, Replayer};
pub use set::{PolicySet, Rule};
pub use shadow::{Counts, Departure, PolicyTrial, RecordedQuestions, RecordedTrial, Shadow, Trial};
pub use versions::versions;
