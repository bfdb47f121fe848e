//! What an engine is made with.

use std::{ffi::OsString, path::PathBuf, thread};

use crate::limits::{AdmissionLimits, Limits};

/// What an engine is made with. The default is right for production.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// What one evaluation may use, unless its rule says otherwise. A rule may not ask for more memory than this.
    pub limits: Limits,
    /// What a file may ask for before it may serve.
    pub admission: AdmissionLimits,
    /// Octets of native stack for a guest's calls. Recursive parsers of the SDK's guests stay below 64 KiB of their own;
    /// this bounds the machine's stack, of which a thread has 2 MiB.
    pub stack_octets: usize,
    /// Milliseconds for all policies of a stage together, waiting for an evaluator included. A handshake waits for it.
    pub set_milliseconds: u32,
    /// Judgements that are made at the same time; the others wait. One for each processor, but at least two, so that a
    /// guest that loops does not stop everybody.
    pub evaluators: usize,
    /// Judgements that may wait for an evaluator. More than this and the request is refused at once.
    pub queue: usize,
    /// Milliseconds that a judgement may wait for an evaluator.
    pub queue_milliseconds: u32,
    /// Who compiles.
    pub compiler: Compiler,
    /// Folder of compiled code, made when it is missing (mode 0700). Without one every start compiles again.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(2, usize::from);
        Self {
            limits: Limits::default(),
            admission: AdmissionLimits::default(),
            stack_octets: 512 << 10,
            set_milliseconds: 500,
            evaluators: processors.clamp(2, 64),
            queue: 64,
            queue_milliseconds: 200,
            compiler: Compiler::beside_this_program(),
            cache: None,
        }
    }
}

/// Who compiles a component. Never this process: a hostile component can keep a compiler busy for long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compiler {
    /// This program with these arguments; it does what [`crate::compile_from_stdin`] does.
    Program {
        /// The program's file.
        path: PathBuf,
        /// Its arguments.
        arguments: Vec<OsString>,
    },
    /// Nobody: only code that the cache has and authenticates is loaded.
    None,
}

impl Compiler {
    /// The program `resolvet-compile` in the folder of the running program; nobody when it is not there.
    #[must_use]
    pub fn beside_this_program() -> Self {
        let beside = |program: PathBuf| Some(program.parent()?.join("resolvet-compile"));
        match std::env::current_exe()
            .ok()
            .and_then(beside)
            .filter(|path| path.is_file())
        {
            Some(path) => Self::Program {
                path,
                arguments: Vec::new(),
            },
            None => Self::None,
        }
    }

    /// The running program itself with these arguments: for a program with a hidden subcommand that compiles.
    ///
    /// # Errors
    /// When the system cannot say which file the running program is.
    pub fn this_program(arguments: Vec<OsString>) -> std::io::Result<Self> {
        Ok(Self::Program {
            path: std::env::current_exe()?,
            arguments,
        })
    }
}
