//! `resolvet break-glass`: restrictions are lifted for a time.

use resolvet_engine::Lift;

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

/// The verb of the policies that are lifted.
pub(crate) fn do_or_does(lift: &Lift) -> &'static str {
    match lift.policies.len() {
        1 => "does",
        _ => "do",
    }
}

/// What is lifted, in a sentence.
pub(super) fn in_words(lifted: &LiftStatus) -> String {
    let LiftStatus {
        remaining, lift, ..
    } = lifted;
    format!(
        "{} {} not bind for another {}, until {} at the latest, by user {}: {}",
        lift.policies.join(", "),
        do_or_does(lift),
        span(*remaining),
        date_time(lift.until),
        lift.user,
        lift.reason
    )
}
