//! Debian's minisign and our program: what one signs the other verifies, with keys of either, with and without a password.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::process::{program, resolvet};

const STATEMENT: &str = "resolvet-policy revision=7 not-after=2037-01-31T00:00:00Z";

/// A folder with a component in it.
struct Desk {
    folder: TempDir,
    minisign: PathBuf,
    resolvet: PathBuf,
}

impl Desk {
    fn new() -> Result<Self> {
        let resolvet = resolvet()?;
        let folder = tempfile::tempdir()?;
        let built = resolvet
            .ancestors()
            .nth(2)
            .context("programs lie in a folder of the build's")?
            .join("policies/fixtures/company-rule.wasm");
        fs::copy(&built, folder.path().join("rule.wasm")).context("run `cargo xtask policies`")?;
        Ok(Self {
            folder,
            minisign: program("minisign", "minisign")?,
            resolvet,
        })
    }

    fn run(&self, program: &Path, words: &[&str], input: Option<&str>) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder.path());
        command.env("XDG_CACHE_HOME", self.folder.path());
        if let Some(input) = input {
            let path = self.folder.path().join("input");
            fs::write(&path, input)?;
            command.stdin(File::open(path)?);
        } else {
            command.stdin(Stdio::null());
        }
        Ok(command.output()?)
    }

    fn minisign(&self, words: &[&str], input: Option<&str>) -> Result<()> {
        let output = self.run(&self.minisign, words, input)?;
        ensure!(output.status.success(), "minisign {words:?}: {output:?}");
        Ok(())
    }

    fn resolvet(&self, words: &[&str], input: Option<&str>) -> Result<String> {
        let words = [&["policy"], words].concat();
        let output = self.run(&self.resolvet, &words, input)?;
        ensure!(output.status.success(), "resolvet {words:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[test]
fn minisign_verifies_what_we_sign() -> Result<()> {
    let desk = Desk::new()?;
    let keygen = ["keygen", "--secret-key", "ours.key", "--no-password"];
    desk.resolvet(&keygen, None)?;
    let sign = ["sign", "rule.wasm", "--secret-key", "ours.key"];
    desk.resolvet(&sign, None)?;
    desk.minisign(&["-Vm", "rule.wasm", "-p", "ours.pub", "-H"], None)?;

    let mut octets = fs::read(desk.folder.path().join("rule.wasm"))?;
    octets.push(0);
    fs::write(desk.folder.path().join("rule.wasm"), octets)?;
    let changed = desk.minisign(&["-Vm", "rule.wasm", "-p", "ours.pub"], None);
    assert!(
        changed.is_err(),
        "minisign took a component that was changed"
    );
    Ok(())
}

#[test]
fn we_verify_what_minisign_signs() -> Result<()> {
    let desk = Desk::new()?;
    desk.minisign(&["-GW", "-p", "theirs.pub", "-s", "theirs.key"], None)?;
    let sign = ["-Sm", "rule.wasm", "-s", "theirs.key", "-t", STATEMENT];
    desk.minisign(&sign, None)?;
    let verify = ["verify", "rule.wasm", "--policy-key", "theirs.pub"];
    let told = desk.resolvet(&verify, None)?;
    assert!(
        told.contains("revision 7, until 2037-01-31T00:00:00Z"),
        "{told}"
    );

    // Its own comment says nothing of a revision, and its old form is not taken.
    for (words, code) in [
        (
            &["-Sm", "rule.wasm", "-s", "theirs.key"][..],
            "statement-unreadable",
        ),
        (
            &["-Slm", "rule.wasm", "-s", "theirs.key", "-t", STATEMENT],
            "signature-legacy",
        ),
    ] {
        desk.minisign(words, None)?;
        let refused = desk.resolvet(&verify, None).unwrap_err().to_string();
        assert!(refused.contains(code), "{refused}");
    }
    Ok(())
}

#[test]
fn a_key_of_minisign_signs_by_its_password() -> Result<()> {
    let desk = Desk::new()?;
    let keygen = ["-G", "-p", "theirs.pub", "-s", "theirs.key"];
    desk.minisign(&keygen, Some("correct horse\ncorrect horse\n"))?;
    let sign = [
        "sign",
        "rule.wasm",
        "--secret-key",
        "theirs.key",
        "--password-fd",
        "0",
    ];
    let refused = desk
        .resolvet(&sign, Some("wrong\n"))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("Wrong password"), "{refused}");
    desk.resolvet(&sign, Some("correct horse\n"))?;
    desk.minisign(&["-Vm", "rule.wasm", "-p", "theirs.pub", "-H"], None)
}
