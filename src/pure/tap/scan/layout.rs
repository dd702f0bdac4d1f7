//! Keyboard layouts: which character stands on which key (readers-and-scanners.md section 3.1). A scanner that poses as a
//! keyboard sends places of keys, and by its own setting of the country chooses them; the computer's setting is none of it.
//!
//! A combining accent in a table is a dead key: it waits for the letter that carries it.

/// The countries for which there is a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// United States.
    #[default]
    Us,
    /// United Kingdom.
    Uk,
    /// Germany.
    De,
    /// France.
    Fr,
}

impl Layout {
    /// All of them.
    pub const ALL: [Layout; 4] = [Layout::Us, Layout::Uk, Layout::De, Layout::Fr];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Us => "us",
            Layout::Uk => "uk",
            Layout::De => "de",
            Layout::Fr => "fr",
        }
    }

    /// What stands on the key `code` (linux/input-event-codes.h) at this level; `None` where nothing does.
    pub fn character(self, code: u16, level: Level) -> Option<char> {
        let table = self.table();
        if level == Level::AltGr {
            return table.alt_gr.iter().find(|(key, _)| *key == code).map(|(_, letter)| *letter);
        }
        let rows = if level == Level::Shift { &table.shift } else { &table.plain };
        let (row, first) = ROWS.iter().enumerate().find_map(|(row, (first, count))| {
            let place = code.checked_sub(*first)?;
            (place < *count).then_some((row, usize::from(place)))
        })?;
        rows[row].chars().nth(first).filter(|letter| *letter != NOTHING)
    }

    fn table(self) -> &'static Table {
        match self {
            Layout::Us => &US,
            Layout::Uk => &UK,
            Layout::De => &DE,
            Layout::Fr => &FR,
        }
    }
}

/// Which of a key's characters is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Without a modifier.
    Plain,
    /// With Shift.
    Shift,
    /// With AltGr.
    AltGr,
}

/// The character of an accent and a letter: the accented letter, the accent alone before a space; `None` where the accent
/// goes with no such letter.
pub fn composed(accent: char, letter: char) -> Option<char> {
    let (_, alone, bases, accented) = ACCENTS.iter().find(|(dead, ..)| *dead == accent)?;
    if letter == ' ' {
        return Some(*alone);
    }
    bases.chars().zip(accented.chars()).find(|(base, _)| *base == letter).map(|(_, letter)| letter)
}

/// The accent alone, where it is a dead key.
pub fn accent_alone(letter: char) -> Option<char> {
    ACCENTS.iter().find(|(dead, ..)| *dead == letter).map(|(_, alone, ..)| *alone)
}

const ACUTE: char = '\u{301}';
const GRAVE: char = '\u{300}';
const CIRCUMFLEX: char = '\u{302}';
const DIAERESIS: char = '\u{308}';
const TILDE: char = '\u{303}';

/// Stands for a key without a character.
const NOTHING: char = '\0';

/// Dead key, the accent alone, letters that take it, the same with it.
const ACCENTS: [(char, char, &str, &str); 5] = [
    (ACUTE, '´', "aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ"),
    (GRAVE, '`', "aeiouAEIOU", "àèìòùÀÈÌÒÙ"),
    (CIRCUMFLEX, '^', "aeiouAEIOU", "âêîôûÂÊÎÔÛ"),
    (DIAERESIS, '¨', "aeiouyAEIOU", "äëïöüÿÄËÏÖÜ"),
    (TILDE, '~', "anoANO", "ãñõÃÑÕ"),
];

/// The rows of keys: first key code, how many follow one another. The last two stand alone: left of Enter (or above it),
/// and right of the left Shift.
const ROWS: [(u16, u16); 6] = [(2, 12), (16, 12), (30, 12), (44, 10), (43, 1), (86, 1)];

/// What stands on the keys of [`ROWS`].
struct Table {
    plain: [&'static str; 6],
    shift: [&'static str; 6],
    alt_gr: &'static [(u16, char)],
}

const US: Table = Table {
    plain: ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "zxcvbnm,./", "\\", "\\"],
    shift: ["!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"~", "ZXCVBNM<>?", "|", "|"],
    alt_gr: &[],
};

const UK: Table = Table {
    plain: ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "zxcvbnm,./", "#", "\\"],
    shift: ["!\"£$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:@¬", "ZXCVBNM<>?", "~", "|"],
    alt_gr: &[(5, '€'), (18, 'é'), (22, 'ú'), (23, 'í'), (24, 'ó'), (30, 'á'), (41, '¦')],
};

const DE: Table = Table {
    plain: ["1234567890ß\u{301}", "qwertzuiopü+", "asdfghjklöä\u{302}", "yxcvbnm,.-", "#", "<"],
    shift: ["!\"§$%&/()=?\u{300}", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ°", "YXCVBNM;:_", "'", ">"],
    alt_gr: &[
        (3, '²'),
        (4, '³'),
        (8, '{'),
        (9, '['),
        (10, ']'),
        (11, '}'),
        (12, '\\'),
        (16, '@'),
        (18, '€'),
        (27, '~'),
        (50, 'µ'),
        (86, '|'),
    ],
};

const FR: Table = Table {
    plain: ["&é\"'(-è_çà)=", "azertyuiop\u{302}$", "qsdfghjklmù²", "wxcvbn,;:!", "*", "<"],
    shift: ["1234567890°+", "AZERTYUIOP\u{308}£", "QSDFGHJKLM%\0", "WXCVBN?./§", "µ", ">"],
    alt_gr: &[
        (3, TILDE),
        (4, '#'),
        (5, '{'),
        (6, '['),
        (7, '|'),
        (8, GRAVE),
        (9, '\\'),
        (10, '^'),
        (11, '@'),
        (12, ']'),
        (13, '}'),
        (18, '€'),
        (27, '¤'),
    ],
};

/// The character of Alt and these digits of the keypad: a code point of CP437, with a zero before it of Windows-1252, above
/// 255 of Unicode. It does not hang on the layout. `None` for no digits and for what is no character.
pub fn alt_digits(digits: &str) -> Option<char> {
    let value: u32 = digits.parse().ok()?;
    match value {
        0 => None,
        0x80..=0xFF if digits.starts_with('0') => {
            let place = (value - 0x80) as usize;
            WINDOWS_1252.chars().nth(place).or_else(|| char::from_u32(value))
        }
        0x80..=0xFF => CP437.chars().nth((value - 0x80) as usize),
        value => char::from_u32(value),
    }
}

/// 80 to FF.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";

/// 80 to 9F; above, Windows-1252 is ISO 8859-1.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_character_for_each_key() {
        for layout in Layout::ALL {
            let table = layout.table();
            for (row, (_, count)) in ROWS.iter().enumerate() {
                for text in [table.plain[row], table.shift[row]] {
                    assert_eq!(text.chars().count(), usize::from(*count), "{layout:?} {text}");
                }
            }
        }
        assert_eq!((CP437.chars().count(), WINDOWS_1252.chars().count()), (128, 32));
        for (dead, _, bases, accented) in ACCENTS {
            assert_eq!(bases.chars().count(), accented.chars().count(), "{dead:?}");
        }
    }

    #[test]
    fn letters_of_ascii_and_digits_stand_on_every_layout_once() {
        for layout in Layout::ALL {
            for wanted in ('0'..='9').chain('A'..='Z') {
                let places = (1..=127_u16).flat_map(|code| {
                    [Level::Plain, Level::Shift, Level::AltGr].map(|level| layout.character(code, level))
                });
                assert_eq!(places.filter(|letter| *letter == Some(wanted)).count(), 1, "{layout:?} {wanted}");
            }
        }
    }

    #[test]
    fn digits_of_the_keypad_are_code_points() {
        let cases = [
            ("65", Some('A')),
            ("065", Some('A')),
            ("029", Some('\u{1D}')),
            ("132", Some('ä')),
            ("0228", Some('ä')),
            ("0128", Some('€')),
            ("225", Some('ß')),
            ("8364", Some('€')),
            ("0", None),
            ("", None),
            ("55296", None),
            ("99999999999", None),
        ];
        for (digits, expected) in cases {
            assert_eq!(alt_digits(digits), expected, "{digits}");
        }
    }
}
