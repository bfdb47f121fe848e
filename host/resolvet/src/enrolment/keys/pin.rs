//! PINs of tokens: from whoever is asked, or from a file; wiped after use, never printed.

use std::{fmt, path::Path, sync::Arc};

use cryptoki::types::RawAuthPin;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{KeyError, file};

/// Octets of a PIN.
const OCTETS: usize = 256;
/// Octets of a PIN's file: a line, whose end may be of two octets.
const FILE_OCTETS: usize = OCTETS + 2;

/// A token's PIN. It is wiped when it is dropped.
pub struct Pin(Zeroizing<Vec<u8>>);

/// There is no PIN.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PinError {
    /// It is empty or too long.
    #[error("the PIN has {presented} octets, expected 1 to {OCTETS}")]
    Length {
        /// How many it has.
        presented: usize,
    },
    /// Nobody can be asked.
    #[error("nobody can be asked for it, and its URI has no `pin-source`")]
    Nobody,
    /// Whoever was asked gave none.
    #[error("{0}")]
    NotGiven(String),
    /// Its file.
    #[error(transparent)]
    File(Box<KeyError>),
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pin").finish_non_exhaustive()
    }
}

impl Pin {
    /// A PIN of these octets.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Result<Self, PinError> {
        match octets.len() {
            1..=OCTETS => Ok(Self(octets)),
            presented => Err(PinError::Length { presented }),
        }
    }

    /// The first line of a file that nobody else may read (`pin-source`, RFC 7512 section 2.4).
    pub(super) fn read(path: &Path) -> Result<Self, PinError> {
        let octets = file::read_secret_file(path, FILE_OCTETS);
        let octets = octets.map_err(|error| PinError::File(Box::new(error)))?;
        let line = octets.split(|&octet| octet == b'\n').next();
        let line = line.unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Self::new(Zeroizing::new(line.to_vec()))
    }

    /// For the module, which wipes it as well.
    pub(super) fn into_raw(mut self) -> RawAuthPin {
        RawAuthPin::new(Box::new(std::mem::take(&mut self.0)))
    }
}

/// Who is asked for the PIN of a token, of which the label is given. Asked once for a token at most: a PIN that is wrong is
/// not tried again.
pub type PinEntry = Arc<dyn Fn(&str) -> Result<Pin, PinError> + Send + Sync>;
