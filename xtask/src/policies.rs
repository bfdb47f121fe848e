//! The commands `policies` and `policy`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    component::{self, Component},
    output,
    toolchain::{Toolchain, Way},
    wasm::{self, Compilation, Compiled, Crates},
};

/// Arguments of `policies`.
#[derive(Args, Default)]
pub(crate) struct AllArguments {
    /// The toolchain to use; without it, the first of these that works.
    #[arg(long, value_enum)]
    pub(crate) toolchain: Option<Way>,
    /// Only the policies that ship, not the guests of tests.
    #[arg(long)]
    pub(crate) shipped: bool,
    /// Print no table.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Arguments of `policy`.
#[derive(Args)]
pub(crate) struct OneArguments {
    /// Folder of the crate.
    #[arg(long)]
    path: PathBuf,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
    /// The toolchain to use; without it, the first of these that works.
    #[arg(long, value_enum)]
    toolchain: Option<Way>,
}

/// Builds every crate of policies/ to target/policies, every one of tests/guests/ to target/policies/guests, and every
/// policy of tests/fixtures/ to target/policies/fixtures.
///
/// # Errors
/// Names each crate that could not be built; the others are built.
pub(crate) fn build_all(arguments: &AllArguments) -> Result<()> {
    let root = root()?;
    let toolchain = Toolchain::find(arguments.toolchain)?;
    output::note(&format!("policies are compiled by {}", toolchain.name()));
    let out = root.join("target/policies");
    let mut report = Report {
        quiet: arguments.quiet,
        ..Report::default()
    };

    let members = wasm::members_in(&root.join("policies"))?;
    report.add(
        &out,
        "policies",
        wasm::compile(&toolchain, &root, &Crates::Members(&members)),
    );

    if arguments.shipped {
        return report.finish();
    }
    let guests = root.join("tests/guests");
    // One call of cargo when the guests are one workspace, else one for each.
    let folders = if guests.join("Cargo.toml").exists() {
        vec![guests]
    } else {
        wasm::crate_folders(&guests)?
    };
    for folder in &folders {
        report.build(&toolchain, &root, folder, &out.join("guests"));
    }
    for folder in wasm::crate_folders(&root.join("tests/fixtures"))? {
        if wasm::is_policy(&folder)? {
            report.build(&toolchain, &root, &folder, &out.join("fixtures"));
        }
    }
    report.finish()
}

/// Builds one crate, inside the workspace or outside.
///
/// # Errors
/// It does not compile or does not fit the contract.
pub(crate) fn build_one(arguments: &OneArguments) -> Result<()> {
    let root = root()?;
    let toolchain = Toolchain::find(arguments.toolchain)?;
    let Compilation { compiled, whole } =
        wasm::compile(&toolchain, &root, &Crates::Folder(&arguments.path))?;
    if !whole {
        bail!("{} does not compile", arguments.path.display());
    }
    let [compiled] = compiled.as_slice() else {
        bail!(
            "{} holds {} policies: expected the folder of one crate",
            arguments.path.display(),
            compiled.len()
        );
    };
    let component = made(compiled)?;
    write(&arguments.out, &component.octets)?;
    let mut report = Report::default();
    report.rows.push(row(&component));
    report.finish()
}

/// Builds the rule that `bench --rivals` measures, to target/policies/rivals: for us a component, for the others core modules.
///
/// # Errors
/// One does not compile.
pub(crate) fn build_rivals() -> Result<()> {
    let root = root()?;
    let toolchain = Toolchain::find(None)?;
    let folder = root.join("tests/rivals/guests");
    let Compilation { compiled, whole } =
        wasm::compile(&toolchain, &root, &Crates::Folder(&folder))?;
    if !whole {
        bail!("not every crate of {} compiles", folder.display());
    }
    for compiled in &compiled {
        let path = root
            .join("target/policies/rivals")
            .join(&compiled.package.name);
        let octets = match compiled.package.metadata.get("resolvet") {
            Some(_) => made(compiled)?.octets,
            None => {
                fs::read(&compiled.module).with_context(|| compiled.module.display().to_string())?
            }
        };
        write(&path.with_extension("wasm"), &octets)?;
    }
    Ok(())
}

/// The workspace's folder.
pub(crate) fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(xtask
        .parent()
        .context("xtask lies in the workspace's folder")?
        .to_owned())
}

fn made(compiled: &Compiled) -> Result<Component> {
    let module =
        fs::read(&compiled.module).with_context(|| compiled.module.display().to_string())?;
    component::make(&compiled.package, &module)
}

/// Writes a file unless it holds these octets already, so that programs that embed it are not rebuilt for nothing.
fn write(path: &Path, octets: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == octets) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    // Never a half-written policy: tests may run at the same time.
    let new = path.with_extension("new");
    fs::write(&new, octets).with_context(|| new.display().to_string())?;
    fs::rename(&new, path).with_context(|| path.display().to_string())
}

/// What was built, and what was not.
#[derive(Default)]
struct Report {
    quiet: bool,
    rows: Vec<[String; 4]>,
    failures: Vec<String>,
}

impl Report {
    fn build(&mut self, toolchain: &Toolchain, root: &Path, folder: &Path, out: &Path) {
        let what = folder.display().to_string();
        self.add(
            out,
            &what,
            wasm::compile(toolchain, root, &Crates::Folder(folder)),
        );
    }

    fn add(&mut self, out: &Path, what: &str, compilation: Result<Compilation>) {
        let Compilation { compiled, whole } = match compilation {
            Ok(compilation) => compilation,
            Err(error) => return self.failures.push(format!("{what}: {error:#}")),
        };
        if !whole {
            self.failures
                .push(format!("{what}: not every crate compiles"));
        }
        for compiled in &compiled {
            let written = made(compiled).and_then(|component| {
                write(
                    &out.join(&component.name).with_extension("wasm"),
                    &component.octets,
                )?;
                Ok(component)
            });
            match written {
                Ok(component) => self.rows.push(row(&component)),
                Err(error) => self
                    .failures
                    .push(format!("{}: {error:#}", compiled.package.name)),
            }
        }
    }

    fn finish(mut self) -> Result<()> {
        self.rows.insert(
            0,
            ["policy", "octets", "exports", "imports"].map(str::to_owned),
        );
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
        };
        let widths = [width(0), width(1), width(2)].map(Option::unwrap_or_default);
        let [first, second, third] = widths;
        for [name, size, exports, imports] in self.rows.iter().filter(|_| !self.quiet) {
            output::line(&format!(
                "{name:first$}  {size:>second$}  {exports:third$}  {imports}"
            ));
        }
        if self.failures.is_empty() {
            Ok(())
        } else {
            bail!("not built\n{}", self.failures.join("\n"))
        }
    }
}

fn row(component: &Component) -> [String; 4] {
    let size = component.octets.len().to_string();
    [
        component.name.clone(),
        size,
        component.exports.join(" "),
        component.imports.join(" "),
    ]
}
