//! What a login leaves on both sides: a key, and proofs that come from it.

use core::fmt;

use pbkdf2::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{PROFILE, limits};

/// Whose proof it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// OPAQUE's session key, wiped when it is dropped and never shown.
pub(super) struct SessionKey(Zeroizing<[u8; 64]>);

impl SessionKey {
    /// Takes the key; `None` for another length.
    pub(super) fn new(octets: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(octets.try_into().ok()?)))
    }

    /// HMAC-SHA-256 of the session key over profile, side and request number.
    pub(super) fn proof(&self, side: Side, nc: u32) -> [u8; limits::DIGEST_OCTETS] {
        let side: &[u8] = match side {
            Side::Client => b" client ",
            Side::Server => b" server ",
        };
        // A key of any length is one of HMAC.
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            return [0; limits::DIGEST_OCTETS];
        };
        hmac.update(PROFILE);
        hmac.update(side);
        hmac.update(&nc.to_be_bytes());
        hmac.finalize().into_bytes().into()
    }

    /// Whether a proof is right, in a time that does not depend on it.
    pub(super) fn is_proof(&self, side: Side, nc: u32, presented: &[u8]) -> bool {
        self.proof(side, nc).ct_eq(presented).into()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey").finish_non_exhaustive()
    }
}

/// SHA-256 of KE1 and KE2: what a login is about.
pub(super) fn digest(ke1: &[u8], ke2: &[u8]) -> [u8; limits::DIGEST_OCTETS] {
    let mut hash = Sha256::new();
    hash.update(ke1);
    hash.update(ke2);
    hash.finalize().into()
}
