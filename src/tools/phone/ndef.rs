//! The phone's own reading and writing of NDEF records (readers-and-scanners.md section 2.3, google-smart-tap.md
//! section 3), apart from the daemon's on purpose.

/// One NDEF record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Type name format: 1 well-known, 2 MIME, 3 absolute URI, 4 external.
    pub tnf: u8,
    /// The type.
    pub kind: &'a [u8],
    /// The id; empty when there is none.
    pub id: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// Payload lengths above this take the long form.
const SHORT_MAX: usize = 255;

/// The message of `records`, with the begin and end marks.
pub fn message(records: &[Record<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let short = record.payload.len() <= SHORT_MAX;
        let mut flags = record.tnf & 0x07;
        flags |= if index == 0 { 0x80 } else { 0 };
        flags |= if index + 1 == records.len() { 0x40 } else { 0 };
        flags |= if short { 0x10 } else { 0 };
        flags |= if record.id.is_empty() { 0 } else { 0x08 };
        bytes.extend([flags, record.kind.len() as u8]);
        let length = (record.payload.len() as u32).to_be_bytes();
        bytes.extend_from_slice(if short { &length[3..] } else { &length });
        if !record.id.is_empty() {
            bytes.push(record.id.len() as u8);
        }
        bytes.extend_from_slice(record.kind);
        bytes.extend_from_slice(record.id);
        bytes.extend_from_slice(record.payload);
    }
    bytes
}

/// The records of a message; `None` when it is empty, chunked, marked wrongly or its lengths do not agree.
pub fn records(mut bytes: &[u8]) -> Option<Vec<Record<'_>>> {
    let mut found = Vec::new();
    loop {
        let (&[flags, kind_length], rest) = bytes.split_first_chunk::<2>()?;
        let begins = flags & 0x80 != 0;
        if begins != found.is_empty() || flags & 0x20 != 0 {
            return None;
        }
        let (length, rest) = if flags & 0x10 != 0 {
            let (&[length], rest) = rest.split_first_chunk::<1>()?;
            (usize::from(length), rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
        };
        let (id_length, rest) = match (flags & 0x08, rest) {
            (0, rest) => (0, rest),
            (_, [id_length, rest @ ..]) => (usize::from(*id_length), rest),
            _ => return None,
        };
        let (kind, rest) = rest.split_at_checked(usize::from(kind_length))?;
        let (id, rest) = rest.split_at_checked(id_length)?;
        let (payload, rest) = rest.split_at_checked(length)?;
        found.push(Record { tnf: flags & 0x07, kind, id, payload });
        bytes = rest;
        if flags & 0x40 != 0 {
            return bytes.is_empty().then_some(found);
        }
    }
}

/// An external record (Smart Tap's usual form).
pub fn external<'a>(kind: &'a [u8], payload: &'a [u8]) -> Record<'a> {
    Record { tnf: 4, kind, id: &[], payload }
}

/// The payload of a well-known text record: UTF-8, language code `language`.
pub fn text(language: &str, words: &str) -> Vec<u8> {
    [&[language.len() as u8], language.as_bytes(), words.as_bytes()].concat()
}

/// The payload of a well-known URI record, with the prefix byte that fits.
pub fn uri(address: &str) -> Vec<u8> {
    let prefixes = [(2, "https://www."), (1, "http://www."), (4, "https://"), (3, "http://")];
    let found = prefixes.into_iter().find_map(|(code, prefix)| Some((code, address.strip_prefix(prefix)?)));
    let (code, rest) = found.unwrap_or((0, address));
    [&[code], rest.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::bytes::{from_hex, hex};
    use super::*;

    #[test]
    fn the_specifications_vectors_come_out() {
        let link = uri("https://example.com/c/AB12");
        let cases = [
            (Record { tnf: 1, kind: b"U", id: &[], payload: &link }, "d1011355046578616d706c652e636f6d2f632f41423132"),
            (Record { tnf: 1, kind: b"T", id: &[], payload: &text("en", "LC1") }, "d101065402656e4c4331"),
            (external(b"stampd.example:id", &[1, 2, 3, 4]), "d411047374616d70642e6578616d706c653a696401020304"),
        ];
        for (record, expected) in cases {
            assert_eq!(hex(&message(&[record])), expected);
            assert_eq!(records(&from_hex(expected).expect("hex")), Some(vec![record]));
        }
    }

    #[test]
    fn messages_read_back_and_broken_ones_are_refused() {
        let long = vec![7; 300];
        let all =
            [external(b"one", &[]), Record { tnf: 1, kind: b"T", id: b"n", payload: &long }, external(b"two", &[9])];
        let bytes = message(&all);
        assert_eq!(records(&bytes), Some(all.to_vec()));
        for length in 0..bytes.len() {
            assert_eq!(records(&bytes[..length]), None, "{length}");
        }
        assert_eq!(records(&[&bytes[..], &[0]].concat()), None, "trailing byte");
        assert_eq!(records(&[bytes[0] & 0x7F, 3]), None, "no begin mark");
        assert_eq!(records(&[0xF4, 0, 0]), None, "chunked");
    }
}
