//! Foreign text on a terminal: what would move its cursor, colour its lines or turn its letters round is written out as
//! `\u001b`, which in JSON is still the same text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The most characters of a foreign value that are shown in a sentence.
pub const SHOWN_MAX: usize = 80;

/// Text of several lines as a terminal may have it: line ends stay, all other control characters and those that change
/// the direction of writing (Unicode UAX #9, section 2) are written out.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| letter == '\n' || is_plain(letter)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|letter| push(&mut shown, letter, letter == '\n'));
    Cow::Owned(shown)
}

/// The beginning of a foreign value, on one line: at most [`SHOWN_MAX`] of its characters, and `…` where more follows.
pub fn shown(text: &str) -> String {
    shown_to(text, SHOWN_MAX)
}

/// The beginning of a text on one line: at most `letters_max` of its characters, and `…` where more follows.
pub fn shown_to(text: &str, letters_max: usize) -> String {
    let mut shown = String::new();
    let mut letters = text.chars();
    letters.by_ref().take(letters_max).for_each(|letter| push(&mut shown, letter, false));
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

fn push(shown: &mut String, letter: char, as_it_is: bool) {
    if as_it_is || is_plain(letter) {
        shown.push(letter);
    } else {
        // All of them have four digits; writing to a text does not fail.
        let _ = write!(shown, "\\u{:04x}", u32::from(letter));
    }
}

/// Whether a terminal does nothing for it but show it.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, lines, one_line) in [
            ("Café, 5 €, 👩‍🍳 שלום", "Café, 5 €, 👩‍🍳 שלום", "Café, 5 €, 👩‍🍳 שלום"),
            ("\u{1b}[2Ja\u{7}", "\\u001b[2Ja\\u0007", "\\u001b[2Ja\\u0007"),
            ("A\nok", "A\nok", "A\\u000aok"),
            ("a\rb\tc\u{7f}\u{9b}1m", "a\\u000db\\u0009c\\u007f\\u009b1m", "a\\u000db\\u0009c\\u007f\\u009b1m"),
            ("\u{202e}gnp.\u{2066}x\u{2028}", "\\u202egnp.\\u2066x\\u2028", "\\u202egnp.\\u2066x\\u2028"),
        ] {
            assert_eq!(printable(text), lines);
            assert_eq!(shown(text), one_line);
        }
        assert!(matches!(printable("plain\ntext"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_written_out_is_the_same_in_json() {
        let json = serde_json::to_string(&"\u{202e}a\u{9b}\u{7f}\u{200f}").expect("JSON");
        let back: String = serde_json::from_str(&printable(&json)).expect("JSON");
        assert_eq!(back, "\u{202e}a\u{9b}\u{7f}\u{200f}");
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(shown(&"ä".repeat(80)), "ä".repeat(80));
        assert_eq!(shown(&"ä".repeat(1_000_000)), format!("{}…", "ä".repeat(80)));
        assert_eq!(shown_to("abc", 2), "ab…");
    }
}
