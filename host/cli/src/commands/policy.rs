//! `resolvet policy list|run|cases|reload|replay`.

pub(crate) mod cases;
mod list;
mod reload;
mod replay;
mod run;

use crate::{args::PolicyCommand, exit::Exit, output::Output};

pub(super) fn run(command: PolicyCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        PolicyCommand::List { config, policies } => list::run(config.as_deref(), policies, output),
        PolicyCommand::Run {
            policy,
            request,
            settings,
            stage,
        } => run::run(&policy, &request, settings.as_deref(), stage, output),
        PolicyCommand::Reload { control } => reload::run(&control, output),
        PolicyCommand::Replay { logs, with } => replay::run(&logs, &with, output),
        PolicyCommand::Cases { policy, folder } => cases::run(&policy, &folder, output),
    }
}
