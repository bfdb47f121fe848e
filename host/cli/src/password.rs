//! Secrets of the user: from a terminal that does not show them, or from a file descriptor. They are wiped after use and never
//! printed.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use resolvet::enrolment::{Pin, PinEntry, PinError};
use zeroize::Zeroizing;

use crate::{exit::UsageError, output::told};

/// Octets that are read from a file descriptor: more than a password may have.
const OCTETS: usize = 2_048;

/// Reads the password of this user.
pub(crate) fn read(user: &str, descriptor: Option<u32>) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let prompt = format!("password of {}: ", user.escape_debug());
    secret(&prompt, "--password-fd", descriptor)
}

/// Reads the password by which this user logs in at a server that the policies accepted.
pub(crate) fn of_login(user: &str, descriptor: Option<u32>) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let prompt = format!(
        "password of {} for the login, which the server may get to see: ",
        user.escape_debug()
    );
    secret(&prompt, "--login-password-fd", descriptor)
}

/// Reads the password of a key that signs; asked for twice where it is new.
pub(crate) fn of_key(
    key: &Path,
    descriptor: Option<u32>,
    new: bool,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let prompt = format!("password of {}: ", key.display());
    let password = secret(&prompt, "--password-fd", descriptor)?;
    if new && descriptor.is_none() {
        let again = secret("the same once more: ", "--password-fd", None)?;
        if again != password {
            return Err(UsageError("the two passwords differ".into()).into());
        }
    }
    if new && password.is_empty() {
        let text = "the password is empty: give one, or --no-password";
        return Err(UsageError(text.into()).into());
    }
    Ok(password)
}

/// Who reads the PIN of a token. A file descriptor has one PIN, for one token.
pub(crate) fn pin_entry(descriptor: Option<u32>) -> PinEntry {
    let read = AtomicBool::new(false);
    Arc::new(move |token: &str| {
        if descriptor.is_some() && read.swap(true, Ordering::Relaxed) {
            let reason =
                "--pin-fd gave the PIN of another token: name a file with `pin-source` in the URI";
            return Err(PinError::NotGiven(reason.into()));
        }
        let octets = secret(&format!("PIN of token {token}: "), "--pin-fd", descriptor);
        Pin::new(octets.map_err(|error| PinError::NotGiven(told(&error)))?)
    })
}

fn secret(
    prompt: &str,
    option: &str,
    descriptor: Option<u32>,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    match descriptor {
        Some(descriptor) => from_descriptor(option, descriptor),
        None => {
            let text = rpassword::prompt_password(prompt)
                .with_context(|| format!("no terminal to ask on: give {option} N"))?;
            Ok(Zeroizing::new(text.into_bytes()))
        }
    }
}

/// The first line of what a file descriptor gives.
fn from_descriptor(option: &str, descriptor: u32) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let wrong = || format!("{option} {descriptor}: the file descriptor cannot be read");
    let mut file = File::open(format!("/dev/fd/{descriptor}")).with_context(wrong)?;
    // Of fixed size, so that nothing is left behind by one that grew.
    let mut buffer = Zeroizing::new([0_u8; OCTETS]);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).with_context(wrong)? {
            0 => break,
            count => filled += count,
        }
    }
    let read = buffer.get(..filled).unwrap_or_default();
    let end = read.iter().position(|&octet| octet == b'\n');
    let line = read.get(..end.unwrap_or(filled)).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Zeroizing::new(line.to_vec()))
}
