//! The toolchain that compiles guests for `wasm32-unknown-unknown`, found or installed.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::output;

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages: a compiler with the same features as the standard library's sources, those sources, and a linker.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];
/// Where Debian's compiler is.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Where Debian's sources of the standard library are.
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// Which way to go; without one the first that works is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// The target is installed beside the compiler that builds xtask.
    Installed,
    /// Install the target with rustup.
    Rustup,
    /// Debian's compiler, which builds the standard library from Debian's sources.
    Debian,
}

/// A way to compile guests.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The compiler that builds xtask has the target's standard library.
    Installed,
    /// Debian's compiler; the standard library is built from its sources.
    Debian {
        /// The folder of `rust-lld`. Debian's own linker is years older than the compiler.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Finds a toolchain, or installs one.
    ///
    /// # Errors
    /// Names the three ways when none works.
    pub(crate) fn find(way: Option<Way>) -> Result<Self> {
        let wanted = |this| way.is_none_or(|way| way == this);
        if wanted(Way::Installed) && target_is_installed()? {
            return Ok(Self::Installed);
        }
        if wanted(Way::Rustup) && add_with_rustup() && target_is_installed()? {
            return Ok(Self::Installed);
        }
        if wanted(Way::Debian) && (debian_is_installed() || install_debian()) {
            return Ok(Self::Debian {
                linker: linker_folder()?,
            });
        }
        bail!(
            "no toolchain for {TARGET}; there are three ways to have one:\n\
             1. a compiler that has the target: `rustc --print sysroot` must contain lib/rustlib/{TARGET}\n\
             2. with rustup and a network: rustup target add {TARGET}\n\
             3. on Debian, as root: apt-get install {}",
            DEBIAN_PACKAGES.join(" ")
        )
    }

    /// What stands in reports.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Installed => "the installed target",
            Self::Debian { .. } => "Debian's rustc-web with its standard library from source",
        }
    }

    /// Makes a call of cargo use this toolchain.
    ///
    /// # Errors
    /// The search path cannot be written.
    pub(crate) fn apply(&self, cargo: &mut Command) -> Result<()> {
        if let Self::Debian { linker } = self {
            let path = env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(linker.clone()).chain(env::split_paths(&path));
            cargo.env(
                "PATH",
                env::join_paths(folders).context("PATH cannot be extended")?,
            );
            cargo.env("RUSTC", DEBIAN_RUSTC);
            // Building the standard library is unstable for everybody but the compiler's own builders.
            cargo.env("RUSTC_BOOTSTRAP", "1");
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        Ok(())
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn target_is_installed() -> Result<bool> {
    let libraries = sysroot(&rustc())?
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib");
    Ok(fs::read_dir(libraries).is_ok_and(|mut files| files.next().is_some()))
}

fn add_with_rustup() -> bool {
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .output();
    match added {
        Ok(output) if output.status.success() => true,
        Ok(_) => {
            output::note(&format!(
                "rustup cannot fetch {TARGET}; trying Debian's packages"
            ));
            false
        }
        Err(_) => false,
    }
}

fn debian_is_installed() -> bool {
    Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_SOURCES).exists()
}

fn install_debian() -> bool {
    let root = captured("id".as_ref(), &["-u"]).is_ok_and(|id| id == "0");
    let apt = Command::new("apt-get").arg("--version").output().is_ok();
    if !root || !apt {
        return false;
    }
    output::note(&format!(
        "installing Debian's {}",
        DEBIAN_PACKAGES.join(", ")
    ));
    let apt_get = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(DEBIAN_PACKAGES);
    // The lists of packages may be absent or old: fetch them only when the first attempt fails.
    (apt_get(&install) || (apt_get(&["update"]) && apt_get(&install))) && debian_is_installed()
}

/// The folder with `rust-lld` that fits the compiler: of the compiler that builds xtask, else of Debian's.
fn linker_folder() -> Result<PathBuf> {
    for compiler in [rustc(), DEBIAN_RUSTC.into()] {
        let Ok(root) = sysroot(&compiler) else {
            continue;
        };
        let host = captured(&compiler, &["--print", "host-tuple"])?;
        let folder = root.join("lib/rustlib").join(host).join("bin");
        if folder.join("rust-lld").exists() {
            return Ok(folder);
        }
    }
    bail!(
        "no `rust-lld` beside the compiler: expected it in lib/rustlib/HOST/bin of `rustc --print sysroot`"
    )
}

fn sysroot(compiler: &OsStr) -> Result<PathBuf> {
    captured(compiler, &["--print", "sysroot"]).map(PathBuf::from)
}

/// Standard output of a program, without the end of its last line.
fn captured(program: &OsStr, arguments: &[&str]) -> Result<String> {
    let shown = program.to_string_lossy();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("`{shown}` cannot be run"))?;
    if !output.status.success() {
        bail!("`{shown} {}` failed", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)
        .context("not UTF-8")?
        .trim_end()
        .to_owned())
}
