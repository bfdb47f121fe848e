//! Developer commands of resolvet, run as `cargo xtask COMMAND`.

mod component;
mod output;
mod policies;
mod toolchain;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of resolvet")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build every policy that ships, and the guests that tests need, to target/policies.
    Policies(policies::AllArguments),
    /// Build one policy's crate, wherever it is, to a component.
    Policy(policies::OneArguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Policies(arguments) => policies::build_all(&arguments),
        Command::Policy(arguments) => policies::build_one(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
