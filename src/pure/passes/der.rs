//! DER, as much as passes need: reading what certificates, .p12 files and signatures say where OpenSSL's interface does
//! not tell it, and writing a signature around bytes that are known beforehand (ITU-T X.690).
//!
//! The reader takes definite lengths in their shortest form and single-byte tags, which is all that X.509 and CMS use.

/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// SET.
pub const SET: u8 = 0x31;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// The context's `[0]`, constructed.
pub const CONTEXT_0: u8 = 0xA0;
/// The context's `[3]`, constructed.
pub const CONTEXT_3: u8 = 0xA3;

/// The bytes are no DER of the expected shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the expected DER")]
pub struct NotDer;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag byte.
    pub tag: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// Tag, length and content.
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader of what is in it.
    pub fn inside(&self) -> Reader<'a> {
        Reader::new(self.content)
    }
}

/// Reads one element after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    pub fn any(&mut self) -> Result<Element<'a>, NotDer> {
        let (&tag, after) = self.rest.split_first().ok_or(NotDer)?;
        // A tag of several bytes: nothing of ours has one.
        if tag & 0x1F == 0x1F {
            return Err(NotDer);
        }
        let (&first, after) = after.split_first().ok_or(NotDer)?;
        let (length, after) = match first {
            0..=0x7F => (usize::from(first), after),
            0x81..=0x84 => {
                let (digits, after) = after.split_at_checked(usize::from(first - 0x80)).ok_or(NotDer)?;
                let length = digits.iter().fold(0usize, |length, digit| length << 8 | usize::from(*digit));
                if digits[0] == 0 || length < 0x80 {
                    return Err(NotDer);
                }
                (length, after)
            }
            _ => return Err(NotDer),
        };
        let (content, rest) = after.split_at_checked(length).ok_or(NotDer)?;
        let whole = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Ok(Element { tag, content, whole })
    }

    /// The next element, which has this tag.
    pub fn want(&mut self, tag: u8) -> Result<Element<'a>, NotDer> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(NotDer) }
    }

    /// The next element if it has this tag.
    pub fn maybe(&mut self, tag: u8) -> Result<Option<Element<'a>>, NotDer> {
        if self.peek() == Some(tag) { self.want(tag).map(Some) } else { Ok(None) }
    }

    /// The only element of `bytes`, which has this tag.
    pub fn only(bytes: &'a [u8], tag: u8) -> Result<Element<'a>, NotDer> {
        let mut reader = Self::new(bytes);
        let element = reader.want(tag)?;
        if reader.is_empty() { Ok(element) } else { Err(NotDer) }
    }
}

/// The most elements of indefinite length that may lie in each other.
const DEPTH_MAX: usize = 32;

/// How many bytes the first element takes, in BER as well: lengths in any form, and indefinite ones up to their end
/// (X.690 section 8.1). None where it does not end.
pub fn extent(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Elements of indefinite length whose end has not come.
    let mut open = 0usize;
    loop {
        let first = *bytes.get(at)?;
        at += 1;
        if first & 0x1F == 0x1F {
            at += bytes.get(at..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
        }
        let length = *bytes.get(at)?;
        at += 1;
        match length {
            0x80 => open += 1,
            0..=0x7F => at = at.checked_add(usize::from(length))?,
            _ => {
                let digits = bytes.get(at..at.checked_add(usize::from(length & 0x7F))?)?;
                let length = digits
                    .iter()
                    .try_fold(0usize, |length, digit| length.checked_mul(256)?.checked_add(usize::from(*digit)))?;
                at = at.checked_add(digits.len())?.checked_add(length)?;
            }
        }
        if first == 0 && length == 0 {
            open = open.checked_sub(1)?;
        }
        if open > DEPTH_MAX || at > bytes.len() {
            return None;
        }
        if open == 0 {
            return Some(at);
        }
    }
}

/// A non-negative INTEGER of at most eight bytes.
pub fn integer(element: &Element<'_>) -> Result<u64, NotDer> {
    match element.content {
        [] => Err(NotDer),
        [first, ..] if *first >= 0x80 => Err(NotDer),
        digits if digits.len() > 9 || (digits.len() == 9 && digits[0] != 0) => Err(NotDer),
        digits => Ok(digits.iter().fold(0u64, |value, digit| value << 8 | u64::from(*digit))),
    }
}

/// The content of an OBJECT IDENTIFIER in dots.
pub fn oid_text(content: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut value = 0u64;
    for byte in content {
        value = value.checked_shl(7).unwrap_or(0) | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            parts.push(value);
            value = 0;
        }
    }
    let Some(first) = parts.first().copied() else { return String::new() };
    let (root, second) = if first < 80 { (first / 40, first % 40) } else { (2, first - 80) };
    let tail = parts[1..].iter().map(|part| format!(".{part}"));
    format!("{root}.{second}") + &tail.collect::<String>()
}

/// An element of `tag` around `parts`.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(length + 6);
    bytes.push(tag);
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
        bytes.push(0x80 | digits.len() as u8);
        bytes.extend_from_slice(digits);
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// A SET OF under `tag`: its elements in the order that DER wants, by their encodings (X.690 section 11.6).
pub fn set_of(tag: u8, mut elements: Vec<&[u8]>) -> Vec<u8> {
    elements.sort_unstable();
    element(tag, &elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_and_read_in_their_shortest_form() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let whole = element(OCTET_STRING, &[&content]);
            let read = Reader::only(&whole, OCTET_STRING).expect("what was written");
            assert_eq!((read.content, read.whole), (&content[..], &whole[..]));
        }
        for wrong in
            [&[0x04, 0x81, 0x01, 0x00][..], &[0x04, 0x80, 0, 0], &[0x04, 0x82, 0, 0x80], &[0x1F, 0x01, 0], &[4]]
        {
            assert_eq!(Reader::new(wrong).any(), Err(NotDer), "{wrong:02X?}");
        }
        assert!(Reader::only(&[4, 0, 4, 0], OCTET_STRING).is_err(), "something follows");
    }

    #[test]
    fn numbers_and_names() {
        let number = |bytes: &[u8]| integer(&Element { tag: INTEGER, content: bytes, whole: bytes });
        assert_eq!(number(&[0x00, 0xFF]), Ok(255));
        assert_eq!(number(&[0x80]), Err(NotDer));
        assert_eq!(number(&[0; 10]), Err(NotDer));
        assert_eq!(oid_text(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02]), "1.2.840.113549.1.7.2");
        assert_eq!(oid_text(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(oid_text(&[]), "");
        assert_eq!(set_of(SET, vec![&[2, 1, 5], &[2, 1, 3]]), [0x31, 6, 2, 1, 3, 2, 1, 5]);
    }

    #[test]
    fn the_extent_of_an_element_is_told_in_every_form_of_its_length() {
        for (bytes, extent_told) in [
            (&[0x30, 0x03, 2, 1, 5, 9, 9][..], Some(5)),
            (&[0x30, 0x81, 0x01, 7, 9], Some(4)),
            (&[0x1F, 0x81, 0x01, 0x01, 7, 9], Some(5)),
            (&[0x30, 0x80, 2, 1, 5, 0, 0, 9], Some(7)),
            (&[0x30, 0x80, 0x24, 0x80, 4, 1, 0, 0, 0, 0, 0, 9], Some(11)),
            (&[0x30, 0x80, 2, 1, 5, 0], None),
            (&[0x30, 0x03, 2, 1], None),
            (&[0, 0, 9], None),
            (&[0x30, 0xFF], None),
            (&[], None),
        ] {
            assert_eq!(extent(bytes), extent_told, "{bytes:02X?}");
        }
        assert_eq!(extent(&[0x30, 0x80].repeat(100_000)), None, "too deep");
        let mut wide = vec![0x04, 0x89];
        wide.extend([0xFF; 20]);
        assert_eq!(extent(&wide), None);
    }

    #[test]
    fn every_prefix_and_noise_are_read_without_panic() {
        let whole = element(SEQUENCE, &[&element(OCTET_STRING, &[&[1; 200]]), &element(OID, &[&[0x55, 4, 3]])]);
        for cut in 0..whole.len() {
            assert!(Reader::only(&whole[..cut], SEQUENCE).is_err());
        }
        for seed in 0..=255u8 {
            let noise: Vec<u8> =
                (0..64u8).map(|at| seed.wrapping_mul(31).wrapping_add(at.wrapping_mul(seed))).collect();
            let mut reader = Reader::new(&noise);
            while reader.any().is_ok() {}
            oid_text(&noise);
            assert!(extent(&noise).is_none_or(|extent| extent <= noise.len()));
        }
    }
}
