//! Why a text cannot be read.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::fmt;

use serde::de::{self, Expected, Unexpected};

/// Where, and what was expected and came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// `a.b[2]`, put together on the way out; empty for the text as a whole.
    path: String,
    reason: String,
}

impl Error {
    /// The value that is wrong, `a.b[2]`; empty for the text as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was expected and what came.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(super) const fn new(reason: String) -> Self {
        Self {
            path: String::new(),
            reason,
        }
    }

    /// What was expected, and the text that came.
    pub(super) fn expected(expected: &str, came: &str) -> Self {
        let reason = match came {
            "" => format!("expected {expected}, came the end"),
            _ => format!("expected {expected}, came `{came}`"),
        };
        Self::new(reason)
    }

    /// The error of a value that has this name.
    pub(super) fn under(mut self, name: &str) -> Self {
        if !self.path.is_empty() && !self.path.starts_with('[') {
            self.path.insert(0, '.');
        }
        self.path.insert_str(0, name);
        self
    }

    /// The error of a value that has this position.
    pub(super) fn at(self, index: usize) -> Self {
        self.under(&format!("[{index}]"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "`{path}`: {}", self.reason),
        }
    }
}

impl core::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason.to_string())
    }

    fn invalid_type(came: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, came {}", shown(came)))
    }

    fn invalid_value(came: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(came, expected)
    }
}

/// What came. Without serde's own text, which brings the printing of floating-point numbers into every policy.
fn shown(came: Unexpected<'_>) -> String {
    match came {
        Unexpected::Bool(value) => format!("boolean `{value}`"),
        Unexpected::Unsigned(value) => format!("integer `{value}`"),
        Unexpected::Signed(value) => format!("integer `{value}`"),
        Unexpected::Str(value) => format!("string `{value}`"),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "an object".into(),
        Unexpected::Other(value) => value.into(),
        _ => "a value of another type".into(),
    }
}
