//! `resolvet policy list|run|cases|reload|top|status|history|promote|rollback|replay|diff|keygen|sign|verify|push|pull`.

pub(crate) mod cases;
mod change;
mod diff;
mod history;
mod keygen;
mod list;
mod pull;
mod push;
mod reload;
mod replay;
mod run;
mod sign;
mod status;
mod top;
mod verify;

use crate::{args::PolicyCommand, daemon::protocol::Command, exit::Exit, output::Output};

pub(super) fn run(command: PolicyCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        PolicyCommand::List {
            config,
            policies,
            trust,
        } => list::run(config.as_deref(), policies, trust, output),
        PolicyCommand::Run {
            policy,
            request,
            settings,
            stage,
        } => run::run(&policy, &request, settings.as_deref(), stage, output),
        PolicyCommand::Reload { control } => reload::run(&control, output),
        PolicyCommand::Status { control } => status::run(&control, output),
        PolicyCommand::History { control } => history::run(&control, output),
        PolicyCommand::Promote { policy, control } => {
            change::run(Command::Promote { policy }, &control, output)
        }
        PolicyCommand::Rollback { to, control } => {
            change::run(Command::Rollback { to }, &control, output)
        }
        PolicyCommand::Top(arguments) => top::run(arguments, output),
        PolicyCommand::Replay { logs, with } => replay::run(&logs, &with, output),
        PolicyCommand::Cases { policy, folder } => cases::run(&policy, &folder, output),
        PolicyCommand::Diff { old, new } => diff::run(&old, &new, output),
        PolicyCommand::Keygen(arguments) => keygen::run(&arguments, output),
        PolicyCommand::Sign(arguments) => sign::run(&arguments, output),
        PolicyCommand::Push(arguments) => push::run(arguments, output),
        PolicyCommand::Pull(arguments) => pull::run(arguments, output),
        PolicyCommand::Verify {
            file,
            config,
            trust,
        } => verify::run(&file, config.as_deref(), trust, output),
    }
}
