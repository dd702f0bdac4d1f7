//! A code that comes as a chip: a device that speaks PC/SC shows a synthetic card, and the answer to the last of some
//! commands holds the text, bytes at a place or the value of a TLV object (readers-and-scanners.md section 3.7, form a).

use super::{CODE_BYTES_MAX, Reading};
use crate::pure::apdu::tlv::TlvReader;
use crate::pure::apdu::{Response, StatusWord};
use crate::pure::tap::{Exchange, Found, Machine, Note, Release, Sealed, Step, TapProblem};

/// READ BINARY from the begin, as much as there is: what is sent where the configuration names no commands.
const READ: [u8; 5] = [0xFF, 0xB0, 0x00, 0x00, 0x00];

/// How long the device may take for one answer, milliseconds.
const WAIT_MS_MAX: u64 = 2_000;

/// How such a device is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardRule {
    /// Begin of the ATR by which it is known; empty knows every chip on its reader.
    pub atr: Vec<u8>,
    /// The commands; the answer to the last one is the code.
    pub apdus: Vec<Vec<u8>>,
    /// Bytes left out at the begin of that answer.
    pub skip: usize,
    /// How many bytes are taken from there; all where it is none. An answer of fewer has no code.
    pub length: Option<usize>,
    /// The tags of the BER-TLV object in those bytes whose value is the code, from the outermost template to the object
    /// itself; empty where the bytes are the code.
    pub tlv: Vec<u16>,
    /// How the rest is read.
    pub reading: Reading,
}

impl CardRule {
    /// A chip with this ATR is such a device.
    pub fn fits(&self, atr: &[u8]) -> bool {
        !atr.is_empty() && atr.starts_with(&self.atr)
    }

    /// The bytes of an answer that are the code; `None` where it holds none.
    fn text<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        let from = data.get(self.skip..)?;
        let text = match self.length {
            Some(length) => from.get(..length)?,
            None => from,
        };
        self.tlv.iter().try_fold(text, |within, tlv_tag| object(within, *tlv_tag))
    }
}

/// The value of the first object of that tag. What stands behind it does not matter, as it is filled up with anything; in
/// front of it zeros may stand (ISO 7816-4 section 5.2.2.1). An object that is cut off is none.
fn object(bytes: &[u8], tlv_tag: u16) -> Option<&[u8]> {
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let mut objects = TlvReader::new(&bytes[first..]).map_while(Result::ok);
    objects.find(|object| object.tlv_tag == tlv_tag).map(|object| object.value)
}

/// The machine of one synthetic card.
pub struct CodeCard {
    commands: Vec<Vec<u8>>,
    sent: usize,
    rule: CardRule,
    notes: Vec<Note>,
}

impl CodeCard {
    /// An exchange by this rule.
    pub fn new(rule: &CardRule) -> Self {
        let commands = if rule.apdus.is_empty() { vec![READ.to_vec()] } else { rule.apdus.clone() };
        Self { commands, sent: 0, rule: rule.clone(), notes: Vec::new() }
    }

    fn send(&mut self) -> Step {
        let command = self.commands[self.sent].clone();
        self.sent += 1;
        Step::Transmit(command)
    }

    fn code(&self, data: &[u8]) -> Found {
        let text = self.rule.text(data).unwrap_or_default();
        // A block of fixed length is filled up with zeros.
        let length = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if length == 0 || length > CODE_BYTES_MAX {
            return Found::Problem(TapProblem::NoPass);
        }
        Found::Sealed(vec![Sealed::Code(self.rule.reading.read(&text[..length]))])
    }
}

impl Machine for CodeCard {
    fn start(&mut self) -> Step {
        self.sent = 0;
        self.send()
    }

    fn feed(&mut self, response: &[u8]) -> Step {
        let found = match Response::split(response) {
            None => {
                self.notes.push(Note::Left);
                Found::Problem(TapProblem::HoldStill)
            }
            Some(Response { status: StatusWord::Success, .. }) if self.sent < self.commands.len() => {
                return self.send();
            }
            Some(Response { data, status: StatusWord::Success }) => self.code(data),
            Some(Response { status, .. }) => {
                let command = self.sent.checked_sub(1).and_then(|last| self.commands.get(last)).cloned();
                self.notes.push(Note::Status { command: command.unwrap_or_default(), status });
                Found::Problem(TapProblem::ChipError)
            }
        };
        Step::Done(Exchange { found, release: Release::Leave })
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
    use crate::pure::tap::scan::Code;

    /// Plays answers; the commands that were sent, and how it ended.
    fn play(rule: &CardRule, answers: &[&[u8]]) -> (Vec<Vec<u8>>, Found) {
        let mut machine = CodeCard::new(rule);
        let (mut sent, mut answers) = (Vec::new(), answers.iter());
        let mut step = machine.start();
        loop {
            match step {
                Step::Done(exchange) => return (sent, exchange.found),
                Step::Transmit(command) => {
                    sent.push(command);
                    step = machine.feed(answers.next().expect("an answer"));
                }
            }
        }
    }

    fn code(bytes: &[u8]) -> Found {
        Found::Sealed(vec![Sealed::Code(Ok(Code::printed(bytes)))])
    }

    #[test]
    fn the_last_answer_is_the_code() {
        let plain = CardRule::default();
        assert_eq!(play(&plain, &[b"LC1ABC\x90\x00"]), (vec![READ.to_vec()], code(b"LC1ABC")));
        assert_eq!(play(&plain, &[b"LC1ABC\0\0\0\x90\x00"]).1, code(b"LC1ABC"));
        let two = CardRule { apdus: vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8]], skip: 2, ..CardRule::default() };
        let (sent, found) = play(&two, &[b"\x90\x00", b"xxLC1ABC\x90\x00"]);
        assert_eq!((sent, found), (two.apdus.clone(), code(b"LC1ABC")));
    }

    /// The code's place by rule, and answers with what is found in each; `None` is no code.
    #[test]
    fn the_code_is_taken_from_its_place_or_from_its_object() {
        let place = |skip, length| CardRule { skip, length, ..CardRule::default() };
        let objects = |tlv: &[u16]| CardRule { tlv: tlv.to_vec(), ..CardRule::default() };
        let behind = CardRule { skip: 2, length: Some(9), tlv: vec![0x53], ..CardRule::default() };
        let long = [b"\x53\x81\x80".to_vec(), vec![b'x'; 128]].concat();
        let longer = [b"\x53\x82\x01\x00".to_vec(), vec![b'x'; 256]].concat();
        type Case<'a> = (CardRule, &'a [u8], Option<&'a [u8]>);
        let cases: [Case; 28] = [
            (place(2, Some(6)), b"xxLC1ABCyy", Some(b"LC1ABC")),
            (place(0, Some(6)), b"LC1ABC", Some(b"LC1ABC")),
            (place(0, Some(8)), b"LC1ABC\0\0", Some(b"LC1ABC")),
            (place(0, Some(7)), b"LC1ABC", None),
            (place(7, Some(0)), b"LC1ABC", None),
            (place(9, None), b"LC1ABC", None),
            (objects(&[0x53]), b"\x53\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x53\x81\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x53\x82\x00\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x53]), &long, Some(&long[3..])),
            (objects(&[0x53]), &longer, Some(&longer[4..])),
            (objects(&[0x5F50]), b"\x5F\x50\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x80\x01x\x53\x06LC1ABC\x81\x01y", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x53\x06LC1ABC\x53\x06LC1DEF", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\0\0\0\x53\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x53\x06LC1ABC\0\0\0\0\0", Some(b"LC1ABC")),
            (objects(&[0x53]), b"\x53\x06LC1ABC\xFF\xFF\xFF", Some(b"LC1ABC")),
            (objects(&[0x61, 0x53]), b"\x61\x0B\x80\x01x\x53\x06LC1ABC", Some(b"LC1ABC")),
            (objects(&[0x61, 0x73, 0x53]), b"\x61\x0A\x73\x08\x53\x06LC1ABC", Some(b"LC1ABC")),
            (behind, b"xx\x53\x06LC1ABC\0yy", Some(b"LC1ABC")),
            // No object, none of this tag, in another template, cut off, without a length that can be.
            (objects(&[0x53]), b"\0\0", None),
            (objects(&[0x53]), b"\xC1\x06LC1ABC", None),
            (objects(&[0x53]), b"\x61\x08\x53\x06LC1ABC", None),
            (objects(&[0x61, 0x53]), b"\x62\x08\x53\x06LC1ABC", None),
            (objects(&[0x53]), b"\x53\x07LC1ABC", None),
            (objects(&[0x53]), b"\x53\x80LC1ABC\0\0", None),
            (objects(&[0x53]), b"\x53", None),
            (objects(&[0x53]), b"\x53\x00", None),
        ];
        for (rule, data, expected) in cases {
            let expected = expected.map_or(Found::Problem(TapProblem::NoPass), code);
            assert_eq!(play(&rule, &[&[data, b"\x90\x00"].concat()]).1, expected, "{rule:?} {data:02X?}");
        }
    }

    #[test]
    fn every_cut_of_an_object_is_no_code() {
        let rule = CardRule { tlv: vec![0x61, 0x53], ..CardRule::default() };
        let whole = b"\x61\x08\x53\x06LC1ABC";
        for length in 0..whole.len() {
            let found = play(&rule, &[&[&whole[..length], b"\x90\x00"].concat()]).1;
            assert_eq!(found, Found::Problem(TapProblem::NoPass), "{length}");
        }
    }

    #[test]
    fn whatever_else_it_answers_is_no_code() {
        let rule = CardRule { skip: 3, ..CardRule::default() };
        let cases: [(&[u8], TapProblem); 6] = [
            (b"", TapProblem::HoldStill),
            (b"\x90", TapProblem::HoldStill),
            (b"\x90\x00", TapProblem::NoPass),
            (b"ab\x90\x00", TapProblem::NoPass),
            (b"abc\0\0\x90\x00", TapProblem::NoPass),
            (b"\x6A\x82", TapProblem::ChipError),
        ];
        for (answer, problem) in cases {
            assert_eq!(play(&rule, &[answer]).1, Found::Problem(problem), "{answer:?}");
        }
    }

    #[test]
    fn a_device_is_known_by_the_begin_of_its_atr() {
        let rule = |atr: &[u8]| CardRule { atr: atr.to_vec(), ..CardRule::default() };
        assert!(rule(&[0x3B, 0x80]).fits(&[0x3B, 0x80, 0x01]) && rule(&[]).fits(&[0x3B]));
        assert!(!rule(&[0x3B, 0x81]).fits(&[0x3B, 0x80, 0x01]) && !rule(&[]).fits(&[]));
    }
}
