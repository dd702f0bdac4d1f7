//! AIM identifiers, three characters that tell the symbology of a code (ISO/IEC 15424; readers-and-scanners.md
//! section 3.4). A payload may begin with the same characters, so they are looked for only where a device sends them.

use std::fmt;

/// A symbology and how it was used: `]`, a letter, a modifier.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    letter: u8,
    modifier: u8,
}

impl fmt::Debug for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "]{}{}", self.letter as char, self.modifier as char)
    }
}

impl Aim {
    /// The identifier at the begin of `bytes`, and what follows it; `None` where there is none.
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let ([b']', letter, modifier], rest) = bytes.split_first_chunk()? else { return None };
        let ok = letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric();
        ok.then_some((Self { letter: *letter, modifier: *modifier }, rest))
    }

    /// It belongs to goods or to a coupon of the trade and not to a card: EAN, UPC, GS1 DataBar, and codes that begin with
    /// FNC1 (GS1-128, GS1 QR, GS1 DataMatrix, GS1 DotCode, Aztec with FNC1).
    pub fn is_goods(self) -> bool {
        matches!(
            (self.letter, self.modifier),
            (b'E' | b'e', _)
                | (b'C', b'1')
                | (b'Q', b'3' | b'4')
                | (b'd', b'2' | b'5')
                | (b'z', b'1' | b'4')
                | (b'J', b'1')
        )
    }

    /// A symbol of this kind holds digits alone: EAN and UPC, and Interleaved 2 of 5.
    pub fn has_digits_alone(self) -> bool {
        matches!(self.letter, b'E' | b'I')
    }

    /// It is of the same symbology, however it was used.
    pub fn is_kin(self, other: Self) -> bool {
        self.letter == other.letter
    }

    /// Escapes in the text name the character set: `\` and six digits, with every backslash of the text doubled.
    pub fn has_eci(self) -> bool {
        matches!(
            (self.letter, self.modifier),
            (b'Q', b'2' | b'4' | b'6')
                | (b'L', b'1')
                | (b'd', b'4' | b'5' | b'6')
                | (b'z', b'3' | b'4' | b'5')
                | (b'J', b'3')
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_three_characters_of_their_alphabet() {
        let cases: [(&[u8], Option<&str>, &[u8]); 9] = [
            (b"]Q1LC1", Some("]Q1"), b"LC1"),
            (b"]Q1", Some("]Q1"), b""),
            (b"]zCx", Some("]zC"), b"x"),
            (b"]Q", None, b""),
            (b"]1Q", None, b""),
            (b"]Q-", None, b""),
            (b"Q1]", None, b""),
            (b"]\xC3\xBC", None, b""),
            (b"", None, b""),
        ];
        for (bytes, name, rest) in cases {
            let split = Aim::split(bytes).map(|(aim, rest)| (format!("{aim:?}"), rest));
            assert_eq!(split, name.map(|name| (name.to_owned(), rest)), "{bytes:?}");
        }
    }

    #[test]
    fn goods_and_character_sets_are_told_by_the_modifier() {
        let aim = |text: &str| Aim::split(text.as_bytes()).expect("an identifier").0;
        for goods in ["]C1", "]Q3", "]Q4", "]d2", "]d5", "]e0", "]e2", "]E0", "]E4", "]z1", "]J1"] {
            assert!(aim(goods).is_goods(), "{goods}");
        }
        for card in ["]C0", "]C2", "]Q0", "]Q1", "]Q2", "]Q5", "]L0", "]L2", "]z0", "]z3", "]d1", "]A0", "]I0"] {
            assert!(!aim(card).is_goods(), "{card}");
        }
        for eci in ["]Q2", "]Q4", "]L1", "]z3", "]d4"] {
            assert!(aim(eci).has_eci(), "{eci}");
        }
        for plain in ["]Q1", "]Q3", "]L0", "]L2", "]z0", "]d1", "]C0"] {
            assert!(!aim(plain).has_eci(), "{plain}");
        }
    }
}
