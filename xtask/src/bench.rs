//! `cargo xtask bench`: every benchmark, on policies that are built as they ship.

use anyhow::Result;
use clap::Args;

use crate::{
    policies::{self, root},
    run::{cargo, run},
};

/// Arguments of `bench`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only benchmarks whose name contains this.
    filter: Option<String>,
}

/// Builds the policies and runs the benchmarks.
///
/// # Errors
/// A benchmark that cannot be built or fails.
pub(crate) fn all(arguments: &Arguments) -> Result<()> {
    let root = root()?;
    policies::build_all(&policies::AllArguments::default())?;
    let mut command = cargo(
        &root,
        &[
            "bench",
            "--package",
            "resolvet-tests",
            "--benches",
            "--locked",
        ],
    );
    if let Some(filter) = &arguments.filter {
        command.args(["--", filter]);
        return run(command);
    }
    run(command)?;
    let hundred = [
        "run",
        "--release",
        "--locked",
        "--package",
        "resolvet-engine",
    ];
    run(cargo(
        &root,
        &[hundred.as_slice(), &["--example", "hundred"]].concat(),
    ))
}
