//! `cargo xtask tls-pake`: TLS with a PAKE inside the handshake, which no other command builds.

use anyhow::Result;

use crate::{
    output, packages,
    policies::root,
    run::{cargo, run},
};

/// Installs what BoringSSL is built with, and lints and tests the crate `resolvet-tls-pake`.
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
    output::note("TLS with a PAKE passed");
    Ok(())
}
