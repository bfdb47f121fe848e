//! `cargo xtask soak`: policy sets swapped under load, and files changed beneath a daemon, apart from the tests.

use anyhow::Result;
use clap::Args;

use crate::{
    policies::{self, root},
    run::{cargo, run},
};

/// Arguments of `soak`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Seconds without swaps, and again with them.
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// Milliseconds from one swap to the next.
    #[arg(long, default_value_t = 100)]
    every: u32,
    /// Seconds in which files change beneath a daemon, one a second.
    #[arg(long, default_value_t = 120)]
    files: u32,
}

/// The test that changes files, and the variable that says for how long.
const FILES: &str = "soak::files_that_change_without_pause_never_bring_a_wrong_verdict";
const FILES_SECONDS: &str = "RESOLVET_SOAK_SECONDS";

/// Builds the policies and runs the loads, one after the other.
///
/// # Errors
/// A judgement that is lost or of two sets, a wrong answer, memory that grows.
pub(crate) fn run_for(arguments: &Arguments) -> Result<()> {
    let root = root()?;
    policies::build_all(&policies::AllArguments::default())?;
    let mut command = cargo(
        &root,
        &[
            "run",
            "--release",
            "--package",
            "resolvet-engine",
            "--example",
            "soak",
            "--locked",
            "--",
        ],
    );
    command.args([arguments.seconds.to_string(), arguments.every.to_string()]);
    run(command)?;
    // All programs, and with the features that tests have: what they built is used again.
    run(cargo(
        &root,
        &["build", "--workspace", "--bins", "--locked"],
    ))?;
    let mut files = cargo(
        &root,
        &["test", "--workspace", "--test", "daemon", "--locked", "--"],
    );
    files.args(["--exact", FILES, "--nocapture"]);
    files.env(FILES_SECONDS, arguments.files.to_string());
    run(files)
}
