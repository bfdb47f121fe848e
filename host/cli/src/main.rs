//! The program `resolvet`: finds, authenticates and asks the encrypted DNS servers of a network.

mod args;
mod choices;
mod commands;
mod config;
mod consent;
mod dates;
mod enrolled;
mod exit;
mod journey;
mod keys;
mod mend;
mod output;
mod password;
mod pem;
mod places;
mod policies;
mod report;
mod servers;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The child that compiles limits itself: it must not have started threads of ours before.
    if matches!(arguments.command, Command::CompilePolicy) {
        return resolvet_engine::compile_from_stdin();
    }
    let output = output::Output::new(arguments.format, arguments.color);
    let subject = choices::Subject::of(&arguments.command);
    match commands::run(arguments.command, &output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.error(&error, &subject.of_error(&error));
            exit::Exit::of(&error).into()
        }
    }
}
