//! `cargo xtask tls-pake`: TLS with a PAKE inside the handshake, which no other command builds.

use anyhow::Result;

use crate::{
    output, packages,
    policies::{self, root},
    run::{cargo, run},
};

/// Of the program and the lab.
const FEATURES: &str = "resolvet-cli/tls-pake,resolvet-tests/tls-pake";

/// Installs what BoringSSL is built with, and lints and tests the crate `resolvet-tls-pake` and the feature `tls-pake` that uses it.
///
/// # Errors
/// The first step that fails.
pub(crate) fn all() -> Result<()> {
    let root = root()?;
    packages::install(&root, packages::TLS_PAKE)?;
    let own = ["--manifest-path", "host/tls-pake/Cargo.toml"];
    // Of the same kind as the workspace's own folder, but apart: their dependencies have other features.
    let apart = ["--target-dir", "target/tls-pake", "--locked"];
    let deny = ["--", "--deny", "warnings"];
    let format = [["fmt"].as_slice(), &own, &["--", "--check"]].concat();
    run(cargo(&root, &format))?;
    let lint = [["clippy", "--all-targets"].as_slice(), &own, &apart, &deny].concat();
    run(cargo(&root, &lint))?;
    run(cargo(&root, &[["test"].as_slice(), &own, &apart].concat()))?;
    // `resolvet bootstrap --authentication tls-pake`, by programs and libraries of the workspace.
    policies::build_all(&policies::AllArguments::default())?;
    let whole = ["--workspace", "--locked", "--features", FEATURES];
    let lint = [["clippy", "--all-targets"].as_slice(), &whole, &deny].concat();
    run(cargo(&root, &lint))?;
    let chosen = ["--test", "bootstrap", "--", "in_handshake"];
    run(cargo(
        &root,
        &[["test"].as_slice(), &whole, &chosen].concat(),
    ))?;
    output::note("TLS with a PAKE passed");
    Ok(())
}
