//! The one place where developer commands print.

use std::io::Write as _;

/// Writes a line to standard output. A closed pipe is no error: nobody reads any more.
pub(crate) fn line(text: &str) {
    let _closed_pipe = writeln!(std::io::stdout(), "{text}");
}

/// Writes a remark to standard error: what is being done, and why.
pub(crate) fn note(text: &str) {
    let _closed_pipe = writeln!(std::io::stderr(), "xtask: {text}");
}

/// Writes an error with its causes to standard error.
pub(crate) fn error(error: &anyhow::Error) {
    let _closed_pipe = writeln!(std::io::stderr(), "error: {error:#}");
}
