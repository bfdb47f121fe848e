//! The four algorithms of RFC 8121 and what differs between them.

use alloc::{string::String, vec::Vec};

use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::encoding;

/// An algorithm of RFC 8121 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `iso-kam3-ec-p256-sha256`.
    P256,
    /// `iso-kam3-ec-p521-sha512`.
    P521,
    /// `iso-kam3-dl-2048-sha256`.
    Modp2048,
    /// `iso-kam3-dl-4096-sha512`.
    Modp4096,
}

/// The hash of an algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

/// nIterPi (RFC 8121 section 3).
const ITERATIONS: u32 = 16_384;

impl Algorithm {
    /// All of them, the one that a client likes best first: the curves cost a hundredth of the others, and P-256 is the one
    /// that RFC 8121 section 3 recommends.
    pub const ALL: [Self; 4] = [Self::P256, Self::P521, Self::Modp2048, Self::Modp4096];

    /// Its name in messages, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "iso-kam3-ec-p256-sha256",
            Self::P521 => "iso-kam3-ec-p521-sha512",
            Self::Modp2048 => "iso-kam3-dl-2048-sha256",
            Self::Modp4096 => "iso-kam3-dl-4096-sha512",
        }
    }

    /// The algorithm of a name. Tokens do not depend on case (RFC 8120 section 3.2.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    const fn hash(self) -> Hash {
        match self {
            Self::P256 | Self::Modp2048 => Hash::Sha256,
            Self::P521 | Self::Modp4096 => Hash::Sha512,
        }
    }

    /// Octets of kc1, ks1 and J (RFC 8121 appendix B).
    #[must_use]
    pub const fn element_octets(self) -> usize {
        match self {
            Self::P256 => 33,
            Self::P521 => 66,
            Self::Modp2048 => 256,
            Self::Modp4096 => 512,
        }
    }

    /// Octets of vkc and vks (RFC 8121 appendix B).
    #[must_use]
    pub const fn proof_octets(self) -> usize {
        match self.hash() {
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }

    /// kc1, ks1, vkc, vks or J as the text of a parameter: hexadecimal for curves, base64 for the others
    /// (RFC 8121 section 2).
    #[must_use]
    pub fn to_text(self, octets: &[u8]) -> String {
        if self.is_hexadecimal() {
            encoding::to_hex(octets)
        } else {
            encoding::to_base64(octets)
        }
    }

    /// Reads the text of kc1, ks1 or J. `None` for another length or another encoding; whether the number is one of the
    /// group is seen when it is used.
    #[must_use]
    pub fn element_from_text(self, text: &str) -> Option<Vec<u8>> {
        self.from_text(text, self.element_octets())
    }

    /// Reads the text of vkc or vks. `None` for another length or another encoding.
    #[must_use]
    pub fn proof_from_text(self, text: &str) -> Option<Vec<u8>> {
        self.from_text(text, self.proof_octets())
    }

    /// Whether the text of a number stands in quotation marks when it is written: base64 has characters that no token has.
    pub(super) const fn is_hexadecimal(self) -> bool {
        matches!(self, Self::P256 | Self::P521)
    }

    #[expect(
        clippy::wrong_self_convention,
        reason = "the algorithm says how a text is read"
    )]
    fn from_text(self, text: &str, octets: usize) -> Option<Vec<u8>> {
        // Both encodings need at most two characters for an octet: nothing longer is decoded.
        if text.len() > octets * 2 {
            return None;
        }
        let read = if self.is_hexadecimal() {
            encoding::from_hex(text)
        } else {
            encoding::from_base64(text)
        };
        read.filter(|read| read.len() == octets)
    }

    /// H over parts one after the other.
    pub(super) fn digest(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        match self.hash() {
            Hash::Sha256 => digest::<Sha256>(parts),
            Hash::Sha512 => digest::<Sha512>(parts),
        }
    }

    /// PBKDF2 with HMAC of H, as long as H's output (RFC 8120 section 12.2).
    pub(super) fn password_octets(self, password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
        self.pbkdf2(password, salt, ITERATIONS)
    }

    /// HMAC of H: one iteration of PBKDF2.
    pub(super) fn keyed_digest(self, key: &[u8], octets: &[u8]) -> Zeroizing<Vec<u8>> {
        self.pbkdf2(key, octets, 1)
    }

    fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut output = Zeroizing::new(alloc::vec![0; self.proof_octets()]);
        match self.hash() {
            Hash::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut output),
            Hash::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut output),
        }
        output
    }
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of RFC 8121 appendix B.
    #[test]
    fn texts_have_the_published_lengths() {
        for (algorithm, element, proof) in [
            (Algorithm::Modp2048, 344, 44),
            (Algorithm::Modp4096, 684, 88),
            (Algorithm::P256, 66, 64),
            (Algorithm::P521, 132, 128),
        ] {
            let text = algorithm.to_text(&alloc::vec![0xa5; algorithm.element_octets()]);
            assert_eq!(text.len(), element, "{algorithm:?}");
            assert!(algorithm.element_from_text(&text).is_some());
            assert!(algorithm.proof_from_text(&text).is_none());
            let text = algorithm.to_text(&alloc::vec![0xa5; algorithm.proof_octets()]);
            assert_eq!(text.len(), proof, "{algorithm:?}");
            assert!(algorithm.proof_from_text(&text).is_some());
            assert!(algorithm.element_from_text(&text).is_none());
        }
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                Algorithm::from_name(&algorithm.name().to_ascii_uppercase()),
                Some(algorithm)
            );
        }
        assert_eq!(Algorithm::from_name("iso-kam3-ec-p384-sha384"), None);
    }
}
