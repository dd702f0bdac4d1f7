//! A code that comes through PC/SC: a synthetic chip whose one readable block is the text that a scanner read
//! (readers-and-scanners.md section 3.7, form a).

use super::bytes::{Command, hex};
use super::code::Code;
use super::{Answer, Handset};

/// An ATR that begins with 3B8001, as the example configuration of such a scanner names it.
const ATR: [u8; 4] = [0x3B, 0x80, 0x01, 0x81];
/// The most that an answer holds: the text of a larger code is read in pieces.
const PIECE_BYTES_MAX: usize = 256;

/// A synthetic chip.
pub struct BarcodeCard {
    code: Code,
}

impl BarcodeCard {
    /// A chip that holds `code`.
    pub fn new(code: Code) -> Self {
        Self { code }
    }
}

impl Handset for BarcodeCard {
    fn name(&self) -> String {
        format!("a scanned code of {} bytes as a chip", self.code.bytes().len())
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    /// READ BINARY (FF B0) answers the text from the offset in P1 and P2, as much as Le asks for; anything else is
    /// unknown to such a device, which has no UID either.
    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins, command.le) {
            (0xFF, 0xB0, Some(le)) => {
                let bytes = self.code.bytes();
                let from = usize::from(u16::from_be_bytes([command.p1, command.p2]));
                let count = if le == 0 { PIECE_BYTES_MAX } else { usize::from(le) };
                let rest = bytes.get(from..).unwrap_or_default();
                let piece = &rest[..rest.len().min(count)];
                let words = format!("{} bytes of the code (9000)", piece.len());
                let answer = Answer::plain([piece, &[0x90, 0x00]].concat(), format!("the code from {from} on"), words);
                if piece.len() == rest.len() && !piece.is_empty() { answer.giving_pass() } else { answer }
            }
            (0xFF, _, _) => {
                let asked = format!("the pseudo-APDU {}", hex(apdu));
                Answer::status(0x6A81, asked, "the device has no such function (6A81)")
            }
            _ => Answer::status(0x6E00, hex(apdu), "no chip with commands of its own (6E00)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_whole_or_in_pieces() {
        let mut card = BarcodeCard::new(Code::new("LC1AYZQ", None));
        assert_eq!(card.atr()[1..].iter().fold(0, |sum, byte| sum ^ byte), 0, "TCK");
        let whole = card.answer(&[0xFF, 0xB0, 0, 0, 0]);
        assert_eq!(whole.reply.bytes(), b"LC1AYZQ\x90\x00");
        assert!(whole.gives_pass);
        let first = card.answer(&[0xFF, 0xB0, 0, 0, 4]);
        assert_eq!((first.reply.bytes(), first.gives_pass), (&b"LC1A\x90\x00"[..], false));
        let last = card.answer(&[0xFF, 0xB0, 0, 4, 4]);
        assert_eq!((last.reply.bytes(), last.gives_pass), (&b"YZQ\x90\x00"[..], true));
        assert_eq!(card.answer(&[0xFF, 0xB0, 0xFF, 0xFF, 4]).reply.bytes(), [0x90, 0x00]);
        assert_eq!(card.answer(&[0xFF, 0xCA, 0, 0, 0]).reply.bytes(), [0x6A, 0x81]);
        assert_eq!(card.answer(&[0x00, 0xA4, 4, 0]).reply.bytes(), [0x6E, 0x00]);
        assert_eq!(card.answer(&[0xFF]).reply.bytes(), [0x67, 0x00]);
    }
}
