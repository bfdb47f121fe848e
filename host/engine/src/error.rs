//! Errors: what was expected, what came, and which setting mends it.

use std::{io, path::PathBuf};

use resolvet_proto::judgement::Stage;
use thiserror::Error;

use crate::reason::Reason;

/// An engine cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The runtime refuses its configuration on this machine.
    #[error("the WebAssembly runtime cannot be set up on this machine: {reason}")]
    Runtime {
        /// What the runtime says.
        reason: String,
    },
    /// An option makes no sense.
    #[error("`{option}` is {came}: expected {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        came: u64,
        /// What is sensible.
        expected: &'static str,
    },
    /// The thread that counts time cannot be started.
    #[error("the thread that ends evaluations in time cannot be started: {source}")]
    Ticker {
        /// Why.
        source: io::Error,
    },
    /// The folder of compiled code cannot be used.
    #[error("cache folder `{}` cannot be used: {reason}", path.display())]
    Cache {
        /// The folder or the key's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A file is not admitted as a policy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// More of something than allowed.
    #[error("{what}: {came}, at most {limit} are allowed (`admission.{setting}`)")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much came.
        came: u64,
        /// How much is allowed.
        limit: u64,
        /// The member of [`crate::AdmissionLimits`].
        setting: &'static str,
    },
    /// The settings are larger than a policy may be given.
    #[error("settings of {came} octets, at most {limit} are allowed (`limits.settings-octets`)")]
    SettingsSize {
        /// How large they are.
        came: usize,
        /// How large they may be.
        limit: usize,
    },
    /// The file does not begin as WebAssembly does.
    #[error("no WebAssembly: expected a component, which begins with `\\0asm`")]
    NotWasm,
    /// A core module where a component is expected.
    #[error(
        "a core module, expected a component: make one of it with `resolvet policy build` or `wasm-tools component new`"
    )]
    CoreModule,
    /// The file ends too early.
    #[error(
        "truncated: the file has {octets} octets and ends within a section or value that begins at {offset}"
    )]
    Truncated {
        /// Size of the file.
        octets: usize,
        /// Where the reader stood.
        offset: u64,
    },
    /// The file is no valid component, or uses a feature of WebAssembly that is switched off here.
    #[error("no valid component: {reason} (at octet {offset})")]
    Invalid {
        /// What the validator says.
        reason: String,
        /// Where.
        offset: u64,
    },
    /// An import that the host does not offer.
    #[error(
        "import `{import}` is not offered: expected functions of `resolvet:policy/*@0.1.x` only"
    )]
    ForeignImport {
        /// Its name, printable characters only.
        import: String,
    },
    /// An import of which the manifest says nothing.
    #[error(
        "import `{import}` is not among the manifest's `imports` ({}): the component asks for more than it says", .declared.join(", ")
    )]
    UndeclaredImport {
        /// The function.
        import: String,
        /// What the manifest says, printable characters only.
        declared: Vec<String>,
    },
    /// An export that is no judgement.
    #[error(
        "export `{export}` is unknown: expected `resolvet:policy/validation`, `selection` or `privacy` in version 0.1.x"
    )]
    ForeignExport {
        /// Its name, printable characters only.
        export: String,
    },
    /// Nothing is exported that could be evaluated.
    #[error(
        "no judgement is exported: expected `resolvet:policy/validation`, `selection` or `privacy` in version 0.1.x"
    )]
    NoJudgement,
    /// A custom section that nobody knows could hide anything.
    #[error(
        "custom section `{section}` is unknown: expected `{}`, `name`, `producers` or `component-type`",
        crate::MANIFEST_SECTION
    )]
    CustomSection {
        /// Its name, printable characters only.
        section: String,
    },
    /// The manifest is missing, stands twice or cannot be read.
    #[error("manifest in custom section `{}`: {reason}", crate::MANIFEST_SECTION)]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// The file must be compiled and nobody may compile.
    #[error(
        "no compiled code of this policy is in the cache, and no compiler is set: expected the program `resolvet-compile` beside this one, or a filled cache"
    )]
    NotCompiled,
    /// The compiling child could not do it.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component does not fit the contract.
    #[error("the component does not fit the contract `resolvet:policy@0.1`: {reason}")]
    Contract {
        /// What the runtime says.
        reason: String,
    },
    /// Compiled code cannot be loaded.
    #[error("compiled code cannot be loaded: {reason}")]
    Load {
        /// What the runtime says.
        reason: String,
    },
}

impl AdmissionError {
    /// The reason, whose word stays.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::SettingsSize { .. } => Reason::SettingsSize,
            Self::NotWasm => Reason::NotWasm,
            Self::CoreModule => Reason::CoreModule,
            Self::Truncated { .. } => Reason::Truncated,
            Self::Invalid { .. } => Reason::Invalid,
            Self::ForeignImport { .. } => Reason::ForeignImport,
            Self::UndeclaredImport { .. } => Reason::UndeclaredImport,
            Self::ForeignExport { .. } => Reason::ForeignExport,
            Self::NoJudgement => Reason::NoJudgement,
            Self::CustomSection { .. } => Reason::CustomSection,
            Self::Manifest { .. } => Reason::Manifest,
            Self::NotCompiled => Reason::NotCompiled,
            Self::Compile(_) => Reason::Compile,
            Self::Contract { .. } => Reason::Contract,
            Self::Load { .. } => Reason::Load,
        }
    }

    /// The reason in a word that stays: people and programs search for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason().as_str()
    }
}

/// The compiling child failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It cannot be started or spoken to.
    #[error("compiler `{}` cannot be used: {source}", program.display())]
    Start {
        /// Its file.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It took too long by the clock on the wall, and was killed.
    #[error(
        "compilation took longer than {milliseconds} ms (`admission.compile-wall-milliseconds`)"
    )]
    Wall {
        /// How long it had.
        milliseconds: u64,
    },
    /// It used more processor time than allowed.
    #[error(
        "compilation used more than {seconds} s of processor time (`admission.compile-cpu-seconds`)"
    )]
    Processor {
        /// How much it had.
        seconds: u64,
    },
    /// It was killed or ended by a signal, as it happens when memory ends.
    #[error(
        "the compiler was ended by signal {signal}; it may use {octets} octets of address space (`admission.compile-memory-octets`): {text}"
    )]
    Signal {
        /// The signal's number.
        signal: i32,
        /// How much address space it had.
        octets: u64,
        /// What it said.
        text: String,
    },
    /// It refused the component.
    #[error("the compiler refused the component: {text}")]
    Refused {
        /// What it said, printable characters only.
        text: String,
    },
    /// The component did not get through its settings, or what it made of them cannot be kept.
    #[error("the policy cannot be kept as it is after reading its settings: {text}")]
    Settings {
        /// What was said, printable characters only.
        text: String,
    },
    /// It wrote more than allowed.
    #[error("compiled code has more than {limit} octets (`admission.compiled-octets`)")]
    Output {
        /// How much is allowed.
        limit: usize,
    },
}

/// A policy set cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetError {
    /// The policy does not accept its settings.
    #[error("policy `{policy}` refuses its settings: {reason}")]
    Settings {
        /// The policy's name.
        policy: String,
        /// What it says, printable characters only.
        reason: String,
    },
    /// The settings are larger than a policy may be given.
    #[error(
        "settings of policy `{policy}` have {came} octets, at most {limit} are allowed (`limits.settings-octets`)"
    )]
    SettingsSize {
        /// The policy's name.
        policy: String,
        /// How large they are.
        came: usize,
        /// How large they may be.
        limit: usize,
    },
    /// The policy failed while it checked its settings.
    #[error("policy `{policy}` failed while it checked its settings: {kind}: {message}")]
    Fault {
        /// The policy's name.
        policy: String,
        /// The kind of fault.
        kind: &'static str,
        /// What happened.
        message: String,
    },
    /// The policy does not judge at this stage.
    #[error("policy `{policy}` does not export `{}`: it cannot be used there", stage.as_str())]
    Stage {
        /// The policy's name.
        policy: String,
        /// The stage that was asked for.
        stage: Stage,
    },
    /// The rule names no stage, so it would never be asked.
    #[error("policy `{policy}` is given no stage: expected at least one of those that it exports")]
    NoStage {
        /// The policy's name.
        policy: String,
    },
    /// The rule allows more memory than an evaluator has.
    #[error(
        "policy `{policy}` is given {came} octets of memory, at most {limit} are there (`limits.memory-octets` of the engine)"
    )]
    Memory {
        /// The policy's name.
        policy: String,
        /// What the rule says.
        came: usize,
        /// What the engine has.
        limit: usize,
    },
    /// The policy's memory was kept with settings that it has read, and these are others.
    #[error(
        "policy `{policy}` was admitted with other settings than the rule's, expected the same"
    )]
    OtherSettings {
        /// The policy's name.
        policy: String,
    },
    /// The policy was admitted by another engine.
    #[error("policy `{policy}` was admitted by another engine")]
    Engine {
        /// The policy's name.
        policy: String,
    },
    /// Under the strict profile nobody could ever be accepted.
    #[error(
        "the strict profile needs a validator with the role `authority` that enforces: none is among {rules} policies (RFC 8310 5)"
    )]
    NoAuthority {
        /// How many policies there are.
        rules: usize,
    },
}

impl SetError {
    /// The reason, whose word stays.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Settings { .. } => Reason::SettingsRefused,
            Self::SettingsSize { .. } => Reason::SettingsSize,
            Self::Fault { .. } => Reason::SettingsFault,
            Self::Stage { .. } => Reason::StageNotExported,
            Self::NoStage { .. } => Reason::NoStage,
            Self::Memory { .. } => Reason::MemoryBeyond,
            Self::OtherSettings { .. } => Reason::OtherSettings,
            Self::Engine { .. } => Reason::OtherEngine,
            Self::NoAuthority { .. } => Reason::NoAuthority,
        }
    }
}

/// A policy's file may not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else than a file.
    #[error("`{}` is no regular file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Somebody else could replace it.
    #[error("`{}` belongs to user {owner}: expected root or user {user}; mend with `chown`", path.display())]
    Owner {
        /// The file or one of the folders above it.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Somebody else could write into it.
    #[error("`{}` may be written by others (mode {mode:03o}): mend with `chmod go-w`", path.display())]
    Writable {
        /// The file or one of the folders above it.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It was written to while it was read.
    #[error("`{}` was written to while it was read: read it again when it is complete", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// It is larger than a policy may be.
    #[error("`{}` has more than {limit} octets (`admission.file-octets`)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        limit: usize,
    },
}

/// The judgement was asked of a generation that is not active any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("generation {expected} of the policy set is asked, {active} is active")]
pub struct StaleGeneration {
    /// The generation that was asked for.
    pub expected: u64,
    /// The generation that is active.
    pub active: u64,
}
