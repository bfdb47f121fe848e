//! A password: from a terminal that does not show it, or from a file descriptor. It is wiped after use and never printed.

use std::{fs::File, io::Read as _};

use anyhow::Context as _;
use resolvet::enrolment::Password;
use zeroize::Zeroizing;

use crate::exit::UsageError;

/// Octets that are read from a file descriptor: more than a password may have.
const OCTETS: usize = 2_048;

/// Reads the password of this user.
pub(crate) fn read(user: &str, descriptor: Option<u32>) -> anyhow::Result<Password> {
    let octets = match descriptor {
        Some(descriptor) => from_descriptor(descriptor)?,
        None => {
            let prompt = format!("password of {}: ", user.escape_debug());
            let text = rpassword::prompt_password(prompt)
                .context("no terminal to ask for a password on: give --password-fd N")?;
            Zeroizing::new(text.into_bytes())
        }
    };
    Password::new(octets).map_err(|error| UsageError(error.to_string()).into())
}

/// The first line of what a file descriptor gives.
fn from_descriptor(descriptor: u32) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let wrong = || format!("--password-fd {descriptor}: the file descriptor cannot be read");
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
