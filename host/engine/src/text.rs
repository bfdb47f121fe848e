//! Texts from outside, made harmless before they stand in an error or a record.

use resolvet_proto::judgement;

/// The text's first `most` characters, [printable](judgement::printable).
pub(crate) fn printable(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    let mut printable = judgement::printable(&short);
    if text.chars().nth(most).is_some() {
        printable.push('…');
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_move_no_cursor() {
        assert_eq!(
            printable("a\u{1b}[2J\nb\u{202e}c", 100),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}c"
        );
        assert_eq!(printable("äbc", 2), "äb…");
        assert_eq!(printable("äb", 2), "äb");
    }
}
