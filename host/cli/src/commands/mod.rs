//! One module for each command.

mod bootstrap;
mod break_glass;
mod config;
mod discover;
mod explain;
mod inspect;
mod network;
mod policy;
mod publish;
mod query;
mod status;
mod trust;

use anyhow::Context as _;

pub(crate) use break_glass::do_or_does;
pub(crate) use network::by;
pub(crate) use policy::cases;
use status::{short, span};

use serde::Serialize;

use crate::{
    args::{Command, Control},
    daemon::{
        daemon_socket,
        protocol::{self, Answer, ask},
    },
    exit::Exit,
    output::Output,
};

/// Runs a command to its end.
pub(crate) fn run(command: Command, output: &Output) -> anyhow::Result<Exit> {
    match command {
        Command::Discover {
            domain,
            all,
            journey,
        } => block_on(discover::run(domain.as_deref(), all, journey, output)),
        Command::Query {
            name,
            rtype,
            via,
            journey,
        } => block_on(query::run(&name, &rtype, via.as_deref(), journey, output)),
        Command::Explain { domain, journey } => {
            block_on(explain::run(domain.as_deref(), journey, output))
        }
        Command::Inspect { file, privacy_oid } => inspect::run(&file, &privacy_oid, output),
        Command::Bootstrap(arguments) => block_on(bootstrap::run(arguments, output)),
        Command::Network(command) => network::run(command, output),
        Command::Trust(command) => block_on(trust::run(command, output)),
        Command::Publish(command) => block_on(publish::run(command, output)),
        Command::Status { control } => status::run(&control, output),
        Command::BreakGlass(wanted) => break_glass::run(wanted, output),
        Command::Policy(command) => policy::run(command, output),
        Command::Config(command) => config::run(command, output),
        // `main` has taken it before anything else.
        Command::CompilePolicy => Ok(Exit::Usage),
    }
}

/// Asks the daemon, and shows its report: as a document, or as `print` has it.
fn show<T: Serialize>(
    control: &Control,
    command: protocol::Command,
    report: impl FnOnce(Answer) -> Option<T>,
    print: impl FnOnce(&T, &Output) -> anyhow::Result<()>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let socket = daemon_socket(control.control.as_deref());
    let report = ask(&socket, command, report)?;
    if output.is_json() {
        output.document(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(Exit::Done)
}

fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the event loop cannot be started")?
        .block_on(command)
}
