//! The programs `resolvet` and `resolvetd`: they find, authenticate and ask the encrypted DNS servers of a network. What they
//! share is here; nothing depends on it.

mod args;
mod choices;
mod commands;
mod components;
mod config;
mod consent;
mod daemon;
mod dates;
mod delivery;
mod enrolled;
mod exit;
mod files;
mod folders;
mod journey;
mod keys;
mod lives;
mod mend;
mod observed;
mod output;
mod own;
mod password;
mod pem;
mod places;
mod policies;
mod progress;
mod provenance;
mod report;
mod screen;
mod servers;
mod traces;

use std::{env, process::ExitCode};

use clap::{
    Parser as _,
    error::{ContextKind, ContextValue},
};

use args::{Arguments, Color, Command, DaemonArguments, Format};

/// The word by which a program of ours is asked to compile a policy from standard input.
const COMPILE: &str = "compile-policy";

/// The program `resolvet`.
#[must_use]
pub fn resolvet() -> ExitCode {
    let arguments = match Arguments::try_parse().map_err(without_hidden) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && wants_json() => {
            let output = output::Output::new(Format::Json, Color::Never);
            let said = error.render().to_string();
            let error = exit::UsageError(said.trim().trim_start_matches("error: ").to_owned());
            output.error(&error.into(), &[]);
            return exit::Exit::Usage.into();
        }
        Err(error) => error.exit(),
    };
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

/// Where a command is missing, those that people may give are listed, and not what the program asks of itself.
fn without_hidden(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::Strings(commands)) = error.get(ContextKind::ValidSubcommand) {
        let shown = commands.iter().filter(|command| *command != COMPILE);
        let shown = ContextValue::Strings(shown.cloned().collect());
        error.insert(ContextKind::ValidSubcommand, shown);
    }
    error
}

/// Whether arguments that could not be understood ask for JSON all the same.
fn wants_json() -> bool {
    let words: Vec<_> = env::args_os().collect();
    let pairs = words.windows(2);
    let mut said = pairs.map(|pair| pair == ["--format", "json"]);
    said.any(|said| said) || words.iter().any(|word| word == "--format=json")
}

/// The program `resolvetd`.
#[must_use]
pub fn resolvetd() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|word| word == COMPILE) {
        return resolvet_engine::compile_from_stdin();
    }
    let arguments = DaemonArguments::parse();
    let output = output::Output::new(Format::Text, Color::Auto);
    match daemon::run(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error, &[]);
            exit::Exit::of(&error).into()
        }
    }
}
