//! A code that comes as a chip: a device that speaks PC/SC shows a synthetic card, and the answer to the last of some
//! commands is the text (readers-and-scanners.md section 3.7, form a).

use super::{CODE_BYTES_MAX, Reading};
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
    /// How the rest is read.
    pub reading: Reading,
}

impl CardRule {
    /// A chip with this ATR is such a device.
    pub fn fits(&self, atr: &[u8]) -> bool {
        !atr.is_empty() && atr.starts_with(&self.atr)
    }
}

/// The machine of one synthetic card.
pub struct CodeCard {
    commands: Vec<Vec<u8>>,
    sent: usize,
    skip: usize,
    reading: Reading,
    notes: Vec<Note>,
}

impl CodeCard {
    /// An exchange by this rule.
    pub fn new(rule: &CardRule) -> Self {
        let commands = if rule.apdus.is_empty() { vec![READ.to_vec()] } else { rule.apdus.clone() };
        Self { commands, sent: 0, skip: rule.skip, reading: rule.reading.clone(), notes: Vec::new() }
    }

    fn send(&mut self) -> Step {
        let command = self.commands[self.sent].clone();
        self.sent += 1;
        Step::Transmit(command)
    }

    fn code(&self, data: &[u8]) -> Found {
        let text = data.get(self.skip..).unwrap_or_default();
        // A block of fixed length is filled up with zeros.
        let length = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if length == 0 || length > CODE_BYTES_MAX {
            return Found::Problem(TapProblem::NoPass);
        }
        Found::Sealed(vec![Sealed::Code(self.reading.read(&text[..length]))])
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
