//! The Debian packages that tests need, installed when they are missing.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::output;

/// What the tests need.
pub(crate) const TESTS: &str = "tests/packages.txt";
/// What TLS with a PAKE is built with.
pub(crate) const TLS_PAKE: &str = "tests/packages-tls-pake.txt";

/// Installs what this list names.
///
/// # Errors
/// Names the packages that are missing and cannot be installed, with the command that would.
pub(crate) fn install(root: &Path, list: &str) -> Result<()> {
    let missing: Vec<String> = wanted(root, list)?
        .into_iter()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    output::note(&format!("installing Debian packages: {list}"));
    let apt = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Servers are started by the tests that need them, not by the system.
            .env("RUNLEVEL", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(missing.iter().map(String::as_str));
    if apt(&arguments) || (apt(&["update"]) && apt(&arguments)) {
        return Ok(());
    }
    bail!("the tests need Debian packages that could not be installed: apt-get install {list}")
}

/// The names in the list, without its comments.
fn wanted(root: &Path, list: &str) -> Result<Vec<String>> {
    let path = root.join(list);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let names = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .map(str::trim);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| output.stdout == b"installed")
}
