//! Texts from outside, made harmless before they stand in an error or a record.

/// The text's first `most` characters with everything replaced that could move a cursor, end a line or turn the direction
/// of writing.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut printable: String = text.chars().take(most).map(visible).collect();
    if text.chars().nth(most).is_some() {
        printable.push('…');
    }
    printable
}

fn visible(c: char) -> char {
    let invisible = matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    if c.is_control() || invisible {
        '\u{fffd}'
    } else {
        c
    }
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
