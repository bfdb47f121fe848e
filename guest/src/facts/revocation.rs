//! What is known about revocation (`wit/revocation.wit`). Nothing here is verified.

use crate::host::revocation as host;

/// How many certificate revocation lists there are.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// The DER of one of them.
#[must_use]
pub fn crl(index: u32) -> Option<Vec<u8>> {
    host::crl(index)
}

/// All of them in order, each fetched when it is reached.
pub fn crls() -> impl Iterator<Item = Vec<u8>> {
    (0..count()).map_while(crl)
}
