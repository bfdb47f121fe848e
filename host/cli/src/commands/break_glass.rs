//! `resolvet break-glass`: restrictions are lifted for a time.

use super::{show, span};
use crate::{
    args::BreakGlass,
    daemon::protocol::{Answer, Command, LiftReport, LiftStatus},
    dates::date_time,
    exit::Exit,
    output::Output,
};

pub(super) fn run(wanted: BreakGlass, output: &Output) -> anyhow::Result<Exit> {
    let command = match (wanted.reason, wanted.seconds) {
        (Some(reason), Some(seconds)) => Command::Lift {
            policies: wanted.policy,
            reason,
            seconds,
        },
        _ => Command::EndLift,
    };
    let report = |answer| match answer {
        Answer::Lifted(report) => Some(report),
        _ => None,
    };
    show(&wanted.control, command, report, print, output)
}

fn print(report: &LiftReport, output: &Output) -> anyhow::Result<()> {
    let generation = report.generation;
    output.line(&match &report.lift {
        Some(lifted) => format!("{}; generation {generation}", in_words(lifted)),
        None => format!("all policies bind again; generation {generation}"),
    })
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
