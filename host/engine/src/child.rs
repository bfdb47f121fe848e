//! The compiling child.
/// Compiles a component from standard input to standard output.
#[must_use]
pub fn compile_from_stdin() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
