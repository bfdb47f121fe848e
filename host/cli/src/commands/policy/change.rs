//! `resolvet policy promote|rollback`: what the daemon says it did.

use super::reload::print_difference;
use crate::{
    args::Control,
    commands::show,
    daemon::protocol::{Answer, ChangeReport, Command},
    exit::Exit,
    output::Output,
};

pub(super) fn run(command: Command, control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let report = |answer| match answer {
        Answer::Changed(report) => Some(report),
        _ => None,
    };
    show(control, command, report, print, output)
}

fn print(report: &ChangeReport, output: &Output) -> anyhow::Result<()> {
    print_difference(&report.policies, output)?;
    let generation = report.generation;
    output.line(&match report.restores {
        Some(restores) => format!("generation {generation}, which is generation {restores} again"),
        None => format!("generation {generation}"),
    })
}
