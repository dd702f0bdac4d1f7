//! Tags and bare chips: reads the NDEF message of a Type 4 tag (ISO-DEP) or of a Type 2 tag (storage card), and the UID by
//! the reader's pseudo-APDU (readers-and-scanners.md sections 1.8, 2.1 and 2.2). What it means is told by
//! [`super::keyring`], once the chip is released.
//!
//! **Invariant:** no length that a tag claims is believed beyond [`NDEF_MAX`], and every loop over its memory ends there.

use std::fmt;

use super::ndef::{self, Record, Tnf};
use super::ntag424::Sun;
use super::originality::{self, Origin, Way};
use super::{Exchange, Found, Machine, Note, Release, Sealed, Step, TapProblem};
use crate::pure::apdu::{Header, Response, StatusWord, aid};

/// The longest NDEF message that is read, bytes: the largest NTAG holds 872, and no token of ours 300.
pub const NDEF_MAX: usize = 1_024;

/// The most records of a message on a tag (readers-and-scanners.md section 2.3).
pub const RECORDS_MAX: usize = 16;

/// The longest wait for an answer, milliseconds: a tag answers within tens of them.
pub const WAIT_MS_MAX: u64 = 1_000;

/// The UID, from the reader (PC/SC part 3).
const GET_UID: [u8; 5] = [0xFF, 0xCA, 0x00, 0x00, 0x00];
/// SELECT the capability container; no answer data wanted (readers-and-scanners.md section 2.2).
const SELECT_CC: [u8; 7] = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0xE1, 0x03];
/// The part of the capability container that names the NDEF file.
const CC_BYTES: u8 = 15;
/// The most bytes asked for in one READ BINARY.
const CHUNK_MAX: usize = 0xFB;
/// The first byte of the UID of a chip that NXP made (ISO/IEC 7816-6).
const NXP: u8 = 0x04;
/// Pages of four bytes that one READ of a Type 2 tag gives.
const PAGES_AT_ONCE: usize = 4;
/// The page of the capability container of a Type 2 tag; its data area begins with the next one.
const HEAD_PAGE: u8 = 3;
/// Where the data area of a Type 2 tag begins.
const FIRST_PAGE: usize = 4;

/// Which media of a tag are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// NTAG 424 links.
    pub sun: bool,
    /// LC1 texts in NDEF.
    pub ndef: bool,
    /// The bare UID.
    pub uid: bool,
    /// How the reader passes on the question for NXP's signature; `None` where it is not asked.
    pub origin: Option<Way>,
}

/// What a tag or bare chip gave.
#[derive(Clone, PartialEq, Eq)]
pub struct TagRead {
    /// Its UID, 4 to 10 bytes; `None` where it was not needed or the reader could not tell it.
    pub uid: Option<Vec<u8>>,
    /// Its NDEF message.
    pub ndef: Option<Vec<u8>>,
    /// What was asked for.
    pub wanted: Wanted,
    /// It takes APDUs: an ISO-DEP chip.
    pub iso_dep: bool,
    /// NXP's signature of a Type 2 tag, where it was asked for and read.
    pub signature: Option<[u8; 32]>,
}

impl fmt::Debug for TagRead {
    /// Never shows a UID or a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len);
        write!(f, "TagRead {{ uid: {:?} bytes, ndef: {:?} bytes }}", length(&self.uid), length(&self.ndef))
    }
}

impl TagRead {
    /// What the tag's signature says of its origin.
    pub fn origin(&self) -> Origin {
        let uid = self.uid.as_deref().and_then(|uid| <[u8; 7]>::try_from(uid).ok());
        uid.zip(self.signature).map_or(Origin::Unknown, |(uid, signature)| originality::ntag21x(&uid, &signature))
    }

    /// The NTAG 424 link of its message, whether or not the shop made it.
    pub fn sun(&self) -> Option<Sun> {
        self.texts().iter().find_map(|text| Sun::parse(text))
    }

    /// The texts in its message that could be a token: of text records, links, and records of a name of somebody's own.
    pub fn texts(&self) -> Vec<String> {
        let Some(records) = self.ndef.as_deref().and_then(|bytes| ndef::parse(bytes).ok()) else { return Vec::new() };
        if records.len() > RECORDS_MAX {
            return Vec::new();
        }
        records.iter().filter_map(text_of).collect()
    }
}

fn text_of(record: &Record<'_>) -> Option<String> {
    match (record.tnf, record.kind) {
        (Tnf::WellKnown, b"T") => ndef::text(record.payload),
        // What the prefix byte stands for matters to nobody here: tokens stand at the end.
        (Tnf::WellKnown, b"U") => std::str::from_utf8(record.payload.get(1..)?).ok().map(str::to_owned),
        (Tnf::External, _) => std::str::from_utf8(record.payload).ok().map(str::to_owned),
        _ => None,
    }
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    SelectingNdef,
    SelectingCc,
    ReadingCc,
    SelectingFile,
    ReadingLength,
    ReadingFile,
    GettingUid,
    ReadingHead,
    ReadingArea,
    /// The question for the signature of that index is under way.
    AskingOrigin(usize),
    Over,
}

/// Whether a status word is the chip's or the reader's no to the question; any other is a read that failed, as 6300 is at
/// the edge of the field (readers-and-scanners.md section 1.8).
fn says_no(status: StatusWord) -> bool {
    matches!(status.code(), 0x6700..=0x68FF | 0x6900..=0x69FF | 0x6A00..=0x6BFF | 0x6D00..=0x6EFF)
}

/// The machine of a tag: one exchange.
pub struct Tag {
    wanted: Wanted,
    kind: Kind,
    stage: Stage,
    uid: Option<Vec<u8>>,
    /// What was read of the file or of the data area.
    bytes: Vec<u8>,
    /// How many bytes are to be read.
    length: usize,
    /// The most that one READ BINARY may ask for.
    chunk: usize,
    /// The largest file that the container allows.
    file_max: usize,
    command: Vec<u8>,
    /// The command under way was sent before, and its answer was a failure.
    asked_again: bool,
    signature: Option<[u8; 32]>,
    over: Option<Exchange>,
    notes: Vec<Note>,
}

/// What kind of chip is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It takes APDUs.
    IsoDep,
    /// A Type 2 tag behind the reader's pseudo-APDUs.
    Type2,
    /// A storage card of which only the UID is read.
    Bare,
}

impl Tag {
    /// An exchange with a chip of that kind.
    pub fn new(kind: Kind, wanted: Wanted) -> Self {
        Self {
            wanted,
            kind,
            stage: Stage::Idle,
            uid: None,
            bytes: Vec::new(),
            length: 0,
            chunk: CHUNK_MAX,
            file_max: 0,
            command: Vec::new(),
            asked_again: false,
            signature: None,
            over: None,
            notes: Vec::new(),
        }
    }

    fn go_on(&mut self, stage: Stage, command: Vec<u8>) -> Step {
        self.stage = stage;
        self.asked_again = false;
        self.command.clone_from(&command);
        Step::Transmit(command)
    }

    /// A read failed. Once more, so that a tag at the edge of the field is not taken for a bare chip; then the chip is not
    /// where it can be read.
    fn failed(&mut self, status: StatusWord) -> Step {
        if self.asked_again {
            self.notes.push(Note::Status { command: self.command.clone(), status });
            return self.end(Found::Problem(TapProblem::HoldStill));
        }
        self.asked_again = true;
        Step::Transmit(self.command.clone())
    }

    fn end(&mut self, found: Found) -> Step {
        let exchange = Exchange { found, release: Release::Leave };
        self.stage = Stage::Over;
        self.over = Some(exchange.clone());
        Step::Done(exchange)
    }

    fn give(&mut self, ndef: Option<Vec<u8>>) -> Step {
        let nxp = matches!(self.uid.as_deref(), Some([NXP, ..]));
        if self.kind == Kind::Type2 && self.wanted.origin.is_some() && nxp {
            self.bytes = ndef.unwrap_or_default();
            return self.ask_origin(0);
        }
        self.hand_over(ndef)
    }

    /// Asks for NXP's signature, each command of the reader's way in turn. A reader or chip that does not know it changes
    /// nothing.
    fn ask_origin(&mut self, index: usize) -> Step {
        let commands = self.wanted.origin.map_or_else(Vec::new, Way::commands);
        match commands.get(index) {
            Some(command) => self.go_on(Stage::AskingOrigin(index), command.clone()),
            None => {
                let ndef = std::mem::take(&mut self.bytes);
                self.hand_over((!ndef.is_empty()).then_some(ndef))
            }
        }
    }

    fn origin_answered(&mut self, data: &[u8], index: usize) -> Step {
        self.signature = self.signature.or(self.wanted.origin.and_then(|way| way.signature(data)));
        self.ask_origin(index + 1)
    }

    fn hand_over(&mut self, ndef: Option<Vec<u8>>) -> Step {
        let iso_dep = self.kind == Kind::IsoDep;
        let signature = self.signature;
        let read = TagRead { uid: self.uid.clone(), ndef, wanted: self.wanted, iso_dep, signature };
        self.end(Found::Sealed(vec![Sealed::Tag(read)]))
    }

    /// There is no NDEF message, or none that can be read as one: the UID is left.
    fn without_ndef(&mut self, why: Option<&'static str>) -> Step {
        self.notes.extend(why.map(Note::Malformed));
        self.bytes.clear();
        match (&self.uid, self.wanted.uid) {
            (Some(_), true) => self.give(None),
            (None, true) => self.go_on(Stage::GettingUid, GET_UID.to_vec()),
            (_, false) => self.end(Found::OtherProtocol),
        }
    }

    /// The container names the file: `04 06 fid(2) max(2) read write` behind seven bytes (section 2.2).
    fn container(&mut self, data: &[u8]) -> Step {
        let [_, _, _, mle_high, mle_low, _, _, 0x04, 0x06, fid_high, fid_low, max_high, max_low, read, ..] = *data
        else {
            return self.without_ndef(Some("no capability container of a Type 4 tag"));
        };
        if read != 0 {
            return self.without_ndef(Some("the NDEF file may not be read"));
        }
        self.chunk = usize::from(u16::from_be_bytes([mle_high, mle_low])).clamp(1, CHUNK_MAX);
        self.file_max = usize::from(u16::from_be_bytes([max_high, max_low]));
        let select = vec![0x00, 0xA4, 0x00, 0x0C, 0x02, fid_high, fid_low];
        self.go_on(Stage::SelectingFile, select)
    }

    fn length_read(&mut self, data: &[u8]) -> Step {
        let [high, low] = *data else { return self.without_ndef(Some("an NDEF file without its length")) };
        self.length = usize::from(u16::from_be_bytes([high, low]));
        match self.length {
            0 => self.without_ndef(None),
            length if length > NDEF_MAX || length + 2 > self.file_max => {
                self.without_ndef(Some("an NDEF message longer than its file"))
            }
            _ => self.read_file(),
        }
    }

    fn read_file(&mut self) -> Step {
        let at = self.bytes.len() + 2;
        let count = (self.length - self.bytes.len()).min(self.chunk);
        // Both fit: the message has at most NDEF_MAX bytes, a chunk at most CHUNK_MAX.
        let [high, low] = (at as u16).to_be_bytes();
        self.go_on(Stage::ReadingFile, vec![0x00, 0xB0, high, low, count as u8])
    }

    fn file_read(&mut self, data: &[u8]) -> Step {
        let left = self.length - self.bytes.len();
        if data.is_empty() {
            return self.without_ndef(Some("an NDEF file that ends before its message"));
        }
        self.bytes.extend_from_slice(&data[..data.len().min(left)]);
        if self.bytes.len() < self.length { self.read_file() } else { self.message_read() }
    }

    /// The whole message is here. A link of an NTAG 424 says its UID itself.
    fn message_read(&mut self) -> Step {
        let ndef = Some(std::mem::take(&mut self.bytes));
        let read = TagRead { uid: None, ndef, wanted: self.wanted, iso_dep: true, signature: None };
        let enough = self.uid.is_some() || (self.wanted.sun && read.sun().is_some());
        self.bytes = read.ndef.unwrap_or_default();
        if enough {
            let ndef = Some(std::mem::take(&mut self.bytes));
            return self.give(ndef);
        }
        if !self.wanted.ndef {
            // No link, and nobody asked for anything else of a message.
            return self.without_ndef(None);
        }
        self.go_on(Stage::GettingUid, GET_UID.to_vec())
    }

    fn uid_read(&mut self, data: &[u8], status: StatusWord) -> Step {
        if status != StatusWord::Success && !says_no(status) {
            return self.failed(status);
        }
        if status != StatusWord::Success || !(4..=10).contains(&data.len()) {
            return self.end(Found::OtherProtocol);
        }
        self.uid = Some(data.to_vec());
        match self.kind {
            Kind::IsoDep => {
                let ndef = std::mem::take(&mut self.bytes);
                self.give((!ndef.is_empty()).then_some(ndef))
            }
            Kind::Type2 if self.wanted.ndef => self.go_on(Stage::ReadingHead, read_pages(HEAD_PAGE)),
            Kind::Type2 | Kind::Bare => self.give(None),
        }
    }

    /// Page 3 of a Type 2 tag: `E1`, version 1, the size of the data area in units of eight bytes (section 2.1). The same
    /// answer holds the first twelve bytes of that area.
    fn head_read(&mut self, data: &[u8], status: StatusWord) -> Step {
        match status {
            StatusWord::Success => {}
            status if says_no(status) => return self.without_ndef(None),
            // By its ATR it has pages: one that is at the edge of the field must not be bound as a bare chip.
            status => return self.failed(status),
        }
        match data {
            [0xE1, version, size, _, area @ ..] if data.len() == PAGES_AT_ONCE * 4 && version >> 4 == 1 => {
                self.length = (usize::from(*size) * 8).min(NDEF_MAX);
                self.area_grows(area)
            }
            _ => self.without_ndef(None),
        }
    }

    fn read_area(&mut self) -> Step {
        match u8::try_from(self.next_page()) {
            Ok(page) if self.bytes.len() < self.length => self.go_on(Stage::ReadingArea, read_pages(page)),
            _ => self.without_ndef(Some("a data area without a whole NDEF message")),
        }
    }

    /// The page to read from. The last read begins earlier rather than going past the data area: behind it some tags begin
    /// again at page 0, and others refuse.
    fn next_page(&self) -> usize {
        let end = FIRST_PAGE + self.length / 4;
        (FIRST_PAGE + self.bytes.len() / 4).min(end.saturating_sub(PAGES_AT_ONCE)).max(FIRST_PAGE)
    }

    fn area_read(&mut self, data: &[u8]) -> Step {
        if data.len() != PAGES_AT_ONCE * 4 {
            return self.without_ndef(Some("a page of another length"));
        }
        let known = (FIRST_PAGE + self.bytes.len() / 4) - self.next_page();
        self.area_grows(&data[known * 4..])
    }

    fn area_grows(&mut self, data: &[u8]) -> Step {
        self.bytes.extend_from_slice(data);
        let readable = self.bytes.len().min(self.length);
        match message_in(&self.bytes[..readable]) {
            Area::Message(message) => {
                let ndef = message.to_vec();
                self.give((!ndef.is_empty()).then_some(ndef))
            }
            Area::NoMessage => self.without_ndef(None),
            Area::More => self.read_area(),
        }
    }
}

/// READ BINARY of four pages through the reader.
fn read_pages(page: u8) -> Vec<u8> {
    vec![0xFF, 0xB0, 0x00, page, (PAGES_AT_ONCE * 4) as u8]
}

/// What the first bytes of a data area hold.
#[derive(Debug, PartialEq, Eq)]
enum Area<'a> {
    Message(&'a [u8]),
    NoMessage,
    More,
}

/// Finds the NDEF TLV (section 2.1): 00 is filling, 01 and 02 are control, FD is proprietary, FE ends.
fn message_in(area: &[u8]) -> Area<'_> {
    let mut rest = area;
    loop {
        let Some((kind, behind)) = rest.split_first() else { return Area::More };
        if *kind == 0x00 {
            rest = behind;
            continue;
        }
        if *kind == 0xFE {
            return Area::NoMessage;
        }
        let (length, value) = match behind {
            [0xFF, high, low, value @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), value),
            [] | [0xFF, ..] => return Area::More,
            [length, value @ ..] => (usize::from(*length), value),
        };
        let Some((value, behind)) = value.split_at_checked(length) else { return Area::More };
        if *kind == 0x03 {
            return Area::Message(value);
        }
        rest = behind;
    }
}

impl Machine for Tag {
    fn start(&mut self) -> Step {
        match self.kind {
            Kind::IsoDep if self.wanted.sun || self.wanted.ndef => {
                self.go_on(Stage::SelectingNdef, Header::SELECT_BY_AID.with(&aid::NDEF_TYPE_4))
            }
            _ => self.go_on(Stage::GettingUid, GET_UID.to_vec()),
        }
    }

    fn feed(&mut self, response: &[u8]) -> Step {
        match (&self.over, self.stage) {
            (Some(exchange), _) => return Step::Done(exchange.clone()),
            (None, Stage::Idle) => return self.start(),
            _ => {}
        }
        let Some(Response { data, status }) = Response::split(response) else {
            self.notes.push(Note::Left);
            return self.end(Found::Problem(TapProblem::HoldStill));
        };
        if status != StatusWord::Success {
            match self.stage {
                Stage::SelectingNdef | Stage::SelectingCc | Stage::SelectingFile => return self.without_ndef(None),
                // The tag answered a moment ago: it is at the edge of the field (section 1.8, 6300).
                Stage::ReadingCc | Stage::ReadingLength | Stage::ReadingFile | Stage::ReadingArea => {
                    self.notes.push(Note::Status { command: self.command.clone(), status });
                    return self.end(Found::Problem(TapProblem::HoldStill));
                }
                _ => {}
            }
        }
        match self.stage {
            Stage::SelectingNdef => self.go_on(Stage::SelectingCc, SELECT_CC.to_vec()),
            Stage::SelectingCc => self.go_on(Stage::ReadingCc, vec![0x00, 0xB0, 0x00, 0x00, CC_BYTES]),
            Stage::ReadingCc => self.container(data),
            Stage::SelectingFile => self.go_on(Stage::ReadingLength, vec![0x00, 0xB0, 0x00, 0x00, 0x02]),
            Stage::ReadingLength => self.length_read(data),
            Stage::ReadingFile => self.file_read(data),
            Stage::ReadingHead => self.head_read(data, status),
            Stage::ReadingArea => self.area_read(data),
            Stage::AskingOrigin(index) => self.origin_answered(data, index),
            Stage::GettingUid | Stage::Idle | Stage::Over => self.uid_read(data, status),
        }
    }

    fn wait_ms_max(&self) -> u64 {
        WAIT_MS_MAX
    }

    fn notes(&self) -> &[Note] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: Wanted = Wanted { sun: true, ndef: true, uid: true, origin: None };
    const OK: [u8; 2] = [0x90, 0x00];

    /// Feeds the answers one after the other, `9000` alone when there are no more; commands sent, and the end.
    fn run(kind: Kind, wanted: Wanted, answers: &[&[u8]]) -> (Vec<Vec<u8>>, Exchange) {
        let mut machine = Tag::new(kind, wanted);
        let (mut step, mut sent, mut answers) = (machine.start(), Vec::new(), answers.iter());
        loop {
            match step {
                Step::Done(exchange) => {
                    assert_eq!(machine.feed(&OK), Step::Done(exchange.clone()), "over is over");
                    return (sent, exchange);
                }
                Step::Transmit(command) => sent.push(command),
            }
            assert!(sent.len() < 200, "led in circles");
            step = machine.feed(answers.next().copied().unwrap_or(&OK));
        }
    }

    fn read(exchange: Exchange) -> TagRead {
        match exchange.found {
            Found::Sealed(mut sealed) => match sealed.remove(0) {
                Sealed::Tag(read) => read,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// The examples of readers-and-scanners.md sections 2.2 and 2.3.
    const CC: &[u8] = b"\x00\x0F\x20\x00\x3B\x00\x34\x04\x06\xE1\x04\x01\x00\x00\x00\x90\x00";
    const UID: &[u8] = b"\x04\xA1\xB2\xC3\xD4\xE5\xF6\x90\x00";

    #[test]
    fn a_type_4_tag_is_read_in_chunks_and_then_its_uid() {
        let message = [b"\xD1\x01\x46T\x02en".as_slice(), &[b'x'; 67]].concat();
        let length = [&(message.len() as u16).to_be_bytes()[..], &OK].concat();
        // MLe is 3B: 59 bytes at a time.
        let (first, second) = ([&message[..59], &OK].concat(), [&message[59..], &OK].concat());
        let (sent, exchange) = run(Kind::IsoDep, ALL, &[&OK, &OK, CC, &OK, &length, &first, &second, UID]);
        assert_eq!(sent[5..], [vec![0, 0xB0, 0, 2, 59], vec![0, 0xB0, 0, 61, 15], GET_UID.to_vec()]);
        let read = read(exchange);
        assert_eq!((read.ndef.as_deref(), read.uid.as_deref()), (Some(&message[..]), Some(&UID[..7])));
        assert_eq!(read.texts(), ["x".repeat(67)]);
    }

    #[test]
    fn a_link_of_an_ntag_424_needs_no_uid() {
        let link = b"\x04a.example/t?p=EF963FF7828658A599F3041510671E88&m=94EED9EE65337086";
        let message = [&[0xD1, 0x01, link.len() as u8, b'U'][..], link].concat();
        let length = [&(message.len() as u16).to_be_bytes()[..], &OK].concat();
        let (first, second) = ([&message[..59], &OK].concat(), [&message[59..], &OK].concat());
        let answers: [&[u8]; 7] = [&OK, &OK, CC, &OK, &length, &first, &second];
        let (sent, exchange) = run(Kind::IsoDep, ALL, &answers);
        assert_eq!(sent.len(), 7);
        assert!(read(exchange).sun().is_some());
        let (sent, exchange) = run(Kind::IsoDep, Wanted { sun: false, ..ALL }, &answers);
        assert_eq!((sent.len(), exchange.found), (8, Found::OtherProtocol), "without its UID it is nothing else");
        let link_only = Wanted { sun: true, ndef: false, ..Wanted::default() };
        let other = [b"\xD1\x01\x37T\x02en".as_slice(), &[b'x'; 52], &OK].concat();
        let answers: [&[u8]; 6] = [&OK, &OK, CC, &OK, b"\x00\x3B\x90\x00", &other];
        let (sent, exchange) = run(Kind::IsoDep, link_only, &answers);
        assert_eq!((sent.len(), exchange.found), (6, Found::OtherProtocol), "no link: its UID is not asked for");
    }

    #[test]
    fn a_type_2_tag_is_read_to_the_end_of_its_message() {
        let head = [&[0xE1, 0x10, 0x12, 0][..], b"\x01\x03\xA0\x0C\x34\x03\x0D\xD1\x01\x09T\x02", &OK].concat();
        let area = [b"enLC1ABC\xFE\x00\x00\x00\x00\x00\x00\x00".as_slice(), &OK].concat();
        let (sent, exchange) = run(Kind::Type2, ALL, &[UID, &head, &area]);
        assert_eq!(sent[1..], [read_pages(3), read_pages(7)]);
        assert_eq!(read(exchange).texts(), ["LC1ABC"]);

        // Filled with nulls: the size of the data area ends it.
        let nulls = [&[0; 16][..], &OK].concat();
        let blank = [&[0xE1, 0x10, 0x12, 0][..], &[0; 12], &OK].concat();
        let answers: Vec<&[u8]> = [UID, &blank].into_iter().chain(std::iter::repeat_n(&nulls[..], 100)).collect();
        let (sent, exchange) = run(Kind::Type2, ALL, &answers);
        let read = read(exchange);
        assert_eq!((sent.len(), read.ndef, read.uid.is_some()), (2 + 9, None, true));
        let (_, exchange) = run(Kind::Type2, ALL, &[UID, &head, &[0x63, 0x00]]);
        assert_eq!(exchange.found, Found::Problem(TapProblem::HoldStill));
    }

    #[test]
    fn a_chip_without_a_message_has_its_uid() {
        let missing: &[u8] = &[0x6A, 0x82];
        for (kind, answers) in
            [(Kind::IsoDep, vec![missing, UID]), (Kind::Bare, vec![UID]), (Kind::Type2, vec![UID, missing])]
        {
            let read = read(run(kind, ALL, &answers).1);
            assert_eq!((read.uid.as_deref(), read.ndef), (Some(&UID[..7]), None));
        }
        // The chip or the reader says that it cannot be asked so.
        for no in [[0x6A, 0x81], [0x6D, 0x00], [0x6E, 0x00], [0x69, 0x82], [0x67, 0x00]] {
            let (sent, exchange) = run(Kind::Type2, ALL, &[UID, &no]);
            assert_eq!((sent.len(), read(exchange).ndef), (2, None));
            assert_eq!(run(Kind::Bare, ALL, &[&no]).1.found, Found::OtherProtocol);
        }
        let without = Wanted { uid: false, ..ALL };
        assert_eq!(run(Kind::IsoDep, without, &[missing]).1.found, Found::OtherProtocol);
        assert_eq!(run(Kind::Bare, ALL, &[missing]).1.found, Found::OtherProtocol);
        assert_eq!(run(Kind::IsoDep, ALL, &[&[0x90]]).1.found, Found::Problem(TapProblem::HoldStill));
    }

    #[test]
    fn a_read_that_fails_is_repeated_once_and_makes_no_bare_chip_of_a_tag() {
        let failed: &[u8] = &[0x63, 0x00];
        let head = [&[0xE1, 0x10, 0x12, 0][..], b"\x03\x08\xD1\x01\x04T\x02enL\xFE\x00", &OK].concat();
        let hold_still = Found::Problem(TapProblem::HoldStill);
        let (sent, exchange) = run(Kind::Type2, ALL, &[failed, UID, failed, &head]);
        assert_eq!(sent, [&GET_UID[..], &GET_UID, &read_pages(3), &read_pages(3)]);
        assert_eq!(read(exchange).texts(), ["L"]);
        let (sent, exchange) = run(Kind::Type2, ALL, &[UID, failed, failed]);
        assert_eq!((sent.len(), exchange.found), (3, hold_still.clone()), "its UID alone is no answer");
        for kind in [Kind::Type2, Kind::Bare] {
            let (sent, exchange) = run(kind, ALL, &[failed, &[0x6F, 0x00]]);
            assert_eq!((sent.len(), exchange.found), (2, hold_still.clone()), "{kind:?}");
        }
        let (sent, exchange) = run(Kind::IsoDep, ALL, &[&[0x6A, 0x82], failed, failed]);
        assert_eq!((sent.len(), exchange.found), (3, hold_still));
    }

    #[test]
    fn a_signature_is_asked_for_where_the_owner_and_the_reader_say_so() {
        let wanted = Wanted { uid: true, origin: Some(Way::Direct), ..Wanted::default() };
        let uid: &[u8] = b"\x04\xE1\x0C\xDA\x99\x3C\x80\x90\x00";
        let digits = "8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3";
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let signature: Vec<u8> = (0..64).step_by(2).map(byte).collect();
        let genuine = [&[0xD5, 0x43, 0x00][..], &signature, &OK].concat();
        let forged = [&[0xD5, 0x43, 0x00][..], &[7; 32], &OK].concat();
        for (answer, origin) in
            [(&genuine[..], Origin::Genuine), (&forged, Origin::Forged), (&[0x63, 0x00], Origin::Unknown)]
        {
            let (sent, exchange) = run(Kind::Type2, wanted, &[uid, answer]);
            assert_eq!((sent.len(), read(exchange).origin()), (2, origin));
        }
        // Chips of other makers, and those that take APDUs, are not asked.
        assert_eq!(run(Kind::Type2, wanted, &[b"\x05\xE1\x0C\xDA\x99\x3C\x80\x90\x00"]).0.len(), 1);
        assert_eq!(run(Kind::Bare, wanted, &[uid]).0.len(), 1);
        let session = Wanted { origin: Some(Way::Transparent), ..wanted };
        let (sent, exchange) = run(Kind::Type2, session, &[uid, &[0x6A, 0x81], &[0x6A, 0x81], &[0x6A, 0x81]]);
        assert_eq!((sent.len(), read(exchange).origin()), (4, Origin::Unknown), "a reader without such sessions");
    }

    #[test]
    fn lengths_that_lie_are_not_believed() {
        let lies: [&[u8]; 2] = [b"\x7F\xFF\x90\x00", b"\x00\xFF\x90\x00"];
        for length in lies {
            let read = read(run(Kind::IsoDep, ALL, &[&OK, &OK, CC, &OK, length, UID]).1);
            assert_eq!(read.ndef, None);
        }
        assert_eq!(message_in(b"\x03\xFF\x0F\xFF\x00"), Area::More);
        assert_eq!(message_in(b"\x00\x00\xFE\x03\x01x"), Area::NoMessage);
        assert_eq!(message_in(b"\xFD\x01x\x03\x01y"), Area::Message(b"y"));
    }

    proptest! {
        #[test]
        fn any_answers_end(answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40)) {
            for kind in [Kind::IsoDep, Kind::Type2, Kind::Bare] {
                let ok: Vec<Vec<u8>> = answers.iter().map(|answer| [&answer[..], &OK].concat()).collect();
                for answers in [&answers, &ok] {
                    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
                    let (_, exchange) = run(kind, ALL, &answers);
                    if let Found::Sealed(sealed) = exchange.found {
                        let Sealed::Tag(read) = &sealed[0] else { unreachable!() };
                        let _ = (read.texts(), read.sun());
                    }
                }
            }
        }
    }
}
