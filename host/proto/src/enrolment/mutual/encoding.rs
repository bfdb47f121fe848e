//! Numbers and texts as octets, and octets as texts (RFC 8120 sections 3.2 and 12.1).

use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// VI: a number in base 128, most significant digits first; every octet but the last has its high bit set
/// (RFC 8120 section 12.1).
pub(super) fn variable_integer(number: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = number;
    loop {
        let digit = u8::try_from(rest & 0x7f).unwrap_or_default();
        octets.push(if octets.is_empty() {
            digit
        } else {
            digit | 0x80
        });
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    octets.reverse();
    octets
}

/// VS: octets with their number before them (RFC 8120 section 12.1).
pub(super) fn variable_string(octets: &[u8]) -> Vec<u8> {
    let mut string = variable_integer(octets.len() as u64);
    string.extend_from_slice(octets);
    string
}

/// `hex-fixed-number`: two lower-case digits for each octet (RFC 8120 section 3.2.3).
pub(super) fn to_hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// Reads hexadecimal digits of either case. `None` for an odd number of them or another character.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

/// `base64-fixed-number` (RFC 8120 section 3.2.3), with padding.
pub(super) fn to_base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Reads base64 with padding. `None` for anything else, unused bits that are set included.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_integers() {
        for (number, octets) in [
            (0, &[0x00][..]),
            (1, &[0x01]),
            (0x7f, &[0x7f]),
            (0x80, &[0x81, 0x00]),
            (300, &[0x82, 0x2c]),
            (
                u64::MAX,
                &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            ),
        ] {
            assert_eq!(variable_integer(number), octets, "{number}");
        }
        assert_eq!(variable_string(b"ab"), b"\x02ab");
        assert_eq!(variable_string(&[0; 128])[..3], [0x81, 0x00, 0x00]);
    }

    #[test]
    fn hexadecimal_is_exact() {
        assert_eq!(to_hex(&[0x00, 0xaf]), "00af");
        assert_eq!(from_hex("00Af"), Some([0x00, 0xaf].to_vec()));
        for wrong in ["0", "0g", "0x00", " 00 ", "+1", "é"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_is_exact() {
        assert_eq!(from_base64("AAE="), Some([0, 1].to_vec()));
        for wrong in ["AAE", "AAF=", "AA E=", "AAE==", "-_8="] {
            assert_eq!(from_base64(wrong), None, "{wrong}");
        }
    }
}
