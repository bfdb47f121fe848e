//! `cargo xtask soak`: policy sets swapped under load, apart from the tests.

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
}

/// Builds the policies and runs the load.
///
/// # Errors
/// A judgement that is lost or of two sets.
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
    run(command)
}
