//! NDEF messages (NFC Forum, NDEF 1.0), as tags carry them and as Smart Tap nests them (google-smart-tap.md section 3,
//! readers-and-scanners.md section 2.3).
//!
//! Strict where a reader must be: first and last record marked as such, no chunks, no bytes left over, every length within
//! the bytes that are there.

use thiserror::Error;

/// The most records of one message; no pass or tag needs more.
pub const RECORDS_MAX: usize = 32;

const MESSAGE_BEGIN: u8 = 0x80;
const MESSAGE_END: u8 = 0x40;
const CHUNK: u8 = 0x20;
const SHORT: u8 = 0x10;
const ID_LENGTH: u8 = 0x08;

/// Type name formats: what the type field of a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tnf {
    /// 0: an empty record.
    Empty,
    /// 1: a type of the NFC Forum: `T`, `U`.
    WellKnown,
    /// 2: a media type.
    Media,
    /// 3: an absolute URI.
    AbsoluteUri,
    /// 4: a name of somebody's own.
    External,
    /// 5: unknown.
    Unknown,
}

/// Why bytes are no NDEF message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NdefError {
    /// They end inside a record.
    #[error("the bytes end inside a record")]
    Truncated,
    /// The marks of first and last record stand where they may not, or bytes are left behind the last.
    #[error("first and last record are not where the message begins and ends")]
    Marks,
    /// A chunked record, or a type name format that is reserved or belongs to chunks.
    #[error("a chunked record or a reserved type name format")]
    Form,
    /// More than [`RECORDS_MAX`] records.
    #[error("too many records")]
    TooMany,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the type field means.
    pub tnf: Tnf,
    /// The type field.
    pub kind: &'a [u8],
    /// The id field; empty where there is none.
    pub id: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// By what Smart Tap calls the record: its type where that is a name of Google's own, its id where the type is one of
    /// the NFC Forum's (google-smart-tap.md section 3).
    pub fn name(&self) -> &'a [u8] {
        match self.tnf {
            Tnf::External => self.kind,
            _ => self.id,
        }
    }
}

/// Reads a message that fills `bytes` exactly.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record<'_>>, NdefError> {
    let mut records = Vec::new();
    let mut rest = bytes;
    loop {
        let (head, record, behind) = read_record(rest)?;
        if (head & MESSAGE_BEGIN != 0) != records.is_empty() {
            return Err(NdefError::Marks);
        }
        if records.len() == RECORDS_MAX {
            return Err(NdefError::TooMany);
        }
        records.push(record);
        rest = behind;
        if head & MESSAGE_END != 0 {
            return if rest.is_empty() { Ok(records) } else { Err(NdefError::Marks) };
        }
    }
}

/// The first record of that name.
pub fn named<'a>(records: &[Record<'a>], name: &[u8]) -> Option<Record<'a>> {
    records.iter().find(|record| record.name() == name).copied()
}

/// One record, its first byte, and the bytes behind it.
fn read_record(bytes: &[u8]) -> Result<(u8, Record<'_>, &[u8]), NdefError> {
    let (head, rest) = split(bytes, 1)?;
    let head = head[0];
    if head & CHUNK != 0 {
        return Err(NdefError::Form);
    }
    let tnf = match head & 0x07 {
        0 => Tnf::Empty,
        1 => Tnf::WellKnown,
        2 => Tnf::Media,
        3 => Tnf::AbsoluteUri,
        4 => Tnf::External,
        5 => Tnf::Unknown,
        _ => return Err(NdefError::Form),
    };
    let (kind_length, rest) = split(rest, 1)?;
    let (payload_length, rest) = split(rest, if head & SHORT != 0 { 1 } else { 4 })?;
    let (id_length, rest) = split(rest, usize::from(head & ID_LENGTH != 0))?;
    let (kind, rest) = split(rest, number(kind_length))?;
    let (id, rest) = split(rest, number(id_length))?;
    let (payload, rest) = split(rest, number(payload_length))?;
    Ok((head, Record { tnf, kind, id, payload }, rest))
}

fn split(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), NdefError> {
    bytes.split_at_checked(length).ok_or(NdefError::Truncated)
}

/// Up to four bytes, big-endian.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// Writes a message record by record.
#[derive(Clone, Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
    last: usize,
}

impl Message {
    /// An empty message; one with records can be read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record of type `kind`, a name of somebody's own (TNF 4). `kind` must be shorter than 256 bytes.
    pub fn external(mut self, kind: &[u8], payload: &[u8]) -> Self {
        debug_assert!(kind.len() < 256, "a type has one byte for its length");
        let begin = if self.bytes.is_empty() { MESSAGE_BEGIN } else { 0 };
        if let Some(head) = self.bytes.get_mut(self.last) {
            *head &= !MESSAGE_END;
        }
        self.last = self.bytes.len();
        let short = u8::try_from(payload.len());
        let head = begin | MESSAGE_END | if short.is_ok() { SHORT } else { 0 } | 0x04;
        self.bytes.extend_from_slice(&[head, kind.len() as u8]);
        match short {
            Ok(length) => self.bytes.push(length),
            Err(_) => self.bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()),
        }
        self.bytes.extend_from_slice(kind);
        self.bytes.extend_from_slice(payload);
        self
    }

    /// The bytes of the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The text of a record of type `T` (RTD Text 1.0): the language is skipped, also one of no characters, as Google's wallet
/// writes it; UTF-8, or UTF-16 with big-endian as the default. `None` for a status byte that lies and for a bad encoding.
pub fn text(payload: &[u8]) -> Option<String> {
    let (status, rest) = payload.split_first()?;
    let text = rest.get(usize::from(status & 0x3F)..)?;
    if status & 0x80 == 0 { std::str::from_utf8(text).ok().map(str::to_owned) } else { utf_16(text) }
}

/// UTF-16 with an optional byte order mark, big-endian without one.
pub fn utf_16(bytes: &[u8]) -> Option<String> {
    let (pairs, left) = bytes.as_chunks::<2>();
    if !left.is_empty() {
        return None;
    }
    let little = pairs.first() == Some(&[0xFF, 0xFE]);
    let units = pairs.iter().map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    Some(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
    }

    #[test]
    fn reads_the_examples() {
        let uri = bytes("D1011355046578616D706C652E636F6D2F632F41423132");
        let record = parse(&uri).unwrap()[0];
        assert_eq!((record.tnf, record.kind, record.id), (Tnf::WellKnown, &b"U"[..], &b""[..]));
        assert_eq!(record.payload, b"\x04example.com/c/AB12");
        let english = bytes("D101065402656E4C4331");
        assert_eq!(text(parse(&english).unwrap()[0].payload).as_deref(), Some("LC1"));
        let own = bytes("D411047374616D70642E6578616D706C653A696401020304");
        let record = parse(&own).unwrap()[0];
        assert_eq!((record.tnf, record.name()), (Tnf::External, &b"stampd.example:id"[..]));
        assert_eq!(Message::new().external(b"stampd.example:id", &[1, 2, 3, 4]).into_bytes(), own);
        // As Google's wallet writes a redemption value: type T, id n, no language.
        let value = bytes("D9010401546E00414243");
        let record = parse(&value).unwrap()[0];
        assert_eq!((record.name(), text(record.payload).as_deref()), (&b"n"[..], Some("ABC")));
    }

    #[test]
    fn reads_back_what_it_wrote_in_both_lengths() {
        for length in [0, 1, 255, 256, 70_000] {
            let long = vec![7; length];
            let message = Message::new().external(b"a", b"x").external(b"b", &long).external(b"c", b"").into_bytes();
            let records = parse(&message).unwrap();
            assert_eq!(records.len(), 3);
            assert_eq!(named(&records, b"b").map(|record| record.payload), Some(&long[..]));
            assert_eq!(named(&records, b"d"), None);
        }
    }

    #[test]
    fn refuses_what_is_no_whole_message() {
        let good = Message::new().external(b"a", b"xy").external(b"b", b"z").into_bytes();
        for length in 0..good.len() {
            assert_eq!(parse(&good[..length]), Err(NdefError::Truncated), "{length}");
        }
        let changed = |at: usize, flip: u8| {
            let mut message = good.clone();
            message[at] ^= flip;
            message
        };
        let cases = [
            (changed(0, MESSAGE_BEGIN), NdefError::Marks),
            (changed(0, MESSAGE_END), NdefError::Marks),
            (changed(6, MESSAGE_BEGIN), NdefError::Marks),
            (changed(6, MESSAGE_END), NdefError::Truncated),
            (changed(0, CHUNK), NdefError::Form),
            (changed(0, 0x02), NdefError::Form),
            ([&good[..], &[0]].concat(), NdefError::Marks),
            ([&good[..], &good].concat(), NdefError::Marks),
            (bytes("C401FFFFFFFF61"), NdefError::Truncated),
        ];
        for (message, error) in cases {
            assert_eq!(parse(&message), Err(error), "{message:02x?}");
        }
        let many = (0..=RECORDS_MAX).fold(Message::new(), |message, _| message.external(b"a", b""));
        assert_eq!(parse(&many.into_bytes()), Err(NdefError::TooMany));
    }

    #[test]
    fn texts_come_in_three_encodings() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"\x00ABC", Some("ABC")),
            (b"\x02enABC", Some("ABC")),
            (b"\x00", Some("")),
            (b"\x80\x00A\x20\xAC", Some("A€")),
            (b"\x82en\xFE\xFF\x00A", Some("A")),
            (b"\x80\xFF\xFEA\x00", Some("A")),
            (b"\x80\x00A\x00", None),
            (b"\x80\xD8\x00", None),
            (b"\x05enA", None),
            (b"\x00\xFF", None),
        ];
        for (payload, expected) in cases {
            assert_eq!(text(payload).as_deref(), expected, "{payload:02x?}");
        }
        assert_eq!(text(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_within_them_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(records) = parse(&bytes) {
                let inside: usize = records.iter().map(|record| record.payload.len() + record.kind.len()).sum();
                prop_assert!(inside <= bytes.len() && records.len() <= RECORDS_MAX);
            }
            let _ = text(&bytes);
        }
    }
}
