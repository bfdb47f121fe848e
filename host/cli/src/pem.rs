//! PEM (RFC 7468), as programs of others read it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Digits on a line.
const WIDTH: usize = 64;

/// The text, without the last line feed.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    // The whole size at once: of a private key no copy stays behind where the text grew.
    let size = der.len().div_ceil(3) * 4;
    let mut text = String::with_capacity(begin.len() + end.len() + size + size / WIDTH + 4);
    text.push_str(&begin);
    // A line's octets are a multiple of three, so that no line but the last is padded.
    for line in der.chunks(WIDTH / 4 * 3) {
        text.push('\n');
        STANDARD.encode_string(line, &mut text);
    }
    text.push('\n');
    text.push_str(&end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_sixty_four_digits() {
        let text = pem("CERTIFICATE", &[7; 97]);
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, [27, 64, 64, 4, 25]);
        assert!(text.ends_with("-----END CERTIFICATE-----"));
        assert_eq!(pem("X", &[]), "-----BEGIN X-----\n-----END X-----");
    }
}
