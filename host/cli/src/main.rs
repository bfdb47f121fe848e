//! The program `resolvet`.

use std::process::ExitCode;

fn main() -> ExitCode {
    resolvet_cli::resolvet()
}
