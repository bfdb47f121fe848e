//! Compiling crates to core modules: one call of cargo for many.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::toolchain::{self, TARGET, Toolchain};

/// Flags for the linker. The compiler's own stack of 1 MiB is memory that every instance would carry; 64 KiB hold any
/// policy that does not recurse without bound, and one that does faults early. The stack comes first in memory, so that
/// an overrun leaves the memory and traps instead of writing over data. The allocator's arena is a static of the SDK and
/// with it part of the initial memory, which nobody needs to grow.
const LINKER_FLAGS: [&str; 2] = ["-Clink-arg=-zstack-size=65536", "-Clink-arg=--stack-first"];

/// The workspace's profile `policy`, for crates outside it. `cargo test -p xtask` compares the two.
const PROFILE: [(&str, &str); 6] = [
    ("inherits", "\"release\""),
    ("opt-level", "3"),
    ("lto", "\"fat\""),
    ("codegen-units", "1"),
    ("panic", "\"abort\""),
    ("strip", "true"),
];

/// What to compile.
pub(crate) enum Crates<'a> {
    /// These packages of the workspace.
    Members(&'a [String]),
    /// Whatever the manifest in this folder stands for, a crate or a workspace.
    Folder(&'a Path),
}

/// A crate that was compiled.
pub(crate) struct Compiled {
    /// What its manifest says.
    pub(crate) package: Package,
    /// The core module.
    pub(crate) module: PathBuf,
}

/// What cargo says about a package, inherited values filled in.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    /// Cargo's identifier.
    id: String,
    /// The package's name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its authors.
    pub(crate) authors: Vec<String>,
    /// Its description.
    pub(crate) description: Option<String>,
    /// `package.metadata`.
    pub(crate) metadata: Value,
}

/// What came of compiling crates.
pub(crate) struct Compilation {
    /// Those that compiled.
    pub(crate) compiled: Vec<Compiled>,
    /// Whether those are all.
    pub(crate) whole: bool,
}

/// Compiles crates, each that can be. Cargo does nothing for those that did not change.
///
/// # Errors
/// Cargo cannot be run, or no crate is a `cdylib`.
pub(crate) fn compile(
    toolchain: &Toolchain,
    root: &Path,
    crates: &Crates<'_>,
) -> Result<Compilation> {
    let folder = match crates {
        Crates::Members(_) => root,
        Crates::Folder(folder) => folder,
    };
    let manifest = folder.join("Cargo.toml");
    let mut cargo = Command::new(toolchain::cargo());
    cargo.arg("build").arg("--manifest-path").arg(&manifest);
    cargo.args(["--lib", "--target", TARGET, "--profile", "policy"]);
    cargo.args([
        "--message-format",
        "json-render-diagnostics",
        "--keep-going",
    ]);
    cargo.arg("--target-dir").arg(root.join("target/wasm"));
    match crates {
        Crates::Members(names) => {
            cargo.args(names.iter().flat_map(|name| ["--package", name.as_str()]));
        }
        Crates::Folder(_) => {
            for (key, value) in PROFILE {
                cargo
                    .arg("--config")
                    .arg(format!("profile.policy.{key}={value}"));
            }
        }
    }
    // Ours alone: flags of the developer's environment would change what ships.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", LINKER_FLAGS.join("\u{1f}"));
    toolchain.apply(&mut cargo)?;
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run")?;
    let packages = packages(&manifest)?;
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    let mut compiled = Vec::new();
    for message in messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
    {
        let package = packages
            .iter()
            .find(|package| package.id == message.package_id);
        let module = message
            .filenames
            .into_iter()
            .find(|file| file.extension() == Some("wasm".as_ref()));
        if let (Some(package), Some(module)) = (package, module) {
            compiled.push(Compiled {
                package: package.clone(),
                module,
            });
        }
    }
    compiled.sort_by(|a, b| a.package.name.cmp(&b.package.name));
    let whole = output.status.success();
    if whole && compiled.is_empty() {
        bail!(
            "no crate of {} is a `cdylib`: expected `[lib] crate-type = [\"cdylib\", \"rlib\"]`",
            folder.display()
        );
    }
    Ok(Compilation { compiled, whole })
}

/// The packages in a folder of the workspace: the names in the manifests of its subfolders.
///
/// # Errors
/// A manifest cannot be read.
pub(crate) fn members_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for crate_folder in crate_folders(folder)? {
        let manifest = manifest(&crate_folder)?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        let name = name.and_then(toml::Value::as_str);
        let name = name.with_context(|| format!("{} names no package", crate_folder.display()))?;
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Whether the crate in a folder says that it is a policy: it has `[package.metadata.resolvet]`.
///
/// # Errors
/// Its manifest cannot be read.
pub(crate) fn is_policy(crate_folder: &Path) -> Result<bool> {
    let manifest = manifest(crate_folder)?;
    let metadata = manifest
        .get("package")
        .and_then(|package| package.get("metadata"));
    Ok(metadata.is_some_and(|metadata| metadata.get("resolvet").is_some()))
}

fn manifest(crate_folder: &Path) -> Result<toml::Table> {
    let path = crate_folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// The subfolders that have a manifest, in order. A folder that does not exist has none.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn crate_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join("Cargo.toml").exists() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// A message of cargo's that tells of a compiled crate.
#[derive(Deserialize)]
struct Message {
    package_id: String,
    filenames: Vec<PathBuf>,
}

fn packages(manifest: &Path) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = Command::new(toolchain::cargo())
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("{} cannot be read", manifest.display());
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo's metadata cannot be read")?;
    Ok(metadata.packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_outside_the_workspace_are_compiled_as_those_inside() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let manifest: toml::Table = toml::from_str(&fs::read_to_string(root).unwrap()).unwrap();
        let profile = manifest["profile"]["policy"].as_table().unwrap();
        let ours: Vec<_> = PROFILE
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut theirs: Vec<_> = profile
            .iter()
            .map(|(key, value)| (key.clone(), value.to_string()))
            .collect();
        let mut sorted = ours;
        sorted.sort();
        theirs.sort();
        assert_eq!(sorted, theirs);
    }
}
