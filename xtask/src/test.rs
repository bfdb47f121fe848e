//! `cargo xtask test`: everything that must hold, from a clean checkout.

use std::{env, thread, time::Instant};

use anyhow::Result;

use crate::{
    check, output, packages,
    policies::{self, root},
    run::{cargo, run},
};

/// How many tests run at the same time.
const THREADS: &str = "RUST_TEST_THREADS";
/// Many tests wait for timers and for other programs: with one for each core, half of the time nothing would run.
const FOR_EACH_CORE: usize = 2;

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
    let mut tests = cargo(&root, &["test", "--workspace", "--locked"]);
    if env::var_os(THREADS).is_none() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        tests.env(THREADS, (cores * FOR_EACH_CORE).to_string());
    }
    run(tests)?;
    let mut documents = cargo(&root, &["doc", "--workspace", "--no-deps", "--locked"]);
    documents.env("RUSTDOCFLAGS", "--deny warnings");
    run(documents)?;
    output::note(&format!(
        "everything passed in {} s",
        began.elapsed().as_secs()
    ));
    Ok(())
}
