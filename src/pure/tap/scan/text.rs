//! The text of a code's bytes (readers-and-scanners.md section 3.5): what its ECI escapes say; else UTF-8, and what is no
//! UTF-8 as ISO 8859-1, in which every byte is a character.
//!
//! Nothing is normalised: all tokens of ours are ASCII, and a text that only looks like one after normalisation is none.

use super::aim::Aim;

/// The character sets that escapes may name (AIM ECI assignments); text of another one is read as if none were named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Guessed,
    Latin1,
    Utf8,
}

/// Digits of an escape.
const ECI_DIGITS: usize = 6;

/// The text.
pub fn decode(bytes: &[u8], aim: Option<Aim>) -> String {
    let text = if aim.is_some_and(Aim::has_eci) { escaped(bytes) } else { plain(bytes, Charset::Guessed) };
    // A byte-order mark says nothing that the bytes do not say.
    text.strip_prefix('\u{FEFF}').map_or_else(|| text.clone(), str::to_owned)
}

fn plain(bytes: &[u8], charset: Charset) -> String {
    let latin_1 = || bytes.iter().map(|byte| char::from(*byte)).collect();
    match charset {
        Charset::Latin1 => latin_1(),
        Charset::Guessed => std::str::from_utf8(bytes).map_or_else(|_| latin_1(), str::to_owned),
        Charset::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Text with escapes. A backslash that begins none stands for itself: some devices name the set and escape nothing.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut charset = Charset::Guessed;
    let mut run = Vec::new();
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            run.push(*byte);
        } else if let [b'\\', after @ ..] = rest {
            run.push(b'\\');
            rest = after;
        } else if let Some((number, after)) = number(rest) {
            text.push_str(&plain(&run, charset));
            run.clear();
            charset = match number {
                1 | 3 => Charset::Latin1,
                26 => Charset::Utf8,
                _ => Charset::Guessed,
            };
            rest = after;
        } else {
            run.push(b'\\');
        }
    }
    text + &plain(&run, charset)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<ECI_DIGITS>()?;
    let value = |value: u32, digit: &u8| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'));
    Some((digits.iter().try_fold(0, value)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_what_they_are() {
        let cases: [(&str, &[u8], &str); 16] = [
            ("", b"LC1ABC", "LC1ABC"),
            ("", b"", ""),
            ("", "Grüße".as_bytes(), "Grüße"),
            ("", b"Gr\xFC\xDFe \xE9", "Grüße é"),
            ("", b"\xEF\xBB\xBFLC1", "LC1"),
            ("", b"\x00\xFF", "\0ÿ"),
            ("", b"a\\000026b", "a\\000026b"),
            ("]Q1", b"a\\000026b", "a\\000026b"),
            ("]Q2", b"\\000026Gr\xC3\xBC", "Grü"),
            ("]Q2", b"\\000003Gr\xC3\xBC", "GrÃ¼"),
            ("]L1", b"\\000003Gr\xFC\\000026\xC3\xBC", "Grüü"),
            ("]Q2", b"C:\\\\x", "C:\\x"),
            ("]Q2", b"C:\\x", "C:\\x"),
            ("]Q2", b"\\000020abc", "abc"),
            ("]Q2", b"end\\", "end\\"),
            ("]Q2", b"\\00002", "\\00002"),
        ];
        for (aim, bytes, text) in cases {
            assert_eq!(decode(bytes, Aim::split(aim.as_bytes()).map(|(aim, _)| aim)), text, "{aim} {bytes:?}");
        }
    }
}
