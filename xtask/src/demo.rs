//! `cargo xtask demo`: the lab on loopback; from nothing but a password, or a manufacturer's certificate, to a vetted server and an
//! answer; and another domain that is refused, and why.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    output,
    policies::{self, root},
    run::{cargo, run, shown},
};

/// The domain without fault.
const GOOD: &str = "example.net";
/// The domain whose server presents a chain of somebody else's authority, with the right one's names.
const BAD: &str = "example.com";
/// The fault of its server, in the lab's words.
const FAULT: &str = "wrong-issuer";
/// Exit code of a refused validation.
const NOT_AUTHENTICATED: i32 = 5;
/// Version of the document that `--format json` prints.
const VERSION: u32 = 1;

/// Arguments of `demo`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to print: text for people, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What the lab says of itself.
#[derive(Deserialize)]
struct Lab {
    resolver: String,
    trust_anchors: PathBuf,
    sites: Vec<Site>,
    est: Est,
    brski: Brski,
}

/// The lab's registrar, and a device as it leaves its manufacturer.
#[derive(Deserialize)]
struct Brski {
    registrar: String,
    manufacturer: PathBuf,
    device: PathBuf,
    key: PathBuf,
}

/// The lab's EST server and its user.
#[derive(Deserialize)]
struct Est {
    url: String,
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Site {
    domain: String,
    end_entity: PathBuf,
}

/// The lab's process; it ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The lab ends by itself when its input does; a lab that is gone already is as good.
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

/// Builds what is needed, starts the lab, shows four commands and ends.
///
/// # Errors
/// Something cannot be built or started, or a command ends otherwise than it must.
pub(crate) fn show(arguments: &Arguments) -> Result<()> {
    let root = root()?;
    let quiet = arguments.format == Format::Json;
    policies::build_all(&policies::AllArguments {
        shipped: true,
        quiet,
        ..policies::AllArguments::default()
    })?;
    let mut build = cargo(
        &root,
        &[
            "build",
            "--locked",
            "--package",
            "resolvet-cli",
            "--package",
            "resolvet-tests",
            "--bins",
        ],
    );
    if quiet {
        build.stdout(Stdio::null());
    }
    run(build)?;
    let programs = root.join("target/debug");
    let (_running, lab) = start_lab(&programs)?;
    let demo = Demo {
        program: programs.join("resolvet"),
        store: fresh_folder(&root.join("target/demo-store"))?,
        lab,
    };
    match arguments.format {
        Format::Text => demo.tell(),
        Format::Json => demo.document(),
    }
}

/// An empty folder that nobody else may read.
fn fresh_folder(path: &Path) -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;

    if path.exists() {
        fs::remove_dir_all(path).with_context(|| path.display().to_string())?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .with_context(|| path.display().to_string())?;
    Ok(path.to_owned())
}

fn start_lab(programs: &Path) -> Result<(Running, Lab)> {
    let mut child = Command::new(programs.join("resolvet-lab"))
        .args([GOOD, &format!("{BAD}={FAULT}"), "--est", "--brski"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the lab cannot be started")?;
    let stdout = child.stdout.take().context("the lab has an output")?;
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .context("the lab says nothing")?;
    let lab = serde_json::from_str(&line).context("the lab says something else")?;
    Ok((running, lab))
}

struct Demo {
    program: PathBuf,
    /// Where the enrolment is kept.
    store: PathBuf,
    lab: Lab,
}

impl Demo {
    /// Says that this device may enrol in the network.
    fn trust(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["network", "trust", GOOD, "--by-name", "--store"])
            .arg(&self.store);
        command
    }

    /// Enrols the device: what it has is a user's name and a password.
    fn bootstrap(&self) -> Command {
        let mut command = self.command(&["bootstrap", GOOD]);
        command
            .args(["--est", &self.lab.est.url, "--user", &self.lab.est.user])
            .args(["--password-fd", "0"]);
        command
    }

    /// Enrols a thing: what it has is its manufacturer's certificate, key and trust anchor.
    fn bootstrap_thing(&self) -> Command {
        let Brski {
            registrar,
            manufacturer,
            device,
            key,
        } = &self.lab.brski;
        let mut command = self.command(&["bootstrap", "--brski", "--trust-network"]);
        command
            .args(["--network", "things", "--registrar", registrar])
            .arg("--idevid")
            .arg(device)
            .arg("--idevid-key")
            .arg(key)
            .arg("--manufacturer-anchors")
            .arg(manufacturer);
        command
    }

    /// A command in the network that the person's device is enrolled in.
    fn enrolled(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.args(["--network", GOOD]);
        command
    }

    /// A command of the program with the lab's resolver and the demo's store.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .args(["--resolver", &self.lab.resolver])
            .arg("--store")
            .arg(&self.store);
        command
    }

    /// A command for the other domain, told by hand what an enrolment would have conveyed.
    fn refused(&self, words: &[&str]) -> Result<Command> {
        let site = self.lab.sites.iter().find(|site| site.domain == BAD);
        let site = site.with_context(|| format!("the lab has no `{BAD}`"))?;
        let mut command = self.command(words);
        command
            .arg("--trust-anchors")
            .arg(&self.lab.trust_anchors)
            .arg("--end-entity")
            .arg(&site.end_entity);
        Ok(command)
    }

    fn tell(&self) -> Result<()> {
        let name = format!("www.{GOOD}");
        let steps = [
            (
                "Its user says in which network a device may enrol; in any other one nothing begins.",
                self.trust(),
                0,
            ),
            (
                "A device that knows a name and a password enrols: trust anchors and the DNS server's certificate.",
                self.bootstrap(),
                0,
            ),
            (
                "A thing that knows its manufacturer enrols by a voucher, and gets a certificate of this network too.",
                self.bootstrap_thing(),
                0,
            ),
            (
                "Which servers does the domain offer, and may they be used?",
                self.enrolled(&["discover", GOOD]),
                0,
            ),
            (
                "Why? Each lookup, record, policy and finding.",
                self.enrolled(&["explain", GOOD]),
                0,
            ),
            (
                "A question over the vetted server.",
                self.enrolled(&["query", &name, "--via", GOOD]),
                0,
            ),
            (
                "Another domain: its server presents a chain that the authority which it names never signed.",
                self.refused(&["explain", BAD])?,
                NOT_AUTHENTICATED,
            ),
        ];
        for (title, mut command, code) in steps {
            output::line(&format!("\n# {title}"));
            let shown = shown(&command);
            let short = shown.split(" --resolver").next().unwrap_or_default();
            let short = short.split(" --store").next().unwrap_or_default();
            output::line(&format!("$ {short} …\n"));
            let child = command.stdin(Stdio::piped()).spawn();
            let status = self
                .finished(child.context("the program cannot be started")?)?
                .status;
            expect(&command, status.code(), code)?;
        }
        output::line(
            "\nThe first domain was accepted, the second refused, each by policies in a sandbox.",
        );
        Ok(())
    }

    /// One JSON document with every stage, verdict and the answer.
    fn document(&self) -> Result<()> {
        let name = format!("www.{GOOD}");
        let document = json!({
            "version": VERSION,
            "accepted": {
                "network-trust": self.json(self.trust(), 0)?,
                "bootstrap": self.json(self.bootstrap(), 0)?,
                "bootstrap-thing": self.json(self.bootstrap_thing(), 0)?,
                "discover": self.json(self.enrolled(&["discover", GOOD]), 0)?,
                "explain": self.json(self.enrolled(&["explain", GOOD]), 0)?,
                "query": self.json(self.enrolled(&["query", &name, "--via", GOOD]), 0)?,
            },
            "refused": {
                "explain": self.json(self.refused(&["explain", BAD])?, NOT_AUTHENTICATED)?,
            },
        });
        output::line(&serde_json::to_string_pretty(&document)?);
        Ok(())
    }

    fn json(&self, mut command: Command, code: i32) -> Result<Value> {
        command.args(["--format", "json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().context("the program cannot be started")?;
        let output = self.finished(child)?;
        expect(&command, output.status.code(), code)?;
        serde_json::from_slice(&output.stdout).context("the program printed no JSON")
    }

    /// Gives the password to whoever reads it, and waits.
    fn finished(&self, mut child: Child) -> Result<Output> {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that asks for no password may have ended before.
            let _not_read = writeln!(stdin, "{}", self.lab.est.password);
        }
        child
            .wait_with_output()
            .context("the program cannot be waited for")
    }
}

fn expect(command: &Command, came: Option<i32>, expected: i32) -> Result<()> {
    if came == Some(expected) {
        return Ok(());
    }
    let came = came.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    bail!(
        "`{}` ended with {came}: expected {expected}",
        shown(command)
    )
}
