//! Reading JSON (RFC 8259) into typed values, bounded in depth, with errors that name the value.
//!
//! serde_json would add 90 kB to every policy, most of it for printing floating-point numbers, and its errors name a line
//! and a column of a text that no administrator wrote. What this reader costs depends on what is read. A member that stands
//! there twice is refused where it is known.

mod deserializer;
mod error;
mod lexer;

use alloc::format;

use serde::de::DeserializeOwned;

pub use error::Error;
use lexer::Lexer;

/// Reads an object. The caller bounds the length of the text.
///
/// # Errors
/// The first value that is not as expected: where, what was expected and what came.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    // serde reads a struct from an array too, whose elements have no names.
    if !json.trim_ascii_start().starts_with('{') {
        let shown = json.get(..json.floor_char_boundary(SHOWN));
        let shown = shown.unwrap_or_default();
        return Err(Error::new(format!("expected an object, came `{shown}`")));
    }
    let mut lexer = Lexer::new(json);
    let value = T::deserialize(&mut lexer)?;
    lexer.end()?;
    Ok(value)
}

/// Octets of a text without an object that its error shows.
const SHOWN: usize = 64;
