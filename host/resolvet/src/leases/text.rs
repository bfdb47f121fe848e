//! Pieces that several of the files have.

use std::net::Ipv4Addr;

use super::OPTION;

/// `KEY=VALUE` lines, as the files of systemd have them; comments are left out, quotes around a value too.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        if line.starts_with(['#', ';', '[']) {
            return None;
        }
        let (key, value) = line.split_once('=')?;
        Some((key.trim(), unquoted(value.trim())))
    })
}

/// A text without the quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// The length of a prefix that a mask says.
pub(super) fn prefix(mask: &str) -> Option<u8> {
    let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    let length = mask.leading_ones();
    // Ones alone at its beginning.
    (mask.checked_shl(length).unwrap_or(0) == 0).then_some(u8::try_from(length).ok()?)
}

/// Octets as hexadecimal digits, two for each, with or without colons between them; with colons one digit will do.
pub(super) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() > 3 * OPTION || !text.is_ascii() {
        return None;
    }
    let octet = |digits: &str| match digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => u8::from_str_radix(digits, 16).ok(),
        false => None,
    };
    if text.contains(':') {
        return text.split(':').map(octet).collect();
    }
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => octet(std::str::from_utf8(pair).ok()?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_a_length_or_are_none() {
        for (mask, length) in [
            ("255.255.255.0", Some(24)),
            ("255.240.0.0", Some(12)),
            ("0.0.0.0", Some(0)),
            ("255.255.255.255", Some(32)),
            ("255.0.255.0", None),
            ("24", None),
        ] {
            assert_eq!(prefix(mask), length, "{mask}");
        }
    }

    #[test]
    fn octets_are_read_with_and_without_colons() {
        assert_eq!(hexadecimal("00ff10"), Some(vec![0, 255, 16]));
        assert_eq!(hexadecimal("0:ff:1"), Some(vec![0, 255, 1]));
        assert_eq!(hexadecimal(""), Some(vec![]));
        for text in ["0", "0g", "+1", "0::1", "100:1", "ü0"] {
            assert_eq!(hexadecimal(text), None, "{text}");
        }
    }
}
