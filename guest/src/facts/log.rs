//! Lines for the record of the evaluation (`wit/log.wit`). They count against a budget of octets.

use crate::host::log as host;

/// Says what only its author wants to know.
pub fn debug(message: &str) {
    host::write("debug", message);
}

/// Says what happened.
pub fn info(message: &str) {
    host::write("info", message);
}

/// Says what is worth a person's attention.
pub fn warning(message: &str) {
    host::write("warning", message);
}

/// Says what went wrong.
pub fn error(message: &str) {
    host::write("error", message);
}
