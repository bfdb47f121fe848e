//! What a person types becomes the same octets on every device and at the server (RFC 8265).

use precis_profiles::{
    OpaqueString, UsernameCasePreserved, precis_core,
    precis_core::profile::PrecisFastInvocation as _,
};
use resolvet_proto::enrolment::authentication::{Password, User, UserError};
use thiserror::Error;
use zeroize::Zeroizing;

/// A user name or a password cannot be used.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The name is empty or has a character that names do not have.
    #[error("a user name that is not allowed: {0} (RFC 8265 3.4)")]
    Name(precis_core::Error),
    /// The password has a character that passwords do not have. Which one is not said.
    #[error("a password with a character that is not allowed (RFC 8265 4.2)")]
    Password,
    /// Either is empty, too long, or no text.
    #[error(transparent)]
    User(#[from] UserError),
}

/// Prepares a user name by the profile UsernameCasePreserved (RFC 8265 section 3.4) and a password in UTF-8 by OpaqueString
/// (section 4.2), as both schemes want them (RFC 8120 section 9). What was typed is wiped.
///
/// # Errors
/// The profiles do not allow one of them, or it is too long.
pub fn prepared(name: &str, password: Zeroizing<Vec<u8>>) -> Result<User, PrepareError> {
    if name.is_empty() {
        return Err(UserError::Empty { what: "user name" }.into());
    }
    let name = UsernameCasePreserved::enforce(name).map_err(PrepareError::Name)?;
    let text =
        std::str::from_utf8(&password).map_err(|_| UserError::NoText { what: "password" })?;
    if text.is_empty() {
        return Err(UserError::Empty { what: "password" }.into());
    }
    // Zeroizing takes whatever owned text the profile makes of one that has to change.
    let text = OpaqueString::enforce(text).map_err(|_| PrepareError::Password)?;
    let octets = Zeroizing::new(text.into_owned().into_bytes());
    Ok(User::new(&name, Password::new(octets)?)?)
}
