//! `cargo xtask bench`: every benchmark, on policies that are built as they ship.

use std::path::Path;

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
    /// Measure the same rule by what a team would use instead (extism, waPC, regorus), and nothing else.
    #[arg(long, conflicts_with = "filter")]
    rivals: bool,
}

/// Builds the policies and runs the benchmarks.
///
/// # Errors
/// A benchmark that cannot be built or fails.
pub(crate) fn all(arguments: &Arguments) -> Result<()> {
    let root = root()?;
    if arguments.rivals {
        return rivals(&root);
    }
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

/// Builds the rule for each of them, and runs them in turns.
fn rivals(root: &Path) -> Result<()> {
    policies::build_rivals()?;
    let program = [
        "run",
        "--release",
        "--locked",
        "--manifest-path",
        "tests/rivals/Cargo.toml",
        "--target-dir",
        "target/rivals",
    ];
    run(cargo(root, &program))
}
