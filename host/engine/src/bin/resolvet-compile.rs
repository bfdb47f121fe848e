//! Compiles one component, from standard input to standard output, within limits that it sets itself.
//!
//! The engine starts it; it is a program of its own since a resolver that embeds the engine cannot be executed again.

use std::process::ExitCode;

fn main() -> ExitCode {
    resolvet_engine::compile_from_stdin()
}
