//! A plain NTAG213: a Type 2 tag with an NDEF message, read page by page with the reader's pseudo-APDUs, which the
//! virtual chip answers in the reader's place (readers-and-scanners.md sections 1.7, 1.8 and 2.1).

use super::bytes::{Command, hex};
use super::fault::{Fault, FaultError, FaultKind};
use super::ndef::{self, Record, external, message};
use super::{Answer, Handset};

/// Storage card, "Ultralight family and all NTAG21x".
const ATR: [u8; 20] = [
    0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
    0x68,
];
/// Bytes of a page.
const PAGE: usize = 4;
/// Pages of an NTAG213, configuration among them.
const PAGES: usize = 45;
/// Bytes of its data area, from page 4 on.
const DATA_BYTES: usize = 144;

/// The faults of a plain tag, beside those of any chip.
pub const FAULTS: &[FaultKind] = &[
    FaultKind { name: "blank", value: "", meaning: "The tag holds an empty NDEF message: never written." },
    FaultKind { name: "no-cc", value: "", meaning: "The tag was never formatted: no capability container." },
    FaultKind { name: "long-tlv", value: "", meaning: "The message's length passes the end of the memory." },
    FaultKind { name: "no-end", value: "", meaning: "The memory is full of null TLVs, with no message and no end." },
    FaultKind { name: "chunked", value: "", meaning: "The record is a chunk, which no tag of ours holds." },
    FaultKind { name: "many", value: "", meaning: "The message has twenty records before the one that counts." },
    FaultKind {
        name: "lost",
        value: "page, 8",
        meaning: "Reading fails with 6300 from this page on: the tag is at the edge of the field.",
    },
    FaultKind { name: "copied", value: "", meaning: "The same text on a chip with another UID: a copied tag." },
    FaultKind { name: "random-uid", value: "", meaning: "The UID is random, as of a phone that plays a tag." },
    FaultKind { name: "not-lc1", value: "", meaning: "The text is a bare customer number and no LC1 text." },
    FaultKind {
        name: "as-link",
        value: "",
        meaning: "The text stands at the end of a link in place of a text record.",
    },
    FaultKind {
        name: "as-external",
        value: "",
        meaning: "The text stands in an external record in place of a text record.",
    },
    FaultKind {
        name: "lock-tlv",
        value: "",
        meaning: "Sound, yet lock and memory control TLVs come before the message.",
    },
    FaultKind { name: "long-form", value: "", meaning: "Sound, yet the message's length is written in three bytes." },
];

/// A plain tag.
pub struct Ntag {
    uid: [u8; 7],
    text: String,
    faults: Vec<Fault>,
    lost_from: usize,
}

impl Ntag {
    /// A tag with the UID `uid` and one text record.
    pub fn new(uid: [u8; 7], text: &str) -> Self {
        Self { uid, text: text.to_owned(), faults: Vec::new(), lost_from: usize::MAX }
    }

    /// Adds a fault of [`FAULTS`].
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        match fault.name.as_str() {
            "lost" => self.lost_from = fault.number(8, 0, 255)? as usize,
            _ if fault.is_in(FAULTS) => fault.bare()?,
            _ => return Err(FaultError::Unknown { wallet: "ntag", name: fault.name.clone() }),
        }
        self.faults.push(fault.clone());
        Ok(self)
    }

    fn has(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }

    /// The UID as the reader tells it.
    fn shown_uid(&self) -> Vec<u8> {
        if self.has("random-uid") {
            return vec![0x08, self.uid[1], self.uid[2], self.uid[3]];
        }
        let mut uid = self.uid;
        uid[6] ^= u8::from(self.has("copied"));
        uid.to_vec()
    }

    fn message(&self) -> Vec<u8> {
        let text = if self.has("not-lc1") { "C-000042" } else { &self.text };
        let (words, link) = (ndef::text("en", text), ndef::uri(&format!("https://cards.example/{text}")));
        let record = if self.has("as-link") {
            Record { tnf: 1, kind: b"U", id: &[], payload: &link }
        } else if self.has("as-external") {
            external(b"stampd.example:id", text.as_bytes())
        } else {
            Record { tnf: 1, kind: b"T", id: &[], payload: &words }
        };
        if self.has("blank") || text.is_empty() {
            return Vec::new();
        }
        let mut records = vec![external(b"x", &[]); if self.has("many") { 20 } else { 0 }];
        records.push(record);
        let mut bytes = message(&records);
        bytes[0] |= if self.has("chunked") { 0x20 } else { 0 };
        bytes
    }

    /// The whole memory. What exceeds the data area is cut, as no tag could hold it.
    fn memory(&self) -> Vec<u8> {
        let uid = self.shown_uid();
        let mut head = [0; 16];
        if let [a, b, c, d, e, f, g] = uid[..] {
            head[..10].copy_from_slice(&[a, b, c, 0x88 ^ a ^ b ^ c, d, e, f, g, d ^ e ^ f ^ g, 0x48]);
        }
        if !self.has("no-cc") {
            head[12..].copy_from_slice(&[0xE1, 0x10, (DATA_BYTES / 8) as u8, 0x00]);
        }
        let mut area = Vec::new();
        if self.has("lock-tlv") {
            area.extend([0x01, 0x03, 0xA0, 0x0C, 0x34, 0x00, 0x02, 0x03, 0xA0, 0x10, 0x44]);
        }
        if !self.has("no-end") {
            let bytes = self.message();
            let length = if self.has("long-tlv") { 0x0FFF } else { bytes.len() as u16 };
            area.push(0x03);
            if self.has("long-form") || length > 0xFE {
                area.push(0xFF);
                area.extend(length.to_be_bytes());
            } else {
                area.push(length as u8);
            }
            area.extend(bytes);
            area.push(0xFE);
        }
        area.resize(DATA_BYTES, 0);
        let mut memory = [&head[..], &area].concat();
        memory.resize(PAGES * PAGE, 0);
        memory
    }

    fn read(&self, page: usize, count: usize) -> Answer {
        let asked = format!("READ BINARY at page {page}");
        let memory = self.memory();
        if page >= self.lost_from || page * PAGE >= memory.len() {
            return Answer::status(0x6300, asked, "the tag does not answer (6300)");
        }
        // A tag reads on from its beginning when it comes to its end.
        let piece: Vec<u8> = memory.iter().cycle().skip(page * PAGE).take(count).copied().collect();
        let end = 16 + memory[16..].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let answer = Answer::plain([&piece[..], &[0x90, 0x00]].concat(), asked, format!("{count} bytes (9000)"));
        if page >= PAGE && page * PAGE + count >= end { answer.giving_pass() } else { answer }
    }
}

impl Handset for Ntag {
    fn name(&self) -> String {
        format!("NTAG213 {}", hex(&self.shown_uid()))
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let asked = || format!("the pseudo-APDU {}", hex(apdu));
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins, command.le) {
            (0xFF, 0xCA, _) if (command.p1, command.p2) == (0, 0) => {
                let uid = self.shown_uid();
                Answer::plain([&uid[..], &[0x90, 0x00]].concat(), "the UID", format!("{} (9000)", hex(&uid)))
            }
            (0xFF, 0xB0, Some(le @ (0x04 | 0x10))) if command.p1 == 0 => {
                self.read(usize::from(command.p2), usize::from(le))
            }
            (0xFF, 0xB0, _) => Answer::status(0x6700, asked(), "one page or four are read at a time (6700)"),
            (0xFF, _, _) => Answer::status(0x6A81, asked(), "the reader has no such function (6A81)"),
            _ => Answer::status(0x6E00, hex(apdu), "no chip with commands of its own (6E00)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: [u8; 7] = [0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6];
    const TEXT: &str = "LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y";

    fn tag(faults: &[&str]) -> Ntag {
        faults.iter().fold(Ntag::new(UID, TEXT), |tag, fault| {
            tag.with_fault(&fault.parse().expect("never fails")).expect("a known fault")
        })
    }

    /// The NDEF message, read four pages at a time; `None` when there is none.
    fn message_of(tag: &mut Ntag) -> Option<Vec<u8>> {
        let mut memory = Vec::new();
        for page in (0..40u8).step_by(4) {
            let answer = tag.answer(&[0xFF, 0xB0, 0x00, page, 0x10]).reply.bytes().to_vec();
            if answer.len() != 18 {
                return None;
            }
            memory.extend(&answer[..16]);
        }
        if memory[12] != 0xE1 {
            return None;
        }
        let mut area = &memory[16..];
        loop {
            let (kind, length, rest) = match area {
                [0x00, rest @ ..] => (0, 0, rest),
                [kind, 0xFF, a, b, rest @ ..] => (*kind, usize::from(u16::from_be_bytes([*a, *b])), rest),
                [kind, length, rest @ ..] => (*kind, usize::from(*length), rest),
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(length)?;
            if kind == 0x03 {
                return Some(value.to_vec());
            }
            area = rest;
        }
    }

    #[test]
    fn a_tag_reads_as_the_specification_lays_it_out() {
        let mut tag = tag(&[]);
        assert_eq!(tag.atr()[1..].iter().fold(0, |sum, byte| sum ^ byte), 0, "TCK");
        let head = tag.answer(&[0xFF, 0xB0, 0x00, 0x00, 0x10]).reply.bytes().to_vec();
        assert_eq!(hex(&head), "04a1b29fc3d4e5f60448000 0e11012009000".replace(' ', ""));
        assert_eq!(tag.answer(&[0xFF, 0xCA, 0, 0, 0]).reply.bytes(), [&UID[..], &[0x90, 0x00]].concat());
        let bytes = message_of(&mut tag).expect("a message");
        assert_eq!(ndef::records(&bytes).expect("NDEF")[0].payload, ndef::text("en", TEXT));
    }

    #[test]
    fn faults_show_what_their_names_say() {
        let shown = |fault: &str| message_of(&mut tag(&[fault]));
        let sound = shown("lock-tlv");
        assert!(
            sound.is_some() && sound == shown("long-form") && sound == shown("copied") && sound == shown("random-uid")
        );
        assert_eq!(shown("blank"), Some(Vec::new()));
        assert_eq!(shown("chunked").map(|bytes| ndef::records(&bytes).is_some()), Some(false));
        for none in ["no-cc", "long-tlv", "no-end", "lost"] {
            assert_eq!(shown(none), None, "{none}");
        }
        assert_eq!(shown("many").and_then(|bytes| ndef::records(&bytes).map(|all| all.len())), Some(21));
        let record = |fault| shown(fault).expect("a message")[3];
        assert_eq!([record("as-link"), record("not-lc1")], [b'U', b'T']);
        assert_eq!(tag(&["random-uid"]).shown_uid()[0], 0x08);
        assert_ne!(tag(&["copied"]).shown_uid(), UID);
        for kind in FAULTS {
            tag(&[kind.name]);
        }
    }

    #[test]
    fn the_last_piece_hands_the_text_over_and_nothing_makes_the_tag_panic() {
        let mut tag = tag(&[]);
        let gives: Vec<bool> =
            (0..8u8).map(|step| tag.answer(&[0xFF, 0xB0, 0x00, step * 4, 0x10]).gives_pass).collect();
        assert_eq!(gives.iter().position(|gives| *gives), Some(4), "48 bytes from page 4 on end in the third read");
        for length in 0..8 {
            for byte in [0x00, 0x10, 0xB0, 0xCA, 0xFF] {
                let command: Vec<u8> = std::iter::once(0xFF).chain(std::iter::repeat_n(byte, length)).collect();
                assert!(tag.answer(&command).reply.bytes().len() >= 2);
            }
        }
    }
}
