//! The base64 layer of EST bodies (RFC 8951 section 3.1): read in every layout that is met, written in the one that all
//! can read.

use alloc::{string::String, vec::Vec};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::STANDARD as PADDED,
    },
};
use thiserror::Error;

/// Padding is asked for by RFC 4648 section 3.2 and left out by some.
const LIBERAL: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Nothing but white space came.
    #[error("the body is empty, expected base64 (RFC 8951 3.1)")]
    Empty,
    /// More octets than are read.
    #[error("the body has {octets} octets, at most {limit} are read")]
    TooLarge {
        /// How many came.
        octets: usize,
        /// How many are read.
        limit: usize,
    },
    /// Octets outside the alphabet, or an encoding that was cut off.
    #[error("the body is no base64: {reason} (RFC 8951 3.1)")]
    Base64 {
        /// What the decoder said.
        reason: base64::DecodeError,
    },
    /// A PEM armour that does not end.
    #[error("the body begins with a PEM armour that does not end (RFC 7468 2)")]
    Armour,
    /// What was decoded is no DER of one value: it was cut off, or something follows it.
    #[error(
        "the body decodes to {octets} octets, its DER value announces {announced} (RFC 5652 3)"
    )]
    Length {
        /// How many octets there are.
        octets: usize,
        /// How many the header of the DER value announces.
        announced: usize,
    },
    /// What was decoded does not begin like DER.
    #[error("the body decodes to no DER SEQUENCE (RFC 5652 3)")]
    NotDer,
}

/// Reads a body: base64 folded at any width with LF or CRLF, unfolded, with blanks and tabs, within a PEM armour, or DER
/// as it is. A Content-Transfer-Encoding is not asked for (RFC 8951 section 3.1). The result is whole: one SEQUENCE with
/// nothing after it.
///
/// # Errors
/// The body is empty, larger than `limit` octets, no base64, or was cut off.
pub fn decode(body: &[u8], limit: usize) -> Result<Vec<u8>, BodyError> {
    if body.len() > limit {
        return Err(BodyError::TooLarge {
            octets: body.len(),
            limit,
        });
    }
    // 0x30 is also the digit `0`: no DER of base64 text begins with `0` and a length that fits, for base64 of a SEQUENCE
    // begins with `M`.
    if body.first() == Some(&0x30) && announced(body) == Some(body.len()) {
        return Ok(body.to_vec());
    }
    let mut text: Vec<u8> = armoured(body)?.to_vec();
    text.retain(|octet| !octet.is_ascii_whitespace());
    if text.is_empty() {
        return Err(BodyError::Empty);
    }
    let octets = LIBERAL
        .decode(&text)
        .map_err(|reason| BodyError::Base64 { reason })?;
    match announced(&octets) {
        Some(length) if length == octets.len() => Ok(octets),
        Some(announced) => Err(BodyError::Length {
            octets: octets.len(),
            announced,
        }),
        None => Err(BodyError::NotDer),
    }
}

/// Writes a body in the one layout that all known clients and servers read: unfolded, with a final line feed.
#[must_use]
pub fn encode(der: &[u8]) -> String {
    let mut text = PADDED.encode(der);
    text.push('\n');
    text
}

/// The same text in lines of 64 characters, for servers that refuse a long line.
#[must_use]
pub fn folded(text: &[u8]) -> Vec<u8> {
    let lines = text.trim_ascii_end().chunks(64);
    lines
        .flat_map(|line| line.iter().copied().chain([b'\n']))
        .collect()
}

/// What stands within a PEM armour, or all of it when there is none. Of several only the first is read.
fn armoured(body: &[u8]) -> Result<&[u8], BodyError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    let body = body.trim_ascii();
    let Some(rest) = body.strip_prefix(BEGIN) else {
        return Ok(body);
    };
    let line = rest
        .iter()
        .position(|&octet| octet == b'\n')
        .ok_or(BodyError::Armour)?;
    let content = rest.get(line..).unwrap_or_default();
    let end = content
        .windows(END.len())
        .position(|window| window == END)
        .ok_or(BodyError::Armour)?;
    Ok(content.get(..end).unwrap_or_default())
}

/// How long the SEQUENCE is that begins here, its header included. An indefinite length (BER) ends with the octets.
fn announced(octets: &[u8]) -> Option<usize> {
    match *octets {
        [0x30, 0x80, ..] => Some(octets.len()),
        [0x30, length, ..] if length < 0x80 => Some(2 + usize::from(length)),
        [0x30, count, ref rest @ ..] if (0x81..=0x84).contains(&count) => {
            let digits = usize::from(count & 0x7f);
            let length = rest
                .get(..digits)?
                .iter()
                .try_fold(0_usize, |sum, &digit| {
                    sum.checked_mul(256)?.checked_add(usize::from(digit))
                })?;
            length.checked_add(2 + digits)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn der() -> Vec<u8> {
        let mut der = vec![0x30, 0x82, 0x01, 0x00];
        der.extend((0..=255_u8).collect::<Vec<_>>());
        der
    }

    fn folded(width: usize, end: &str) -> String {
        let text = PADDED.encode(der());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(width)
            .map(|line| core::str::from_utf8(line).unwrap())
            .collect();
        lines.iter().map(|line| format!("{line}{end}")).collect()
    }

    #[test]
    fn every_layout_is_read() {
        let armour = format!(
            "-----BEGIN PKCS7-----\r\n{}-----END PKCS7-----\r\n",
            folded(64, "\r\n")
        );
        for body in [
            folded(64, "\n"),
            folded(64, "\r\n"),
            folded(76, "\n"),
            folded(76, "\r\n"),
            folded(3, " \t\n"),
            PADDED.encode(der()),
            PADDED.encode(der()).trim_end_matches('=').into(),
            encode(&der()),
            format!("\n\n  {}", encode(&der())),
            armour,
        ] {
            assert_eq!(decode(body.as_bytes(), 4_096).unwrap(), der(), "{body}");
        }
        assert_eq!(decode(&der(), 4_096).unwrap(), der());
    }

    #[test]
    fn what_is_written_is_one_line_with_a_line_feed() {
        let body = encode(&der());
        assert_eq!(body.find('\n'), Some(body.len() - 1));
    }

    #[test]
    fn a_folded_body_has_lines_of_64() {
        let text = super::folded(encode(&der()).as_bytes());
        let lines: Vec<&[u8]> = text.split_inclusive(|octet| *octet == b'\n').collect();
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().rev().skip(1).all(|line| line.len() == 65));
        assert!(text.ends_with(b"\n"));
        assert_eq!(decode(&text, 4_096).unwrap(), der());
        assert_eq!(super::folded(&text[..65]), text[..65]);
    }

    #[test]
    fn what_was_cut_off_is_refused() {
        let body = encode(&der());
        let cut = decode(&body.as_bytes()[..200], 4_096);
        assert_eq!(
            cut,
            Err(BodyError::Length {
                octets: 150,
                announced: 260
            })
        );
        assert!(matches!(
            decode(&body.as_bytes()[..201], 4_096),
            Err(BodyError::Base64 { .. })
        ));
        assert!(matches!(
            decode(&der()[..200], 4_096),
            Err(BodyError::Base64 { .. })
        ));
    }

    #[test]
    fn ten_megabytes_are_not_decoded() {
        let body = vec![b'A'; 10 << 20];
        assert_eq!(
            decode(&body, 1 << 20),
            Err(BodyError::TooLarge {
                octets: 10 << 20,
                limit: 1 << 20
            })
        );
    }

    #[test]
    fn other_bodies_have_errors_of_their_own() {
        assert_eq!(decode(b" \r\n", 100), Err(BodyError::Empty));
        assert_eq!(decode(b"AAAA", 100), Err(BodyError::NotDer));
        assert!(matches!(
            decode(b"<html>", 100),
            Err(BodyError::Base64 { .. })
        ));
        for armour in ["-----BEGIN PKCS7-----", "-----BEGIN PKCS7-----\nMAAA"] {
            assert_eq!(decode(armour.as_bytes(), 100), Err(BodyError::Armour));
        }
    }
}
