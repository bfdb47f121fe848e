//! `resolvet break-glass`: restrictions are lifted for a time.

use anyhow::bail;

use super::span;
use crate::{
    args::BreakGlass,
    daemon::{
        control_socket,
        protocol::{Answer, Command, LiftStatus, ask},
    },
    dates::date_time,
    exit::Exit,
    output::Output,
};

pub(super) fn run(wanted: BreakGlass, output: &Output) -> anyhow::Result<Exit> {
    let socket = control_socket(wanted.control.control.as_deref(), None);
    let command = match (wanted.reason, wanted.seconds) {
        (Some(reason), Some(seconds)) => Command::Lift {
            policies: wanted.policy,
            reason,
            seconds,
        },
        _ => Command::EndLift,
    };
    let Answer::Lifted(report) = ask(&socket, command)? else {
        bail!("the daemon answered something else");
    };
    if output.is_json() {
        output.document(&report)?;
        return Ok(Exit::Done);
    }
    let generation = report.generation;
    output.line(&match &report.lift {
        Some(lifted) => format!("{}; generation {generation}", in_words(lifted)),
        None => format!("all policies bind again; generation {generation}"),
    })?;
    Ok(Exit::Done)
}

/// What is lifted, in a sentence.
pub(super) fn in_words(lifted: &LiftStatus) -> String {
    let LiftStatus {
        remaining, lift, ..
    } = lifted;
    format!(
        "{} do not bind for another {}, until {} at the latest, by user {}: {}",
        lift.policies.join(", "),
        span(*remaining),
        date_time(lift.until),
        lift.user,
        lift.reason
    )
}
