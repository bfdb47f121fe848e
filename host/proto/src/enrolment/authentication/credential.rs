//! Who the client is, and what proves it.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use super::limits;

/// A user's name and password. Neither is shown by `Debug`; the password is wiped when it is dropped, in every clone.
#[derive(Clone)]
pub struct User {
    name: String,
    password: Password,
}

/// A password, wiped when it is dropped and never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

/// A user name or a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserError {
    /// It is empty.
    #[error("an empty {what} (RFC 8265 3.3, 4.2)")]
    Empty {
        /// `user name` or `password`.
        what: &'static str,
    },
    /// It is longer than its limit.
    #[error("a {what} of {presented} octets, expected at most {expected}")]
    TooLong {
        /// `user name` or `password`.
        what: &'static str,
        /// The limit.
        expected: usize,
        /// How long it is.
        presented: usize,
    },
    /// It is no UTF-8 or has control characters.
    #[error("a {what} that is no text (RFC 8265 3.3, 4.2)")]
    NoText {
        /// `user name` or `password`.
        what: &'static str,
    },
}

impl Password {
    /// Takes a password in UTF-8, prepared by the caller with the profile OpaqueString (RFC 8265 section 4.2).
    ///
    /// # Errors
    /// It is empty, too long, or no text.
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Result<Self, UserError> {
        let what = "password";
        let text = core::str::from_utf8(&octets).map_err(|_| UserError::NoText { what })?;
        check(what, text, limits::PASSWORD_OCTETS)?;
        Ok(Self(octets))
    }

    pub(in crate::enrolment) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl User {
    /// Takes a user name, prepared by the caller with the profile UsernameCasePreserved (RFC 8265 section 3.4), and a
    /// password.
    ///
    /// # Errors
    /// The name is empty, too long, or has control characters.
    pub fn new(name: &str, password: Password) -> Result<Self, UserError> {
        check("user name", name, limits::TEXT_OCTETS)?;
        Ok(Self {
            name: name.to_owned(),
            password,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password itself, for HTTP Basic and Digest alone: only a server that is authorized already may get it (RFC 7030
    /// section 3.2.3).
    #[must_use]
    pub fn reveal(&self) -> &str {
        core::str::from_utf8(&self.password.0).unwrap_or_default()
    }

    pub(in crate::enrolment) const fn password(&self) -> &Password {
        &self.password
    }
}

fn check(what: &'static str, text: &str, expected: usize) -> Result<(), UserError> {
    if text.is_empty() {
        return Err(UserError::Empty { what });
    }
    if text.len() > expected {
        return Err(UserError::TooLong {
            what,
            expected,
            presented: text.len(),
        });
    }
    if text.contains(char::is_control) {
        return Err(UserError::NoText { what });
    }
    Ok(())
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_refused() {
        let password = |octets: &[u8]| Password::new(Zeroizing::new(octets.to_vec()));
        assert!(matches!(password(b""), Err(UserError::Empty { .. })));
        assert!(matches!(password(b"a\n"), Err(UserError::NoText { .. })));
        assert!(matches!(password(b"\xff"), Err(UserError::NoText { .. })));
        assert!(matches!(
            password(&[b'a'; 1_025]),
            Err(UserError::TooLong { .. })
        ));
        let user = |name: &str| User::new(name, password(b"p").unwrap());
        assert!(matches!(user(""), Err(UserError::Empty { .. })));
        assert!(matches!(user("a\0"), Err(UserError::NoText { .. })));
        assert!(matches!(
            user(&"a".repeat(256)),
            Err(UserError::TooLong { .. })
        ));
        assert_eq!(user("Renée").unwrap().name(), "Renée");
    }
}
