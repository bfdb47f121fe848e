//! Random octets that come in, as a source that the library draws from.

use core::fmt;

use opaque_ke::rand::{CryptoRng, Error, RngCore};
use zeroize::Zeroizing;

/// Random octets for one step, from a source that is fit for keys. Each is used once: a second use gives secrets away.
pub struct Random(Zeroizing<[u8; Self::OCTETS]>);

/// A source that gives the octets in their order, and then says that it is exhausted.
pub(super) struct Source<'a> {
    rest: &'a [u8],
    is_exhausted: bool,
}

impl Random {
    /// How many octets: those of a server's secrets, which need most.
    pub const OCTETS: usize = 192;

    /// Takes octets.
    #[must_use]
    pub fn new(octets: [u8; Self::OCTETS]) -> Self {
        Self(Zeroizing::new(octets))
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source {
            rest: self.0.as_slice(),
            is_exhausted: false,
        }
    }
}

impl Source<'_> {
    /// Whether more was drawn than there was: what was made of it must not be used.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }
}

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.fill_bytes(&mut octets);
        u32::from_le_bytes(octets)
    }

    fn next_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.fill_bytes(&mut octets);
        u64::from_le_bytes(octets)
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        match self.rest.split_at_checked(octets.len()) {
            Some((first, rest)) => {
                octets.copy_from_slice(first);
                self.rest = rest;
            }
            None => {
                // The trait cannot fail, and whoever draws again and again until he likes it must come to an end.
                octets.fill(1);
                self.is_exhausted = true;
            }
        }
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(octets);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_given_once_and_in_their_order() {
        let random = Random::new(core::array::from_fn(|at| at as u8));
        let mut source = random.source();
        let mut octets = [0; 188];
        source.fill_bytes(&mut octets);
        assert_eq!(octets[..3], [0, 1, 2]);
        assert_eq!(source.next_u32(), u32::from_le_bytes([188, 189, 190, 191]));
        assert!(!source.is_exhausted());
        source.fill_bytes(&mut []);
        assert!(!source.is_exhausted());
        source.fill_bytes(&mut octets[..1]);
        assert!(source.is_exhausted());
    }
}
