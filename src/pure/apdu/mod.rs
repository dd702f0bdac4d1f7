//! Bytes between reader and chip (ISO/IEC 7816-4): commands, answers, status words, BER-TLV, ATRs, application ids.
//!
//! Nothing here knows a card, a protocol or an exchange: it turns values into bytes and bytes into values. Whatever a chip
//! sends ends in a value or an error, never in a panic.
//!
//! **Invariant:** short APDUs only. Every protocol that we speak fits in them, and some readers take no others.

pub mod aid;
pub mod atr;
pub mod status;
pub mod tlv;

pub use status::StatusWord;

/// The most data bytes that a short command carries (its length field is one byte).
pub const COMMAND_DATA_MAX: usize = 255;

/// The most bytes of a short answer: 256 of data and the status word.
pub const RESPONSE_MAX: usize = 258;

/// The four bytes that every command starts with: class, instruction, two parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
}

impl Header {
    /// SELECT by application id, first or only occurrence (ISO/IEC 7816-4 section 11.2.2).
    pub const SELECT_BY_AID: Header = Header { cla: 0x00, ins: 0xA4, p1: 0x04, p2: 0x00 };

    /// A command without data that expects an answer of any length (case 2): the header and Le = 00.
    pub fn alone(self) -> Vec<u8> {
        vec![self.cla, self.ins, self.p1, self.p2, 0x00]
    }

    /// A command with data that expects an answer of any length (case 4): Lc, data, Le = 00.
    ///
    /// For data of a length known when compiling; a length that no short command carries does not compile.
    pub fn with<const N: usize>(self, data: &[u8; N]) -> Vec<u8> {
        const { assert!(N >= 1 && N <= COMMAND_DATA_MAX, "a short command carries 1 to 255 bytes of data") }
        self.case_4(data)
    }

    /// A command with data that expects an answer of any length (case 4); `None` when `data` is empty or longer than
    /// [`COMMAND_DATA_MAX`].
    pub fn with_slice(self, data: &[u8]) -> Option<Vec<u8>> {
        (1..=COMMAND_DATA_MAX).contains(&data.len()).then(|| self.case_4(data))
    }

    fn case_4(self, data: &[u8]) -> Vec<u8> {
        let mut command = Vec::with_capacity(data.len() + 6);
        command.extend_from_slice(&[self.cla, self.ins, self.p1, self.p2, data.len() as u8]);
        command.extend_from_slice(data);
        command.push(0x00);
        command
    }
}

/// An answer, split into its data and status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// What stands before the status word; may be empty.
    pub data: &'a [u8],
    /// The status word.
    pub status: StatusWord,
}

impl<'a> Response<'a> {
    /// Splits an answer; `None` for fewer than two bytes, by which a reader shows that the chip left during the exchange
    /// (apple-vas.md section 3, measured).
    pub fn split(bytes: &'a [u8]) -> Option<Self> {
        let (data, status) = bytes.split_last_chunk::<2>()?;
        Some(Self { data, status: StatusWord::from(u16::from_be_bytes(*status)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_carry_their_length_and_ask_for_any_answer() {
        let header = Header { cla: 0x90, ins: 0xC0, p1: 0, p2: 0 };
        assert_eq!(header.alone(), [0x90, 0xC0, 0, 0, 0]);
        assert_eq!(Header::SELECT_BY_AID.with(b"AB"), [0x00, 0xA4, 0x04, 0x00, 0x02, b'A', b'B', 0x00]);
        assert_eq!(header.with_slice(&[7; 255]).map(|command| (command.len(), command[4])), Some((261, 255)));
        assert_eq!(header.with_slice(&[7; 256]), None);
        assert_eq!(header.with_slice(&[]), None, "Lc = 0 is no short command");
    }

    #[test]
    fn an_answer_of_fewer_than_two_bytes_is_none() {
        assert_eq!(Response::split(&[]), None);
        assert_eq!(Response::split(&[0x90]), None);
        let only_status = Response::split(&[0x6A, 0x82]);
        assert_eq!(only_status, Some(Response { data: &[], status: StatusWord::NotFound }));
        let with_data = Response::split(&[1, 2, 0x90, 0x00]);
        assert_eq!(with_data, Some(Response { data: &[1, 2], status: StatusWord::Success }));
    }
}
