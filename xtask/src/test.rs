//! `cargo xtask test`: everything that must hold, from a clean checkout.

use std::time::Instant;

use anyhow::Result;

use crate::{
    check, output, packages,
    policies::{self, root},
    run::{cargo, run},
};

/// Installs what is needed, builds the policies, and runs every check and every test.
///
/// # Errors
/// The first step that fails.
pub(crate) fn all() -> Result<()> {
    let root = root()?;
    let began = Instant::now();
    packages::install(&root, packages::TESTS)?;
    run(cargo(&root, &["fmt", "--all", "--check"]))?;
    policies::build_all(&policies::AllArguments::default())?;
    check::all()?;
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ];
    run(cargo(&root, &lint))?;
    // A server that others wrote, for the tests of interoperation: a workspace of its own.
    run(cargo(
        &root,
        &[
            "build",
            "--locked",
            "--manifest-path",
            "tests/est-ca/Cargo.toml",
            "--target-dir",
            "target/est-ca",
        ],
    ))?;
    // This builds every program before it runs anything: tests run those that stand beside them.
    run(cargo(&root, &["test", "--workspace", "--locked"]))?;
    let mut documents = cargo(&root, &["doc", "--workspace", "--no-deps", "--locked"]);
    documents.env("RUSTDOCFLAGS", "--deny warnings");
    run(documents)?;
    output::note(&format!(
        "everything passed in {} s",
        began.elapsed().as_secs()
    ));
    Ok(())
}
