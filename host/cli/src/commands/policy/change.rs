//! `resolvet policy promote|rollback`: what the daemon says it did.

use anyhow::bail;

use super::reload::print_difference;
use crate::{
    args::Control,
    daemon::{
        control_socket,
        protocol::{Answer, Command, ask},
    },
    exit::Exit,
    output::Output,
};

pub(super) fn run(command: Command, control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let socket = control_socket(control.control.as_deref(), None);
    let Answer::Changed(report) = ask(&socket, command)? else {
        bail!("the daemon answered something else");
    };
    if output.is_json() {
        output.document(&report)?;
        return Ok(Exit::Done);
    }
    print_difference(&report.policies, output)?;
    let generation = report.generation;
    output.line(&match report.restores {
        Some(restores) => format!("generation {generation}, which is generation {restores} again"),
        None => format!("generation {generation}"),
    })?;
    Ok(Exit::Done)
}
