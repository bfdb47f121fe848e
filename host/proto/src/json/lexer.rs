//! The grammar of JSON's tokens.

use alloc::{borrow::Cow, format};

use super::error::Error;

/// Objects and arrays within one another. Nothing that is read needs more, and a guest's stack is 64 KiB.
const DEPTH: usize = 32;
/// Octets of the text that an error shows.
const SHOWN: usize = 24;

/// A text that is read from its start.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    depth: usize,
}

/// A number as it stands there.
pub(super) enum Number<'a> {
    /// Not below zero.
    Unsigned(u64),
    /// Below zero.
    Signed(i64),
    /// With a fraction or an exponent, or beyond 64 bits.
    Other(&'a str),
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            depth: 0,
        }
    }

    /// The next character that is no white space, without reading it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.rest.bytes().next()
    }

    /// Reads this text if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        self.peek();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Reads this text.
    pub(super) fn need(&mut self, text: &str) -> Result<(), Error> {
        if self.take(text) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{text}`")))
        }
    }

    /// Reads what opens an object or an array.
    pub(super) fn open(&mut self, bracket: &str) -> Result<(), Error> {
        self.need(bracket)?;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::new(format!(
                "expected at most {DEPTH} levels, came more"
            )));
        }
        Ok(())
    }

    /// Reads what closes an object or an array.
    pub(super) fn close(&mut self, bracket: &str) -> Result<(), Error> {
        self.need(bracket)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.unexpected("the end"))
        }
    }

    /// The error that something else comes next.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let shown = self
            .rest
            .get(..self.rest.floor_char_boundary(SHOWN))
            .unwrap_or_default();
        Error::expected(expected, shown)
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.need("\"")?;
        let mut value = Cow::Borrowed("");
        loop {
            let end = self.rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            value += text;
            self.rest = rest;
            match rest.bytes().next() {
                Some(b'"') => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    let character = self.escape()?;
                    value.to_mut().push(character);
                }
                Some(_) => return Err(self.unexpected("no control character in a string")),
                None => return Err(self.unexpected("`\"`")),
            }
        }
    }

    /// Reads an escape behind its backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let mut characters = self.rest.chars();
        let character = match characters.next() {
            Some(character @ ('"' | '\\' | '/')) => character,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                self.rest = characters.as_str();
                return self.code_point();
            }
            _ => return Err(self.unexpected("an escape of JSON")),
        };
        self.rest = characters.as_str();
        Ok(character)
    }

    /// Reads the digits of `\u`, and a second escape where the first is a surrogate (RFC 8259 section 7).
    fn code_point(&mut self) -> Result<char, Error> {
        let first = self.hexadecimal()?;
        let point = match first {
            0xd800..0xdc00 => {
                let second = match self.rest.strip_prefix("\\u") {
                    Some(rest) => {
                        self.rest = rest;
                        self.hexadecimal()?
                    }
                    None => 0,
                };
                second
                    .checked_sub(0xdc00)
                    .filter(|low| *low < 0x400)
                    .map(|low| 0x1_0000 + (first - 0xd800) * 0x400 + low)
            }
            _ => Some(first),
        };
        point
            .and_then(char::from_u32)
            .ok_or_else(|| self.unexpected("a pair of surrogates"))
    }

    fn hexadecimal(&mut self) -> Result<u32, Error> {
        let digits = self
            .rest
            .get(..4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.unexpected("four hexadecimal digits"))?;
        self.rest = self.rest.get(4..).unwrap_or_default();
        Ok(value)
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Result<Number<'a>, Error> {
        let start = self.rest;
        let negative = self.skip(b"-");
        if self.rest.starts_with('0') && self.rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
        {
            return Err(self.unexpected("no zero before other digits"));
        }
        self.digits()?;
        let mut integer = true;
        if self.skip(b".") {
            integer = false;
            self.digits()?;
        }
        if self.skip(b"eE") {
            integer = false;
            self.skip(b"+-");
            self.digits()?;
        }
        let text = start.strip_suffix(self.rest).unwrap_or(start);
        let number = match (integer, negative) {
            (true, false) => text.parse().ok().map(Number::Unsigned),
            (true, true) => text.parse().ok().map(Number::Signed),
            (false, _) => None,
        };
        Ok(number.unwrap_or(Number::Other(text)))
    }

    fn digits(&mut self) -> Result<(), Error> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == self.rest.len() {
            return Err(self.unexpected("a digit"));
        }
        self.rest = rest;
        Ok(())
    }

    /// Reads one of these characters if one comes next, without white space before it.
    fn skip(&mut self, characters: &[u8]) -> bool {
        let found = self
            .rest
            .bytes()
            .next()
            .is_some_and(|next| characters.contains(&next));
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }
}
