//! `cargo xtask demo`: the lab on loopback, one domain that is accepted and one that is refused, and why.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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
    policies::build_quietly(&policies::AllArguments::default(), quiet)?;
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
        lab,
    };
    match arguments.format {
        Format::Text => demo.tell(),
        Format::Json => demo.document(),
    }
}

fn start_lab(programs: &Path) -> Result<(Running, Lab)> {
    let mut child = Command::new(programs.join("resolvet-lab"))
        .args([GOOD, &format!("{BAD}={FAULT}")])
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
    lab: Lab,
}

impl Demo {
    /// A command of the program, with what this lab needs.
    fn command(&self, words: &[&str], domain: &str) -> Result<Command> {
        let site = self.lab.sites.iter().find(|site| site.domain == domain);
        let site = site.with_context(|| format!("the lab has no `{domain}`"))?;
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .args(["--resolver", &self.lab.resolver])
            .arg("--trust-anchors")
            .arg(&self.lab.trust_anchors)
            .arg("--end-entity")
            .arg(&site.end_entity);
        Ok(command)
    }

    fn tell(&self) -> Result<()> {
        let name = format!("www.{GOOD}");
        for (title, words, domain, code) in [
            (
                "Which servers does the domain offer, and may they be used?",
                vec!["discover", GOOD],
                GOOD,
                0,
            ),
            (
                "Why? Each lookup, record, policy and finding.",
                vec!["explain", GOOD],
                GOOD,
                0,
            ),
            (
                "A question over the vetted server.",
                vec!["query", &name, "--via", GOOD],
                GOOD,
                0,
            ),
            (
                "Another domain: its server presents a chain that the authority which it names never signed.",
                vec!["explain", BAD],
                BAD,
                NOT_AUTHENTICATED,
            ),
        ] {
            let mut command = self.command(&words, domain)?;
            output::line(&format!("\n# {title}"));
            output::line(&format!(
                "$ {} …\n",
                shown(&command)
                    .split(" --resolver")
                    .next()
                    .unwrap_or_default()
            ));
            let status = command.status().context("the program cannot be started")?;
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
                "discover": self.json(&["discover", GOOD], GOOD, 0)?,
                "explain": self.json(&["explain", GOOD], GOOD, 0)?,
                "query": self.json(&["query", &name, "--via", GOOD], GOOD, 0)?,
            },
            "refused": {
                "explain": self.json(&["explain", BAD], BAD, NOT_AUTHENTICATED)?,
            },
        });
        output::line(&serde_json::to_string_pretty(&document)?);
        Ok(())
    }

    fn json(&self, words: &[&str], domain: &str, code: i32) -> Result<Value> {
        let mut command = self.command(words, domain)?;
        command.args(["--format", "json"]);
        let output = command.output().context("the program cannot be started")?;
        expect(&command, output.status.code(), code)?;
        serde_json::from_slice(&output.stdout).context("the program printed no JSON")
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
