//! The program `resolvetd`.

use std::process::ExitCode;

fn main() -> ExitCode {
    resolvet_cli::resolvetd()
}
